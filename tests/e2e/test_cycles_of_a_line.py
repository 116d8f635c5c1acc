"""The cycles of three machines of the rendered line are found in its film, and told when the film
runs slower."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.clips.reader import Stretch
from pipeline.cycles.learn import cycles_line, cycles_of, learn_cycles
from pipeline.demo import geometry
from pipeline.demo.write_line import write_line
from pipeline.footage.examine import probe_footage
from pipeline.footage.frames import View

pytestmark = [pytest.mark.full, pytest.mark.timeout(600)]

SLOWER = 1.03


def stretch_of(video: Path) -> Stretch:
    footage, (segment,), _ = probe_footage(
        video, camera="line", root=video.parent, start_utc=datetime(2026, 1, 5, tzinfo=UTC)
    )
    return Stretch(source=video, footage=footage, segment=segment)


def test_three_machines_are_found_and_seen_to_be_slower(tmp_path: Path) -> None:
    line = write_line(tmp_path, normal_seconds=90.0, file_seconds=90.0, kinds=())
    film = line.files[0].path
    slower = tmp_path / "slower.mp4"
    retimed = ["-vf", f"setpts={SLOWER}*PTS", "-r", "10", "-c:v", "libx264", "-crf", "18"]
    subprocess.run(["ffmpeg", "-v", "error", "-i", film, *retimed, slower], check=True)
    view = View(width_px=192, height_px=112, frame_rate=10.0)

    learnt = learn_cycles([stretch_of(film)], view)
    belt, arm, press = learnt.cycles
    part_seconds = geometry.PITCH_PX / geometry.BELT_PX_PER_SECOND
    assert belt.seconds == pytest.approx(part_seconds, rel=0.005)
    assert arm.seconds == pytest.approx(geometry.ARM_CYCLE_SECONDS, rel=0.005)
    assert press.seconds == pytest.approx(geometry.PRESS_CYCLE_SECONDS, rel=0.005)
    assert belt.place.y > 0.4  # at the bottom of the picture, over all of its width
    assert belt.place.width > 0.8
    assert press.place.x < 0.3
    assert arm.place.x > press.place.x
    assert cycles_line(learnt).startswith("1.00 s in ")

    now = cycles_of(learnt.cycles, stretch_of(slower), view)
    assert now == {
        cycle.name: pytest.approx(SLOWER * cycle.seconds, rel=0.005) for cycle in learnt.cycles
    }
