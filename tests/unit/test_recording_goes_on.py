"""What is away for a moment ends no recording for good."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import pytest

from pipeline.recording.camera_recorder import CameraRecorder, Limits
from pipeline.recording.state import read_state
from pipeline.recording.stream import Stream
from tests.fakes import FakeClock


class Recorder(CameraRecorder):
    """A recorder that does not wait between its attempts, and counts them."""

    attempts = 0

    def _wait(self, stop: Event, seconds: float) -> None:
        self.attempts += 1
        if self.attempts == 3:
            stop.set()


def test_a_program_that_is_away_while_it_is_replaced_ends_no_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    (tmp_path / "press-1").mkdir()
    lines: list[str] = []
    recorder = Recorder(
        "press-1",
        Stream(url="rtsp://127.0.0.1:1/line"),
        source=tmp_path / "press-1",
        site_folder=tmp_path,
        clock=FakeClock(),
        limits=Limits(least_free_bytes=1),
        chance=lambda: 0.5,
        progress=lines.append,
    )
    recorder.run(Event())
    assert recorder.attempts == 3
    (line,) = [line for line in lines if "blind" in line]
    assert "needs the program ffmpeg" in line
    state = read_state(tmp_path, "press-1")
    assert state is not None
    assert [cause for _, cause in state.changes] == ["restarting", "unusable", "not_running"]
