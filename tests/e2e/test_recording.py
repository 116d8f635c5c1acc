"""A real RTSP server is recorded; what it does not give is listed with its cause and time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.footage.ingest import ingest_camera
from pipeline.recording import camera_recorder
from pipeline.recording.camera_recorder import Limits
from pipeline.recording.films import work_folder
from pipeline.recording.record import record_cameras
from pipeline.recording.state import Activity, read_state
from tests.cable import Cable, speak_http
from tests.outages import LIMITS, RECORDED_SECONDS, SECOND, Outage, check_ledger
from tests.rtsp_camera import (
    PASSWORD,
    LiveCamera,
    Recording,
    live_site,
    now,
    open_files,
    until,
)

CANARY = "cAnArY7"


@pytest.fixture
def camera() -> Iterator[LiveCamera]:
    server = LiveCamera()
    yield server
    server.kill()


class Trouble:
    """Does things to a camera that is being recorded, and keeps when."""

    def __init__(self, camera: LiveCamera, recording: Recording) -> None:
        self.camera, self.recording = camera, recording
        self.outages: list[Outage] = []
        self.begun = now()

    def drop(self) -> None:
        """The camera closes the connection, and welcomes a new one."""
        self._cause("lost", self.camera.drop, lambda: None)

    def stall(self) -> None:
        """It keeps the connection, sends nothing, then goes on."""
        self._cause("stalled", self.camera.stall, self.camera.go_on)

    def restart(self) -> None:
        """It goes away, refuses, and comes back."""
        self._cause("refused", self.camera.kill, self.camera.start)

    def _cause(self, cause: str, do: Callable[[], None], undo: Callable[[], None]) -> None:
        known, times = len(self.recording.lines), self.recording.times_recording()
        begun = now()
        do()
        until(
            lambda: any(f"blind, {cause}: " in line for line in self.recording.lines[known:]),
            f"{cause} in {self.recording.lines}",
        )
        undo()
        over = now() if cause != "lost" else begun
        self.recording.until_recording(times + 1)
        self.outages.append(Outage(cause, begun, over))
        time.sleep(RECORDED_SECONDS)


def arguments_and_environment(process: int) -> bytes:
    folder = Path(f"/proc/{process}")
    return (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()


def test_a_camera_that_drops_stalls_and_goes_away(tmp_path: Path, camera: LiveCamera) -> None:
    with live_site(tmp_path, {"belt": camera.url}) as site:
        with Recording(site, "belt", LIMITS) as recording:
            recording.until_recording(1)
            trouble = Trouble(camera, recording)
            child = recording.recorder.child_pid
            assert child is not None
            told = arguments_and_environment(child)
            assert b"ffmpeg" in told
            assert CANARY.encode() not in told
            assert b"127.0.0.1" not in told
            time.sleep(1.5)
            descriptors = open_files()
            trouble.drop()
            trouble.stall()
            trouble.restart()
            assert open_files() == descriptors
            state = read_state(site.folder, "belt")
            assert state is not None
            assert state.activity is Activity.RECORDING
        check_ledger(site, "belt", trouble.outages, begun=trouble.begun)
        assert CANARY not in "\n".join(recording.lines)
        site.close()
        for path in site.folder.rglob("*"):
            assert not path.is_file() or CANARY.encode() not in path.read_bytes(), path


def test_a_wrong_password_is_said_and_never_shown(tmp_path: Path, camera: LiveCamera) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text(f"{CANARY}-wrong", encoding="utf-8")
    with live_site(tmp_path, {"belt": camera.url}, password_file=wrong) as site:
        with Recording(site, "belt", LIMITS) as recording:
            recording.until_blind("unauthorised")
            wrong.write_text(PASSWORD, encoding="utf-8")  # read anew at every attempt
            recording.until_recording(1)
        assert CANARY not in "\n".join(recording.lines)


@pytest.mark.parametrize("cause", ["unreachable", "unusable"])
def test_whoever_is_no_camera_is_said_to_be_none(tmp_path: Path, cause: str) -> None:
    cable = Cable(camera_port=1)
    # The one says nothing and keeps the connection, the other one speaks another language.
    cable.answer((lambda _: None) if cause == "unreachable" else speak_http)
    with live_site(tmp_path, {"belt": f"rtsp://127.0.0.1:{cable.port}/live"}) as site:
        with Recording(site, "belt", replace(LIMITS, stall_seconds=6.0)) as recording:
            recording.until_blind(cause)
        assert len(recording.lines) == 1
    cable.close()


def test_nothing_is_recorded_on_a_disk_that_is_nearly_full(tmp_path: Path) -> None:
    limits = Limits(least_free_bytes=1 << 60, piece_seconds=0.1)
    with live_site(tmp_path, {"belt": "rtsp://127.0.0.1:1/live"}) as site:
        with Recording(site, "belt", limits) as recording:
            recording.until_blind("disk_full")
            until(lambda: read_state(site.folder, "belt"), "the first state")
            state = read_state(site.folder, "belt")
        assert state is not None
        assert (state.activity, state.cause) == (Activity.BLIND, "disk_full")
        assert "MiB are free" in recording.lines[0]
        assert not work_folder(site.folder / "belt").exists()


@pytest.mark.full
def test_recording_stops_when_the_disk_fills_and_goes_on_when_there_is_room(
    tmp_path: Path, camera: LiveCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [10]

    class Usage:
        @property
        def free(self) -> int:
            return free[0]

    monkeypatch.setattr(camera_recorder.shutil, "disk_usage", lambda _: Usage())
    with live_site(tmp_path, {"belt": camera.url}) as site:
        with Recording(site, "belt", LIMITS) as recording:
            recording.until_recording(1)
            begun = now()
            time.sleep(2.0)
            full = now()
            free[0] = 0
            recording.until_blind("disk_full")
            time.sleep(2.0)
            room = now()
            free[0] = 10
            recording.until_recording(2)
            time.sleep(RECORDED_SECONDS)
        check_ledger(site, "belt", [Outage("disk_full", full, room)], begun=begun)


@pytest.mark.full
def test_a_source_that_pauses_and_counts_on_is_cut_where_it_paused(
    tmp_path: Path, camera: LiveCamera
) -> None:
    limits = Limits(file_seconds=60.0, stall_seconds=20.0, healthy_seconds=0.5, least_free_bytes=1)
    with live_site(tmp_path, {"belt": camera.url}) as site:
        with Recording(site, "belt", limits) as recording:
            recording.until_recording(1)
            begun = now()
            time.sleep(4.0)
            at = now()
            camera.pause(4.0)
            over = now()
            recording.until_blind("restarting")
            recording.until_recording(2)
            time.sleep(2.0)
        ingest_camera(site, "belt")
        seen = [one for one in site.store.segments("belt") if one.end_utc > begun]
        assert all(one.end_utc < at + SECOND or one.start_utc > over - SECOND for one in seen)
        assert any(one.end_utc > at - SECOND for one in seen if one.start_utc < at)
        assert any(one.start_utc > over for one in seen)


@pytest.mark.full
def test_a_killed_recorder_loses_a_second_or_two(tmp_path: Path, camera: LiveCamera) -> None:
    with live_site(tmp_path, {"belt": camera.url}) as site:
        command = [sys.executable, "-m", "pipeline.cli", "--site", str(site.folder), "record"]
        killed = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert killed.stderr is not None
        assert "belt: recording rtsp" in killed.stderr.readline()
        begun = now()
        time.sleep(4.0)
        killed.kill()
        killed.wait()
        killed.stderr.close()
        at = now()
        until(lambda: not ffmpeg_writes_below(site.folder), "the orphan ends by itself")
        time.sleep(1.0)
        again = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert again.stderr is not None
        assert "belt: recording rtsp" in again.stderr.readline()
        over = now()
        time.sleep(2.0)
        again.send_signal(signal.SIGTERM)
        assert again.wait(timeout=30) == 0
        again.stderr.close()
        ingest_camera(site, "belt")
        spans = [
            *site.store.segments("belt"),
            *(one for one in site.store.blind("belt") if one.footage_id is None),
        ]
        spans = sorted((one for one in spans if one.end_utc > begun), key=lambda s: s.start_utc)
        assert spans[0].start_utc < begun + SECOND
        for earlier, later in pairwise(spans):
            assert abs(later.start_utc - earlier.end_utc) < 2.5 * SECOND, spans
        seen = [one for one in site.store.segments("belt") if one.start_utc < at]
        assert max(one.end_utc for one in seen) > at - 2.5 * SECOND
        (gap,) = [one for one in site.store.blind("belt") if "not_running: " in one.detail]
        assert abs(gap.start_utc - at) < 2 * SECOND
        assert gap.end_utc < over


def ffmpeg_writes_below(folder: Path) -> bool:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told, place = (process / "cmdline").read_bytes(), os.readlink(process / "cwd")
        except OSError:
            continue
        if b"ffmpeg" in told and Path(place).is_relative_to(folder):
            return True
    return False


@pytest.mark.full
def test_another_size_is_another_file_after_a_restart_and_blind_within_a_stream(
    tmp_path: Path, camera: LiveCamera
) -> None:
    with live_site(tmp_path, {"belt": camera.url}) as site:
        with Recording(site, "belt", LIMITS) as recording:
            recording.until_recording(1)
            trouble = Trouble(camera, recording)
            time.sleep(2.0)
            camera.size = "320x240"
            trouble.restart()
            camera.change_size("240x160")
            time.sleep(6.0)
        ingest_camera(site, "belt")
        footage = [one for one in site.store.footage_of("belt") if one.start_utc is not None]
        sizes = [(one.width_px, one.height_px) for one in footage]
        assert sizes[0] == (160, 120)
        assert (320, 240) in sizes
        assert sizes[-1] == (240, 160)
        told = {one.reason.value for one in site.store.blind("belt") if one.footage_id is not None}
        assert told <= {"size_changed", "too_short"}, told


def test_a_second_recorder_of_a_camera_is_refused(tmp_path: Path) -> None:
    import threading

    from pipeline.errors import LeaseHeld

    with (
        live_site(tmp_path, {"belt": "rtsp://127.0.0.1:1/live"}) as site,
        Recording(site, "belt", LIMITS) as recording,
    ):
        recording.until_blind("refused")
        with pytest.raises(LeaseHeld, match="another kizashi record"):
            record_cameras(site, stop=threading.Event())
