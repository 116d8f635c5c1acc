"""Ingest: everything new is recorded once, files still being written wait, clocks are obeyed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.camera import ClockSource
from pipeline.errors import CameraError, LeaseHeld
from pipeline.footage.admission import Candidate, Reason
from pipeline.footage.examine import Content
from pipeline.footage.gaps import blind_without_footage, note_gap, recording_folder
from pipeline.footage.hash_cache import HashCache
from pipeline.footage.ingest import ingest_camera, probe_footage
from tests import footage_maker as make
from tests.footage_site import CAMERA, FootageSite, footage_site


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the bytes of a whole file of two seconds."""
    return make.healthy(tmp_path_factory.mktemp("ingest") / "v.mp4", seconds=2.0).read_bytes()


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the bytes of another one, of three seconds."""
    path = tmp_path_factory.mktemp("ingest") / "v.mp4"
    return make.healthy(path, seconds=3.0, seed=1).read_bytes()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[FootageSite]:
    """Return a site whose camera lays footage one after the other."""
    with footage_site(tmp_path) as site:
        yield site


def test_new_footage_is_recorded_with_its_segments(opened: FootageSite, video: bytes) -> None:
    (opened.source / "a.mp4").write_bytes(video)
    summary = opened.ingest()
    assert (summary.admitted, summary.segments, summary.seen_seconds) == (1, 1, 2.0)
    assert opened.lines == ["admitted a.mp4 2.0 s, 1 segment"]
    row = opened.footage()["a.mp4"]
    assert (row.frames, row.width_px, row.height_px, row.frame_rate) == (20, 96, 64, 10.0)
    assert row.size_bytes == len(video)


def test_a_second_run_reads_nothing_again_and_adds_nothing(
    opened: FootageSite, video: bytes
) -> None:
    (opened.source / "a.mp4").write_bytes(video)
    opened.ingest()
    rows = opened.site.store.row_counts()
    again = opened.ingest()
    assert (again.known, again.admitted, opened.lines) == (1, 0, [])
    assert opened.site.store.row_counts() == rows


def test_a_mount_that_is_another_device_after_a_restart_is_not_read_again(tmp_path: Path) -> None:
    known = Content(sha256="a" * 64, size_bytes=3, changed_ns=0)

    def candidate(device: int, inode: int = 7) -> Candidate:
        about = os.stat_result((0o100640, inode, device, 1, 0, 0, 3, 0, 0, 0))
        return Candidate(descriptor=-1, about=about, name="a.mp4")

    before = HashCache(tmp_path / "hashes.json")
    before.put("a.mp4", candidate(41), known)
    before.save()
    after = HashCache(tmp_path / "hashes.json")
    assert after.get("a.mp4", candidate(56)) is not None
    assert after.get("a.mp4", candidate(56, inode=8)) is None


def test_a_damaged_memory_of_hashes_does_no_harm(opened: FootageSite, video: bytes) -> None:
    (opened.source / "a.mp4").write_bytes(video)
    opened.ingest()
    cache = opened.site.folder / "cache" / f"hashes-{CAMERA}.json"
    for content in ("", "[]", '{"a.mp4": 5}', '{"a.mp4": ["x", "y"]}'):
        cache.write_text(content)
        assert opened.ingest().known == 1


def test_the_same_bytes_under_two_names_are_one_footage(opened: FootageSite, video: bytes) -> None:
    for name in ("a.mp4", "b.mp4"):
        (opened.source / name).write_bytes(video)
    summary = opened.ingest()
    assert (summary.admitted, summary.known) == (1, 1)


def test_the_same_name_with_other_bytes_is_another_footage(
    opened: FootageSite, video: bytes, other: bytes
) -> None:
    (opened.source / "a.mp4").write_bytes(video)
    opened.ingest()
    (opened.source / "a.mp4").write_bytes(other)
    assert opened.ingest().admitted == 1
    assert len(opened.site.store.footage_of(CAMERA)) == 2


def test_a_file_that_is_still_being_written_waits(opened: FootageSite, video: bytes) -> None:
    path = opened.source / "a.mp4"
    path.write_bytes(video[: len(video) // 2])
    now = opened.clock.now_utc().timestamp()
    os.utime(path, (now, now))
    assert opened.ingest().waiting == 1
    assert opened.lines == ["waiting a.mp4: still being written"]
    assert opened.site.store.footage_of(CAMERA) == []
    path.write_bytes(video)
    os.utime(path, (now, now))
    opened.clock.advance(1.9)
    assert opened.ingest().waiting == 1
    opened.clock.advance(0.2)
    assert opened.ingest().admitted == 1


def test_an_empty_file_that_was_just_made_waits_too(opened: FootageSite) -> None:
    path = opened.source / "a.mp4"
    path.touch()
    now = opened.clock.now_utc().timestamp()
    os.utime(path, (now, now))
    assert opened.ingest().waiting == 1
    opened.clock.advance(5.0)
    assert opened.ingest().refused == 1


def test_a_folder_that_pictures_still_arrive_in_waits(opened: FootageSite) -> None:
    folder = make.folder_of_frames(opened.source / "frames", frames=15)
    newest = folder / "frame15.png"
    now = opened.clock.now_utc().timestamp()
    os.utime(newest, (now, now))
    assert opened.ingest().waiting == 1
    opened.clock.advance(3.0)
    assert opened.ingest().admitted == 1
    assert opened.told("frames") == "seen 0.0-1.5"


def test_a_file_from_a_machine_whose_clock_is_ahead_does_not_wait_for_ever(
    opened: FootageSite, video: bytes
) -> None:
    path = opened.source / "a.mp4"
    path.write_bytes(video)
    ahead = opened.clock.now_utc().timestamp() + 86_400
    os.utime(path, (ahead, ahead))
    assert opened.ingest().admitted == 1


def test_files_in_sequence_lie_one_minute_apart_in_natural_order(
    opened: FootageSite, video: bytes, other: bytes
) -> None:
    (opened.source / "clip10.mp4").write_bytes(video)
    (opened.source / "clip9.mp4").write_bytes(other)
    opened.ingest()
    start = datetime(2000, 1, 1, tzinfo=UTC)
    assert opened.footage()["clip9.mp4"].start_utc == start
    assert opened.footage()["clip10.mp4"].start_utc == start + timedelta(seconds=63)


def test_a_later_run_goes_on_where_the_sequence_ended(tmp_path: Path, video: bytes) -> None:
    start = datetime(2024, 5, 1, tzinfo=UTC)
    with footage_site(tmp_path, sequence_start_utc=start) as site:
        (site.source / "a.mp4").write_bytes(video)
        site.ingest()
        make.healthy(site.source / "b.mp4", seconds=1.0, seed=3)
        site.ingest()
        assert site.footage()["a.mp4"].start_utc == start
        assert site.footage()["b.mp4"].start_utc == start + timedelta(seconds=62)


def test_the_modification_time_is_the_end_of_the_footage(tmp_path: Path, video: bytes) -> None:
    with footage_site(tmp_path, clock=ClockSource.AUTO) as site:
        path = site.source / "a.mp4"
        path.write_bytes(video)
        end = datetime(2026, 1, 31, 8, tzinfo=UTC)
        os.utime(path, (end.timestamp(), end.timestamp()))
        site.ingest()
        assert site.footage()["a.mp4"].start_utc == end - timedelta(seconds=2)


def test_a_name_or_a_side_car_tells_the_time(tmp_path: Path, video: bytes, other: bytes) -> None:
    with footage_site(tmp_path, clock=ClockSource.AUTO, timezone="Asia/Tokyo") as site:
        (site.source / "2026-01-31T08-00-00.mp4").write_bytes(video)
        (site.source / "b.mp4").write_bytes(other)
        side_car = {"start_utc": "2026-02-01T00:00:00Z"}
        (site.source / "b.mp4.start.json").write_text(json.dumps(side_car))
        assert site.ingest().admitted == 2
        starts = [row.start_utc for row in site.site.store.footage_of(CAMERA)]
        assert starts == [datetime(2026, 1, 30, 23, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)]


def test_an_ambiguous_time_is_refused_until_it_is_put_right(tmp_path: Path, video: bytes) -> None:
    with footage_site(tmp_path, clock=ClockSource.NAME, timezone="Europe/Berlin") as site:
        name = "2025-10-26T02-30-00.mp4"
        (site.source / name).write_bytes(video)
        assert site.ingest().refused == 1
        assert site.told(name) == "refused ambiguous_time"
        assert site.ingest().known == 1
        # Named again in UTC, the same bytes are taken in.
        (site.source / name).rename(site.source / "2025-10-26T00-30-00Z.mp4")
        assert site.ingest().admitted == 1


def test_something_unreadable_is_taken_in_once_it_is_readable(
    opened: FootageSite, video: bytes
) -> None:
    path = opened.source / "a.mp4"
    path.symlink_to(opened.source / "later.bin")
    assert opened.ingest().refused == 1
    assert opened.ingest().known == 1
    path.unlink()
    path.write_bytes(video)
    assert opened.ingest().admitted == 1


def test_hidden_files_side_cars_and_unfinished_files_are_not_looked_at(
    opened: FootageSite, video: bytes
) -> None:
    for name in (".a.mp4", "b.mp4.part", "c.tmp", "d.json"):
        (opened.source / name).write_bytes(video)
    hidden = opened.source / ".git"
    hidden.mkdir()
    (hidden / "e.mp4").write_bytes(video)
    assert opened.ingest() == type(opened.ingest())()


def test_the_source_itself_may_be_a_folder_of_frames(opened: FootageSite) -> None:
    make.write_folder(opened.source, make.scene(0, 12))
    assert opened.ingest().admitted == 1
    assert opened.told(".") == "seen 0.0-1.2"


def test_pictures_beside_a_video_are_no_footage(opened: FootageSite, video: bytes) -> None:
    make.write_folder(opened.source, make.scene(0, 3))
    (opened.source / "a.mp4").write_bytes(video)
    summary = opened.ingest()
    assert (summary.admitted, summary.refused) == (1, 3)
    assert opened.told("frame1.png") == "refused not_video"


def test_folders_nested_very_deeply_are_walked(opened: FootageSite, video: bytes) -> None:
    (opened.source / "z.mp4").write_bytes(video)
    before = Path.cwd()
    os.chdir(opened.source)
    try:
        for _ in range(1200):
            os.mkdir("d")
            os.chdir("d")
        assert opened.ingest().admitted == 1
        for _ in range(1200):
            os.chdir("..")
            os.rmdir("d")
    finally:
        os.chdir(before)


def test_a_source_that_does_not_exist_is_an_error_that_says_what_to_do(
    opened: FootageSite,
) -> None:
    opened.source.rmdir()
    with pytest.raises(CameraError, match="is not a folder; create it or run: kizashi camera set"):
        opened.ingest()


def test_two_workers_do_not_ingest_one_camera_at_once(opened: FootageSite) -> None:
    opened.site.store.acquire_lease(f"ingest/{CAMERA}", "another machine", 60.0)
    with pytest.raises(LeaseHeld):
        ingest_camera(opened.site, CAMERA)


def test_footage_is_probed_without_a_store(tmp_path: Path, video: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(video)
    (tmp_path / "b.mp4").write_text("text")
    start_utc = datetime(2026, 1, 31, tzinfo=UTC)
    args = {"camera": "line-1", "root": tmp_path, "start_utc": start_utc}
    footage, segments, blind = probe_footage(tmp_path / "a.mp4", **args)  # type: ignore[arg-type]
    assert (footage.path, footage.verdict.value, len(segments), blind) == (
        "a.mp4",
        "admitted",
        1,
        [],
    )
    refused, none, nothing = probe_footage(tmp_path / "b.mp4", **args)  # type: ignore[arg-type]
    assert (refused.reason, none, nothing) == ("not_video", [], [])
    assert refused.detail == "b.mp4: not a video but text; give video"


def test_gaps_of_a_live_camera_are_taken_in_once(opened: FootageSite, video: bytes) -> None:
    (opened.source / "a.mp4").write_bytes(video)
    folder = recording_folder(opened.site.folder, CAMERA)
    start_utc = datetime(2026, 1, 31, 8, tzinfo=UTC)
    gap = blind_without_footage(
        CAMERA, start_utc, start_utc + timedelta(seconds=90), Reason.STALLED, "stalled: no frame"
    )
    note_gap(folder, gap)
    (folder / "blind-broken.json").write_text("{")
    summary = opened.ingest()
    assert (summary.admitted, summary.blind_seconds) == (1, 90.0)
    assert opened.site.store.blind(CAMERA) == [gap]
    assert any("blind-broken.json: not a gap" in line for line in opened.lines)
    assert "blind 2026-01-31 08:00:00 UTC for 90.0 s, stalled: no frame" in opened.lines
    assert [path.name for path in folder.iterdir()] == ["blind-broken.json"]
    note_gap(folder, gap)  # as after a crash between the database and the file
    assert opened.ingest().blind_seconds == 90.0
    assert opened.site.store.blind(CAMERA) == [gap]
