"""The wall time of the first frame is told, never guessed."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.camera import Camera, ClockSource
from pipeline.errors import FootageError
from pipeline.footage.start_time import known_start_utc, sidecar_of, time_in_name


def camera(clock: ClockSource, timezone: str = "Asia/Tokyo") -> Camera:
    return Camera(
        name="line-1",
        source=Path("."),
        timezone=timezone,
        purpose="test",
        owner="test",
        retention_days=1,
        clock=clock,
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("2026-01-31T08-00-00Z.mp4", "2026-01-31T08:00:00+00:00"),
        ("cam1_20260131T080000Z.mp4", "2026-01-31T08:00:00+00:00"),
        ("2026-01-31T08-00-00.mp4", "2026-01-30T23:00:00+00:00"),
        ("20260131_080000.mkv", "2026-01-30T23:00:00+00:00"),
        ("20260131080000.mkv", "2026-01-30T23:00:00+00:00"),
        ("2026-01-31 08.00.00.ts", "2026-01-30T23:00:00+00:00"),
        ("2026-01-31T08-00-00+0100.mp4", "2026-01-31T07:00:00+00:00"),
        ("2026-01-31T08:00:00-05:00.mp4", "2026-01-31T13:00:00+00:00"),
        ("2026-01-31T08-00-00.250Z.mp4", "2026-01-31T08:00:00.250000+00:00"),
        ("2026-01-31T08-00-00-0003.mp4", "2026-01-30T23:00:00+00:00"),
        ("cam12345678 20260131_080000.mp4", "2026-01-30T23:00:00+00:00"),
    ],
)
def test_a_time_in_a_name_is_found(name: str, expected: str) -> None:
    found = time_in_name(name, "Asia/Tokyo")
    assert found is not None
    assert found.isoformat() == expected
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "name", ["01.mp4", "line1.mp4", "20261331_080000.mp4", "2026-01-31.mp4", "1234567890123456.mp4"]
)
def test_no_time_is_read_into_other_digits(name: str) -> None:
    assert time_in_name(name, "Asia/Tokyo") is None


@pytest.mark.parametrize(
    ("name", "timezone"),
    [
        ("2025-10-26T02-30-00.mp4", "Europe/Berlin"),
        ("2025-11-02T01-30-00.mp4", "America/New_York"),
        ("2025-04-06T01-45-00.mp4", "Australia/Lord_Howe"),
        ("2025-03-30T02-30-00.mp4", "Europe/Berlin"),
        ("2025-03-09T02-30-00.mp4", "America/New_York"),
    ],
)
def test_a_local_time_that_occurs_twice_or_never_is_refused(name: str, timezone: str) -> None:
    with pytest.raises(FootageError, match="occurs twice or never") as caught:
        time_in_name(name, timezone)
    assert caught.value.reason == "ambiguous_time"


def test_the_hours_around_the_change_of_clocks_are_certain() -> None:
    before = time_in_name("2025-10-26T01-59-59.mp4", "Europe/Berlin")
    after = time_in_name("2025-10-26T03-00-00.mp4", "Europe/Berlin")
    assert before == datetime(2025, 10, 25, 23, 59, 59, tzinfo=UTC)
    assert after == datetime(2025, 10, 26, 2, 0, 0, tzinfo=UTC)


def test_a_side_car_wins_over_the_name(tmp_path: Path) -> None:
    video = tmp_path / "2026-01-31T08-00-00Z.mp4"
    sidecar_of(video).write_text(json.dumps({"start_utc": "2026-02-01T00:00:00Z"}))
    told = known_start_utc(camera(ClockSource.AUTO), video)
    assert told == datetime(2026, 2, 1, tzinfo=UTC)
    assert sidecar_of(video).name == "2026-01-31T08-00-00Z.mp4.start.json"


def test_without_side_car_and_time_in_the_name_auto_leaves_it_to_the_modification_time(
    tmp_path: Path,
) -> None:
    assert known_start_utc(camera(ClockSource.AUTO), tmp_path / "line1.mp4") is None


@pytest.mark.parametrize("clock", [ClockSource.MTIME, ClockSource.SEQUENCE])
def test_clocks_that_do_not_look_at_names_do_not_trip_over_them(
    clock: ClockSource, tmp_path: Path
) -> None:
    ambiguous = tmp_path / "2025-10-26T02-30-00.mp4"
    assert known_start_utc(camera(clock, "Europe/Berlin"), ambiguous) is None


@pytest.mark.parametrize("clock", [ClockSource.NAME, ClockSource.SIDECAR])
def test_a_clock_that_must_tell_and_does_not_is_a_refusal(
    clock: ClockSource, tmp_path: Path
) -> None:
    with pytest.raises(FootageError) as caught:
        known_start_utc(camera(clock), tmp_path / "line1.mp4")
    assert caught.value.reason == "ambiguous_time"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b'"2026-01-31T08:00:00Z"',
        b'{"start_utc": 5}',
        b'{"start_utc": "yesterday"}',
        b'{"start_utc": "2026-01-31T08:00:00"}',
        b"\xff\xfe",
        b"[" * 50_000,
        b" " * 70_000 + b'{"start_utc": "2026-01-31T08:00:00Z"}',
    ],
    ids=["empty", "no-key", "list", "text", "number", "words", "no-zone", "bytes", "deep", "long"],
)
def test_a_bad_side_car_is_a_refusal_not_a_guess(content: bytes, tmp_path: Path) -> None:
    video = tmp_path / "2026-01-31T08-00-00Z.mp4"
    sidecar_of(video).write_bytes(content)
    with pytest.raises(FootageError, match="side-car") as caught:
        known_start_utc(camera(ClockSource.AUTO), video)
    assert caught.value.reason == "ambiguous_time"


def test_a_side_car_that_is_a_link_or_a_pipe_is_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text('{"start_utc": "2026-02-01T00:00:00Z"}')
    linked, piped = tmp_path / "a.mp4", tmp_path / "b.mp4"
    sidecar_of(linked).symlink_to(secret)
    os.mkfifo(sidecar_of(piped))
    for video in (linked, piped):
        with pytest.raises(FootageError, match="side-car"):
            known_start_utc(camera(ClockSource.AUTO), video)
