"""The parts of the recorder, with a clock that stands still until it is moved."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.camera import Camera
from pipeline.errors import SettingsError
from pipeline.footage.admission import Reason
from pipeline.footage.gaps import blind_without_footage, forget_gaps, note_gap, noted_gaps
from pipeline.footage.start_time import known_start_utc, sidecar_of
from pipeline.recording.arrival_clock import ArrivalClock
from pipeline.recording.backoff import Backoff
from pipeline.recording.ffmpeg import FileClosed
from pipeline.recording.films import publish, salvage, work_folder
from pipeline.recording.ledger import Ledger
from pipeline.recording.outage import Cause, cause_of_message, reason_of, told
from pipeline.recording.session import Film, Session
from pipeline.recording.state import Activity, OpenFile, RecordingState, read_state, write_state
from tests.fakes import FakeClock
from tests.footage_maker import encode, scene

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MEGA = 1_000_000


def after(seconds: float) -> datetime:
    return NOON + seconds * SECOND


# back-off ------------------------------------------------------------------------------------


def test_waits_double_up_to_half_a_minute() -> None:
    backoff = Backoff(lambda: 0.5)
    assert [backoff.after(0.0) for _ in range(8)] == [1, 2, 4, 8, 16, 30, 30, 30]


def test_a_healthy_minute_lets_the_waiting_begin_anew_and_less_does_not() -> None:
    backoff = Backoff(lambda: 0.5)
    for _ in range(4):
        backoff.after(59.9)
    assert backoff.after(59.9) == 16
    assert backoff.after(60.0) == 1
    assert backoff.after(0.0) == 2


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 0.75), (0.999, 1.25)])
def test_jitter_is_a_quarter(chance: float, seconds: float) -> None:
    assert Backoff(lambda: chance).after(0.0) == pytest.approx(seconds, abs=0.001)


def test_a_year_of_failures_is_no_overflow() -> None:
    backoff = Backoff(lambda: 0.5)
    assert max(backoff.after(0.0) for _ in range(100_000)) == 30


# the time of arrival -------------------------------------------------------------------------


def feed(clock: ArrivalClock, media: float, arrival: float) -> None:
    clock.add(round(media * MEGA), round(arrival * MEGA))


def test_the_promptest_frame_decides() -> None:
    clock = ArrivalClock()
    for number in range(100):
        feed(clock, number * 0.1, 1000.0 + number * 0.1 + (0.03 if number % 7 else 0.0))
    assert clock.epoch_us(9_900_000) == 1000 * MEGA


def test_a_burst_at_the_beginning_is_no_jump() -> None:
    clock = ArrivalClock()
    for number in range(20):  # two seconds that the server kept
        feed(clock, number * 0.1, 1002.0)
    for number in range(20, 100):
        feed(clock, number * 0.1, 1000.1 + number * 0.1)
        assert clock.jumped_after_us() is None
    assert clock.epoch_us(9_900_000) == 1_000_100_000


def test_frames_that_were_held_up_and_come_at_once_are_no_jump() -> None:
    clock = ArrivalClock()
    for number in range(200):
        due = 1000.0 + number * 0.1
        feed(clock, number * 0.1, max(due, 1013.0) if 1010.0 <= due < 1013.0 else due)
        assert clock.jumped_after_us() is None
    assert clock.epoch_us(19_900_000) == 1000 * MEGA


@pytest.mark.parametrize("jump", [3.0, -3600.0])
def test_a_source_that_pauses_or_leaps_is_seen_where_it_did(jump: float) -> None:
    clock = ArrivalClock()
    for number in range(100):
        feed(clock, number * 0.1, 1000.0 + number * 0.1)
    found = None
    for number in range(100, 130):
        # Positive: time went on and the source stood. Negative: the source leapt ahead.
        media = number * 0.1 + (0.0 if jump > 0 else -jump)
        feed(clock, media, 1000.0 + number * 0.1 + max(jump, 0.0))
        found = found or clock.jumped_after_us()
    assert found == 9_900_000
    assert clock.epoch_us(found) == 1000 * MEGA


def test_drift_of_the_cameras_clock_is_followed_and_no_jump() -> None:
    clock = ArrivalClock()
    for number in range(1_500):  # ten minutes, one per mille slow
        media = number * 0.4
        feed(clock, media, 1000.0 + media * 1.001)
        assert clock.jumped_after_us() is None
    epoch_us = clock.epoch_us(599_600_000)
    assert epoch_us is not None
    assert abs(epoch_us - (1000 * MEGA + 599_600)) < 100_000


# a connection --------------------------------------------------------------------------------


def test_films_of_a_connection_follow_each_other_in_wall_time() -> None:
    clock = FakeClock(NOON)
    session = Session("s", clock)
    assert (session.has_frames, session.newest_utc, session.open_start_utc) == (False, None, None)
    films = []
    for number in range(100):
        session.frame(number * 100_000)
        if number in (50, 99):
            start = 0 if number == 50 else 5_000_000
            films.append(session.closed(FileClosed(session.open_name, start, start + 5_000_000)))
        clock.advance(0.1)
    assert [film and (film.name, film.start_utc, film.end_utc, film.frames) for film in films] == [
        ("s-000000.mkv", NOON, after(5), 50),
        ("s-000001.mkv", after(5), after(10), 50),
    ]
    assert session.left() is None


def test_silence_is_measured_on_the_monotonic_clock() -> None:
    clock = FakeClock(NOON)
    session = Session("s", clock)
    clock.advance(7.0)
    assert session.silent_seconds == 7.0
    session.frame(0)
    clock.advance(2.5)
    assert (session.silent_seconds, session.recorded_seconds) == (2.5, 0.0)


def test_what_a_killed_child_left_open_has_the_time_of_its_frames() -> None:
    clock = FakeClock(NOON)
    session = Session("s", clock)
    for number in range(30):
        session.frame(number * 100_000)
        clock.advance(0.1)
    film = session.left()
    assert film is not None
    assert (film.name, film.start_utc, film.end_utc) == ("s-000000.mkv", NOON, after(3))


def test_a_film_ends_where_the_source_paused() -> None:
    clock = FakeClock(NOON)
    session = Session("s", clock)
    for number in range(130):
        if number == 100:
            clock.advance(3.0)
        session.frame(number * 100_000)
        clock.advance(0.1)
    film = session.closed(FileClosed("s-000000.mkv", 0, 13_000_000))
    assert film is not None
    assert (film.start_utc, film.end_utc, film.frames) == (NOON, after(10), 100)
    assert film.cut_seconds == pytest.approx(10.0)


# the ledger ----------------------------------------------------------------------------------


def pieces(ledger: Ledger, start: float, end: float) -> list[tuple[float, float, str]]:
    return [
        (
            (one.start_utc - NOON).total_seconds(),
            (one.end_utc - NOON).total_seconds(),
            one.detail.partition(":")[0],
        )
        for one in ledger.recorded(after(start), after(end))
    ]


def test_time_between_files_is_blind_with_the_causes_that_held() -> None:
    ledger = Ledger("belt", NOON)
    ledger.note(Cause.RESTARTING, after(0.1))
    assert pieces(ledger, 2, 62) == [(0, 2, "restarting")]
    assert pieces(ledger, 62.05, 100) == []
    ledger.note(Cause.LOST, after(100.2))
    ledger.note(Cause.REFUSED, after(101.5))
    ledger.note(Cause.REFUSED, after(104))
    assert pieces(ledger, 110, 170) == [(100, 101.5, "lost"), (101.5, 110, "refused")]
    assert pieces(ledger, 175, 180) == [(170, 175, "lost")]  # nobody said why


def test_blind_time_that_goes_on_is_noted_in_pieces_without_a_hole() -> None:
    ledger = Ledger("belt", NOON)
    ledger.note(Cause.STALLED, NOON)
    first = ledger.blind_until(after(600))
    assert [(one.start_utc, one.end_utc, one.reason) for one in first] == [
        (NOON, after(600), Reason.STALLED)
    ]
    assert ledger.blind_until(after(600.1)) == []
    assert pieces(ledger, 700, 760) == [(600, 700, "stalled")]


def test_a_frame_from_before_the_last_piece_makes_no_negative_gap() -> None:
    ledger = Ledger("belt", after(600))
    assert pieces(ledger, 595, 660) == []
    assert ledger.known_until_utc == after(660)


def test_every_cause_has_words_and_a_reason() -> None:
    for cause in Cause:
        assert told(cause)
        assert reason_of(cause) in (Reason.STALLED, Reason.NOT_RECORDED)


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("[rtsp @ 0x5] method DESCRIBE failed: 401 Unauthorized", Cause.UNAUTHORISED),
        ("Connection to tcp://h:1?timeout=5 failed: Connection refused", Cause.REFUSED),
        ("method DESCRIBE failed: 404 Not Found", Cause.REFUSED),
        ("pipe:0: Connection timed out", Cause.UNREACHABLE),
        ("av_interleaved_write_frame(): No space left on device", Cause.DISK_FULL),
        ("[h264 @ 0x5] error while decoding", None),
    ],
)
def test_what_ffmpeg_says(line: str, cause: Cause | None) -> None:
    assert cause_of_message(line) is cause


# files ---------------------------------------------------------------------------------------


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "belt"
    work_folder(folder).mkdir(parents=True)
    return folder


def film(name: str = "s-000000.mkv", start_utc: datetime = NOON) -> Film:
    return Film(name=name, start_utc=start_utc, end_utc=start_utc + SECOND, frames=10)


def test_a_published_film_has_its_time_in_name_and_side_car(source: Path) -> None:
    (work_folder(source) / "s-000000.mkv").write_bytes(b"film")
    start_utc = NOON + timedelta(microseconds=123_456)
    path = publish(source, film(start_utc=start_utc))
    assert path == source / "2026-01-31T12-00-00.123Z.mkv"
    assert path.read_bytes() == b"film"
    told_of = json.loads(sidecar_of(path).read_text())
    assert told_of["end_utc"] == "2026-01-31T12:00:01.123456Z"
    camera = Camera(name="belt", source=source, purpose="p", owner="o", retention_days=1)
    assert known_start_utc(camera, path) == start_utc
    sidecar_of(path).unlink()
    assert known_start_utc(camera, path) == start_utc.replace(microsecond=123_000)
    assert list(work_folder(source).iterdir()) == []


def test_the_side_car_is_there_before_the_film(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (work_folder(source) / "s-000000.mkv").write_bytes(b"film")
    seen: list[list[str]] = []
    replace = Path.replace

    def watched(path: Path, target: Path) -> Path:
        seen.append(sorted(os.listdir(source)))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", watched)
    publish(source, film())
    assert any(name.endswith(".start.json") for name in seen[-1])
    assert not any(name.endswith(".mkv") for names in seen for name in names)


def test_two_films_of_one_moment_do_not_replace_each_other(source: Path) -> None:
    for content in (b"one", b"two"):
        (work_folder(source) / "s-000000.mkv").write_bytes(content)
        publish(source, film())
    assert sorted(path.read_bytes() for path in source.glob("*.mkv")) == [b"one", b"two"]


def test_a_film_without_bytes_or_without_a_file_is_none(source: Path) -> None:
    assert publish(source, film()) is None
    (work_folder(source) / "s-000000.mkv").touch()
    assert publish(source, film()) is None
    assert list(source.glob("*.mkv*")) == []


def test_a_film_that_is_only_a_header_is_none(source: Path, tmp_path: Path) -> None:
    written = work_folder(source) / "s-000000.mkv"
    whole = encode(tmp_path / "made.mkv", scene(0, 12)).read_bytes()
    # As a child leaves it that was killed within its first second.
    written.write_bytes(whole[: whole.index(b"\x1f\x43\xb6\x75")])
    assert publish(source, film()) is None
    assert list(work_folder(source).iterdir()) == []
    written.write_bytes(whole)
    assert publish(source, film()) is not None


def test_what_a_killed_recorder_left_is_taken_in_where_its_time_is_known(source: Path) -> None:
    for name in ("s-000003.mkv", "s-000004.mkv"):
        encode(work_folder(source) / name, scene(0, 12))
    known = OpenFile(name="s-000004.mkv", start_utc=NOON)
    # It beat until second 20, and 1.2 seconds of pictures are in the file.
    ((left,), unknown) = salvage(source, known, after(20))
    assert (left.start_utc, unknown) == (NOON, ["s-000003.mkv"])
    assert (left.end_utc - NOON).total_seconds() == pytest.approx(1.2, abs=0.01)
    assert (source / "2026-01-31T12-00-00.000Z.mkv").is_file()
    assert (work_folder(source) / "s-000003.mkv").is_file()


def test_what_a_killed_recorder_left_is_taken_in_while_ffmpeg_is_away(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode(work_folder(source) / "s-000004.mkv", scene(0, 12))
    monkeypatch.setenv("PATH", "")
    known = OpenFile(name="s-000004.mkv", start_utc=NOON)
    ((left,), unknown) = salvage(source, known, after(20))
    assert (left.end_utc, unknown) == (after(20), [])


# what lies in the site -----------------------------------------------------------------------


def test_gaps_are_noted_read_in_order_and_forgotten(tmp_path: Path) -> None:
    gaps = [
        blind_without_footage("belt", after(n), after(n + 5), Reason.NOT_RECORDED, "lost: x")
        for n in (60, 0)
    ]
    for gap in [*gaps, gaps[0]]:
        note_gap(tmp_path, gap)
    found, broken = noted_gaps(tmp_path, "belt")
    assert ([gap for _, gap in found], broken) == (gaps[::-1], [])
    forget_gaps([path for path, _ in found])
    assert noted_gaps(tmp_path, "belt") == ([], [])


@pytest.mark.parametrize(
    "content", ["", "[]", '{"start_utc": "2026-01-31T12:00:00"}', '{"start_utc": 5}', "\0"]
)
def test_a_broken_gap_is_told_and_stops_no_other(tmp_path: Path, content: str) -> None:
    path = tmp_path / "blind-0.json"
    path.write_text(content)
    good = blind_without_footage("belt", NOON, after(5), Reason.STALLED, "stalled: x")
    note_gap(tmp_path, good)
    found, broken = noted_gaps(tmp_path, "belt")
    assert ([gap for _, gap in found], broken) == ([good], [path])


def state() -> RecordingState:
    return RecordingState(
        activity=Activity.RECORDING,
        since_utc=NOON,
        beat_utc=after(9),
        known_until_utc=after(3),
        changes=((after(1), "lost"),),
        last_frame_utc=after(8),
        open_file=OpenFile(name="s", start_utc=after(3)),
    )


def test_a_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "recording" / "belt").mkdir(parents=True)
    write_state(tmp_path, "belt", state())
    assert read_state(tmp_path, "belt") == state()
    assert read_state(tmp_path, "other") is None
    (tmp_path / "recording" / "belt" / "state.json").write_text('{"activity": "dancing"}')
    assert read_state(tmp_path, "belt") is None


def test_a_recorder_that_is_silent_runs_no_more() -> None:
    assert state().runs(after(18.9))
    assert not state().runs(after(19))


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from pipeline.recording.ffmpeg import Reader, ffmpeg_version

    monkeypatch.setenv("PATH", str(tmp_path))
    assert ffmpeg_version() is None
    reader = Reader("rtsp://h/", tmp_path, "s", file_seconds=60.0, quiet_seconds=5.0)
    with pytest.raises(SettingsError, match="needs the program ffmpeg"):
        reader.__enter__()
