"""`evaluate` from end to end over a pretend world whose answers are known."""

from __future__ import annotations

import csv
import io
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from pipeline.errors import EvaluationError, FootageError
from pipeline.evaluation.protocol import evaluate
from pipeline.evaluation.tables import FIGURE_NAMES, budget_line, format_figure, print_result
from pipeline.evaluation.trivial import TRIVIAL_NAMES
from pipeline.evaluation.videos import list_videos
from pipeline.scoring.experts import EXPERTS
from tests.evaluation_makers import FakeModel, FakeWorld, policy, write_site, write_video


def _evaluate(site: dict[str, Path], world: FakeWorld, **changes: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        **site,
        "preset": "compact",
        "seeds": [0],
        "model": None,
        "parts": world.parts(),
    }
    return evaluate(**{**arguments, **changes})


Plain = tuple[Path, dict[str, Any], list[str]]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Plain:
    """One evaluation with one seed and masks: output folder, result, progress lines."""
    site = write_site(tmp_path_factory.mktemp("site"))
    lines: list[str] = []
    result = _evaluate(site, FakeWorld(), progress=lines.append)
    return site["out"], result, lines


def test_the_result_has_the_shape_of_the_protocol(plain: Plain) -> None:
    out, result, _ = plain
    assert result == json.loads((out / "result.json").read_text())
    assert list(result["strict"]) == ["fused", "tgan", "critic", "reconstruction", "motion"]
    assert list(result["literature"]) == list(result["strict"])
    assert tuple(result["trivial"]) == TRIVIAL_NAMES
    for table in ("strict", "literature", "trivial"):
        for figures in result[table].values():
            assert tuple(figures) == FIGURE_NAMES
            assert set(figures["micro_auc"]) == {"mean", "sd", "low", "high"}
    assert set(result["budget"]) == {
        "stated_per_day",
        "measured_per_day",
        "interval",
        "detected_frames",
    }
    assert {"train", "calibrate", "score", "measure"} <= set(result["seconds"])
    assert result["seeds"] == [0]
    assert result["digests"]["models"] == {"0": "digest-of-seed-0"}
    assert len(result["digests"]["test"]) == 64
    assert result["settings"]["frames"] == 150
    assert result["settings"]["labelled_frames"] == 40
    assert result["settings"]["folder_rate"] == 10.0


def test_a_model_that_sees_everything_has_the_figures_that_follow(plain: Plain) -> None:
    """Clips end at odd frames, so a score comes one frame late: 38 of 40 frames are found, and one
    normal frame after a.mp4's interval is still flagged."""
    _, result, _ = plain
    fused = result["strict"]["fused"]
    # a.mp4: frames 20..39; clips end at 3, 5, ... 21 is the first inside, 39 the last, held for 40.
    # b.mp4: frames 30..49; the clip at 31 is the first inside.
    assert fused["event_recall"] == 1.0
    assert fused["false_alarms_per_hour"] == 0.0
    assert fused["detection_delay_seconds"] == pytest.approx(0.1)
    assert fused["f1_at_threshold"] == pytest.approx(2 * 38 / (2 * 38 + 1 + 2))
    assert fused["micro_auc"]["mean"] > 0.95
    # The map is coarser than the block and moves half a cell behind it; by chance it would be .5.
    assert fused["pixel_auroc"] > 0.85
    assert fused["rbdc"] > 0.85
    assert fused["tbdc"] == pytest.approx(1.0, abs=0.02)
    assert result["budget"] == {
        "stated_per_day": 1.0,
        "measured_per_day": 0.0,
        "interval": [0.0, pytest.approx(3.6889 / (11.0 / 86_400), rel=1e-3)],
        "detected_frames": pytest.approx(0.9, abs=0.1),
    }


def test_every_test_frame_has_a_row_with_a_column_an_expert(plain: Plain) -> None:
    with (plain[0] / "frame_scores.csv").open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert list(rows[0]) == [
        "video",
        "frame",
        "time_seconds",
        "score",
        "p_value",
        "alert",
        "critic",
        "reconstruction",
        "motion",
    ]
    assert [(row["video"], int(row["frame"])) for row in rows] == [
        (name, frame)
        for name, count in (("a.mp4", 60), ("b.mp4", 50), ("c.mp4", 40))
        for frame in range(count)
    ]
    # The first three frames come before the end of the first clip and have its score.
    assert rows[0]["score"] == rows[3]["score"] == "0.280000"
    assert rows[21]["time_seconds"] == "2.100000"
    assert float(rows[21]["score"]) == 4.0
    assert float(rows[21]["p_value"]) == pytest.approx(1e-4)
    assert [row["alert"] for row in rows[19:23]] == ["0", "0", "1", "1"]
    assert {row["alert"] for row in rows if row["video"] == "c.mp4"} == {"0"}


def test_the_report_needs_nothing_from_anywhere_else(plain: Plain) -> None:
    page = (plain[0] / "report.html").read_text(encoding="utf-8")
    assert "a.mp4" in page
    assert page.count("<polyline") == 3
    assert page.count('href="data:image/png;base64,') == 4  # two events, frame and heat map each
    for outside in ("http://", "https://", "<script", "<link", "src="):
        assert outside not in page
    assert 'lang="ja"' in page


def test_names_from_the_footage_cannot_write_into_the_report(tmp_path: Path) -> None:
    site = write_site(tmp_path)
    write_video(site["test"], "<b onclick=x>.mp4", frames=20)
    _evaluate(site, FakeWorld(), masks=None)
    page = (site["out"] / "report.html").read_text(encoding="utf-8")
    assert "<b onclick" not in page
    assert "&lt;b onclick=x&gt;.mp4" in page


def test_seeds_are_trained_one_after_the_other_and_their_models_kept(tmp_path: Path) -> None:
    site, world = write_site(tmp_path), FakeWorld()
    result = _evaluate(site, world, seeds=[3, 1, 2], masks=None)
    assert world.learnt == [3, 1, 2]
    assert result["seeds"] == [3, 1, 2]
    assert result["strict"]["fused"]["micro_auc"]["sd"] == pytest.approx(0.0)
    assert sorted(path.name for path in (site["out"] / "models").iterdir()) == [
        "seed-1",
        "seed-2",
        "seed-3",
    ]
    assert not [path for path in site["out"].iterdir() if path.name.startswith(".")]


def test_models_of_an_earlier_run_are_taken_again_and_missing_ones_trained(tmp_path: Path) -> None:
    site, world = write_site(tmp_path), FakeWorld()
    _evaluate(site, world, seeds=[0], masks=None)
    again = _evaluate(site, world, seeds=[0, 1], masks=None, reuse=True)
    assert world.learnt == [0, 1]
    assert again["seeds"] == [0, 1]
    assert again["digests"]["models"]["0"] == "digest-of-the-given-model"


def test_a_given_model_is_scored_without_training(tmp_path: Path) -> None:
    site, world = write_site(tmp_path), FakeWorld()
    result = _evaluate(site, world, train=None, model=tmp_path / "model", masks=None)
    assert world.learnt == []
    assert result["seeds"] == []
    assert result["digests"]["models"] == {"given": "digest-of-the-given-model"}
    assert result["digests"]["train"] is None
    assert result["settings"]["preset"] is None


def test_without_masks_there_are_no_place_figures(tmp_path: Path) -> None:
    result = _evaluate(write_site(tmp_path), FakeWorld(), masks=None)
    fused = result["strict"]["fused"]
    assert (fused["pixel_auroc"], fused["rbdc"], fused["tbdc"]) == (None, None, None)
    assert fused["micro_auc"]["mean"] > 0.95


def test_the_literature_column_has_nothing_that_needs_a_threshold(plain: Plain) -> None:
    fused = plain[1]["literature"]["fused"]
    assert fused["micro_auc"]["mean"] is not None
    for name in ("event_recall", "false_alarms_per_hour", "f1_at_threshold", "pixel_auroc"):
        assert fused[name] is None


def test_alerts_in_normal_footage_are_false_alarms_and_break_the_budget(tmp_path: Path) -> None:
    site = write_site(tmp_path)
    labels = site["labels"]
    labels.write_text("video,start_seconds,end_seconds\na.mp4,2.0,4.0\n")
    result = _evaluate(site, FakeWorld(), masks=None)
    # 13 normal seconds hold one false alarm, in b.mp4.
    assert result["strict"]["fused"]["false_alarms_per_hour"] == pytest.approx(3600 / 13)
    assert result["budget"]["measured_per_day"] == pytest.approx(86_400 / 13)
    low, high = result["budget"]["interval"]
    assert low < 86_400 / 13 < high
    line = budget_line(result["budget"])
    assert "1 false alarms a day stated, 6646.2 measured" in line
    assert (
        f"{result['budget']['detected_frames']:.0%} of the labelled frames under an alert" in line
    )


def test_a_missed_event_lowers_recall_and_has_no_delay(tmp_path: Path) -> None:
    world = FakeWorld(FakeModel(policy=policy(alert_score=9.0)))
    fused = _evaluate(write_site(tmp_path), world, masks=None)["strict"]["fused"]
    assert fused["event_recall"] == 0.0
    assert fused["detection_delay_seconds"] is None
    assert fused["f1_at_threshold"] == 0.0


def test_a_model_without_network_experts_has_an_empty_tgan_row(tmp_path: Path) -> None:
    class MotionOnly(FakeWorld):
        def _score(self, model, stretch):  # type: ignore[no-untyped-def]
            for clip in super()._score(model, stretch):
                yield type(clip)(
                    anomaly=clip.anomaly,
                    tgan_score=float("nan"),
                    maps=clip.maps,
                    fused_map=clip.fused_map,
                    tgan_map=clip.tgan_map,
                )

    world = MotionOnly(FakeModel(expert_names=("motion",)))
    result = _evaluate(write_site(tmp_path), world, train=None, model=tmp_path)
    assert set(result["strict"]) == {"fused", "tgan", "motion"}
    assert result["strict"]["tgan"]["micro_auc"]["mean"] is None
    assert result["strict"]["motion"]["micro_auc"]["mean"] > 0.95


def test_a_video_too_short_for_a_clip_is_scored_0_and_said_so(tmp_path: Path) -> None:
    site = write_site(tmp_path)
    write_video(site["test"], "d.mp4", frames=3)
    lines: list[str] = []
    _evaluate(site, FakeWorld(), masks=None, progress=lines.append)
    assert any("d.mp4 is too short for one clip" in line for line in lines)
    with (site["out"] / "frame_scores.csv").open(newline="") as opened:
        rows = [row for row in csv.DictReader(opened) if row["video"] == "d.mp4"]
    assert [row["score"] for row in rows] == ["0.000000"] * 3


def test_progress_names_every_video_and_stage(plain: Plain) -> None:
    lines = plain[2]
    text = "\n".join(lines)
    assert "test video 1/3 a.mp4: 60 frames, 20 labelled" in text
    assert "seed 0: training preset compact on 3 stretches" in text
    assert "seed 0: scored 3/3 c.mp4: 19 clips, 0 alerts" in text
    assert "result.json" in lines[-1]


def test_a_mask_that_contradicts_the_labels_is_said(tmp_path: Path) -> None:
    site = write_site(tmp_path)
    site["labels"].write_text("video,start_seconds,end_seconds\na.mp4,2.5,4.0\nb.mp4,3.0,5.0\n")
    lines: list[str] = []
    _evaluate(site, FakeWorld(), progress=lines.append)
    assert any(
        "a.mp4: mask and labels disagree on 5 frames, the first at 2.000" in x for x in lines
    )


def test_what_does_not_fit_is_refused_before_any_training(tmp_path: Path) -> None:
    site, world = write_site(tmp_path), FakeWorld()
    good = site["labels"].read_text()
    site["labels"].write_text(good + "c.mp4,30,40\n")
    with pytest.raises(EvaluationError, match=r"line 4: 'c\.mp4' has no frame between 30"):
        _evaluate(site, world)
    site["labels"].write_text(good + "c.mp4,1,2\n")
    with pytest.raises(EvaluationError, match=r"c\.npz: missing, but c\.mp4 has labels"):
        _evaluate(site, world)
    site["labels"].write_text(good)
    np.savez_compressed(site["masks"] / "a.npz", mask=np.zeros((59, 48, 64), dtype=np.bool_))
    with pytest.raises(EvaluationError, match=r"a\.npz: mask is bool \(59, 48, 64\)"):
        _evaluate(site, world)
    assert world.learnt == []
    assert not site["out"].exists()


def test_a_request_without_footage_or_with_doubled_seeds_is_refused(tmp_path: Path) -> None:
    site = write_site(tmp_path)
    with pytest.raises(EvaluationError, match="give --train DIR or --model"):
        _evaluate(site, FakeWorld(), train=None)
    with pytest.raises(EvaluationError, match="each only once"):
        _evaluate(site, FakeWorld(), seeds=[1, 1])
    with pytest.raises(EvaluationError, match="at least one"):
        _evaluate(site, FakeWorld(), seeds=[])
    (site["train"] / "0.mp4").write_text("")
    with pytest.raises(FootageError, match="empty"):
        _evaluate(site, FakeWorld())


def test_videos_are_files_and_folders_of_pictures_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("10.MP4", "9.avi", ".hidden.mp4", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "Test001").mkdir()
    (tmp_path / "Test001" / "001.tif").write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    assert [path.name for path in list_videos(tmp_path)] == ["9.avi", "10.MP4", "Test001"]
    assert list_videos(tmp_path / "Test001") == [tmp_path / "Test001"]
    with pytest.raises(EvaluationError, match="neither video files"):
        list_videos(tmp_path / "empty")
    with pytest.raises(EvaluationError, match="no such folder"):
        list_videos(tmp_path / "missing")


def test_the_tables_print_every_row_within_a_terminal_of_80_columns(plain: Plain) -> None:
    console = Console(width=80, file=io.StringIO(), force_terminal=False)
    print_result(plain[1], console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for words in ("fused", "tgan", "critic", "motion", "optical flow", "literature", "seed 0"):
        assert words in text
    assert "0.9" in text
    assert "alarm budget: at most 1 false alarms a day stated, 0.0 measured" in text
    assert max(len(line) for line in text.splitlines()) <= 80


def test_the_rows_of_all_experts_fit_a_terminal_uncut(plain: Plain) -> None:
    rows = ("fused", "tgan", *EXPERTS)
    figures = plain[1]["strict"]["fused"]
    console = Console(width=80, file=io.StringIO(), force_terminal=False)
    print_result({**plain[1], "strict": dict.fromkeys(rows, figures)}, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in text
    # The line above each rule; those of the strict table come first.
    lines = text.splitlines()
    headings = [
        heading
        for line, under in pairwise(lines)
        if set(under.strip()) == {"─"}
        for heading in line.split()
    ]
    shown = ["reconstr." if row == "reconstruction" else row for row in rows]
    assert headings[: len(rows)] == shown


def test_what_cannot_be_measured_is_a_dash() -> None:
    assert format_figure("eer", None) == "-"
    assert format_figure("eer", 0.12345) == "0.1235"
    assert format_figure("false_alarms_per_hour", 1.0) == "1.00"
    line = budget_line({"stated_per_day": 2.0, "measured_per_day": None, "interval": None})
    assert line.endswith("not measured, the test footage has no normal time")


def test_a_video_without_clips_does_not_hide_what_experts_add(tmp_path: Path) -> None:
    site = write_site(tmp_path)
    write_video(site["test"], "0.mp4", frames=3)
    result = _evaluate(site, FakeWorld(), masks=None)
    assert result["leave_one_out"]["critic"]["adds"] > 0.3


def test_leaving_an_expert_out_says_what_it_adds(plain: Plain) -> None:
    table = plain[1]["leave_one_out"]
    assert list(table) == ["critic", "reconstruction", "motion"]
    assert table["critic"]["adds"] > 0.3
    assert table["motion"]["adds"] == pytest.approx(0.0)
    assert table["motion"]["micro_auc_without"] > 0.95


def test_report_and_terminal_show_what_experts_add(plain: Plain) -> None:
    page = (plain[0] / "report.html").read_text(encoding="utf-8")
    console = Console(width=80, file=io.StringIO(), force_terminal=False)
    print_result(plain[1], console)
    adds = f"{plain[1]['leave_one_out']['critic']['adds']:+.4f}"
    assert adds in page
    assert "専門家を一つ外すと" in page
    assert adds in console.file.getvalue()  # type: ignore[attr-defined]
