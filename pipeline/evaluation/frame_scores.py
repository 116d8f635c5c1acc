"""frame_scores.csv: a row for every test frame."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from pipeline.evaluation.run import FUSED, TGAN, VideoRun
from pipeline.evaluation.videos import TestVideo
from pipeline.files import replace_file
from pipeline.timebase import seconds

__all__ = ["write_frame_scores"]


def write_frame_scores(
    path: Path, videos: Sequence[TestVideo], runs: Sequence[VideoRun], rows: Sequence[str]
) -> None:
    """Write video, frame (from 0), time, fused score, p-value, alert, and every expert's score.

    Scores are -log10 p of the clip around the frame, smoothed causally as the threshold sees them;
    the p-value is 10 ** -score. `alert` is what was known when the frame was shown.
    """
    experts = [row for row in rows if row not in (FUSED, TGAN)]
    with replace_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["video", "frame", "time_seconds", "score", "p_value", "alert", *experts])
        for video, run in zip(videos, runs, strict=True):
            fused = run.rows[FUSED]
            columns = [run.rows[expert].score for expert in experts]
            for frame, pts_us in enumerate(video.pts_us):
                score = float(fused.score[frame])
                writer.writerow(
                    [
                        video.name,
                        frame,
                        f"{seconds(int(pts_us)):.6f}",
                        f"{score:.6f}",
                        f"{10.0**-score:.6g}",
                        int(fused.alert[frame]),
                        *(f"{float(column[frame]):.6f}" for column in columns),
                    ]
                )
