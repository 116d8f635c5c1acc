"""Moments on the command line: whose time zone is meant, and which of them cannot be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.assembly import open_site
from pipeline.commands.moments import parse_moment, parse_range
from pipeline.errors import SettingsError
from pipeline.reports.span import report_span
from pipeline.trial.trial_file import add_noticed, start_trial
from tests.command_line import Run, command_line
from tests.store_samples import MORNING, camera, fill
from tests.trial_makers import at, morning_trial, site_of_a_morning

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a site with a camera in Tokyo and its alert of 17:00:07 there."""
    site = open_site(tmp_path)
    fill(site.store)
    site.close()
    return tmp_path


@pytest.fixture
def kizashi(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command on that site."""

    return command_line(folder, capsys)


def another(folder: Path, timezone: str) -> None:
    site = open_site(folder)
    site.store.put_camera(replace(camera("press-2"), timezone=timezone))
    site.close()


def test_without_a_camera_the_zone_of_all_of_them_is_meant(
    folder: Path, kizashi: Run, tmp_path: Path
) -> None:
    another(folder, "Asia/Tokyo")
    for since, rows in (("2026-01-31T17:00", 1), ("2026-01-31T17:01", 0)):
        code, out, _ = kizashi("alerts", "--since", since, "--format", "csv")
        assert (code, len(out.splitlines())) == (0, 1 + rows)
        out_file = tmp_path / "flagged.csv"
        code, out, _ = kizashi("export", "flagged_clips", "--out", str(out_file), "--since", since)
        assert (code, f"({rows} rows" in out) == (0, True)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("alerts", "--since", "2026-01-31T17:00"), id="alerts"),
        pytest.param(("alerts", "--since", "2026-01-31"), id="a day"),
        pytest.param(
            ("export", "flagged_clips", "--out", "x.csv", "--until", "2026-01-31T17:00"),
            id="export",
        ),
    ],
)
def test_cameras_in_several_zones_ask_for_an_offset(
    folder: Path, kizashi: Run, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    another(folder, "Europe/Berlin")
    code, out, err = kizashi(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "several time zones" in err
    assert "T17:00Z or +09:00" in err or "T00:00Z or +09:00" in err
    assert not (folder / "x.csv").exists()
    assert kizashi("alerts", "--since", "2026-01-31T17:00+09:00")[0] == 0
    assert kizashi("alerts", "--since", "7d")[0] == 0
    assert kizashi("alerts", "--since", "2026-01-31", "--camera", "press-2")[0] == 0


@pytest.mark.parametrize("text", ["yesterday", "", "2026-13-01"])
def test_what_is_no_moment_is_none_without_a_zone_either(text: str) -> None:
    with pytest.raises(SettingsError, match="is no moment"):
        parse_moment(text, timezone=None, now_utc=NOW)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("what-if", "press-1"), id="what-if"),
        pytest.param(("train", "press-1"), id="train"),
        pytest.param(("report", "press-1"), id="report"),
        pytest.param(("export", "flagged_clips", "--out", "x.csv"), id="export"),
    ],
)
def test_a_range_that_ends_before_it_begins_is_refused(
    folder: Path, kizashi: Run, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    code, out, err = kizashi(*arguments, "--since", "1d", "--until", "2d")
    assert (code, out) == (2, "")
    assert err == "kizashi: --since 1d is not before --until 2d; exchange them\n"
    assert not (folder / "x.csv").exists()


def test_a_range_may_be_open_at_either_end() -> None:
    day = timedelta(days=1)
    assert parse_range("1d", None, timezone=None, now_utc=NOW) == (NOW - day, None)
    assert parse_range(None, "1d", timezone=None, now_utc=NOW) == (None, NOW - day)
    assert parse_range("2d", "1d", timezone=None, now_utc=NOW) == (NOW - 2 * day, NOW - day)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("--period", "week", "--date", "2999-01-31"), id="week"),
        pytest.param(("--since", "2999-01-01", "--until", "2999-01-08"), id="range"),
        pytest.param(("--until", "2999-01-08"), id="the day before a moment"),
    ],
)
def test_a_report_of_what_is_still_to_come_is_refused(
    folder: Path, kizashi: Run, arguments: tuple[str, ...]
) -> None:
    code, out, err = kizashi("report", "press-1", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "is still to come" in err
    assert not (folder / "reports").exists()


def test_a_report_from_after_the_last_footage_says_when_that_ends(folder: Path) -> None:
    site = at(open_site(folder), MORNING + timedelta(days=90))
    with pytest.raises(SettingsError, match="press-1 has no footage from --since"):
        report_span(site, "press-1", since=MORNING + timedelta(days=80))
    site.close()


def test_nobody_has_noticed_anything_tomorrow(tmp_path: Path) -> None:
    site, (alert, *_) = site_of_a_morning(tmp_path)
    trial = morning_trial(name="another")
    path = start_trial(site, trial)
    before = path.read_bytes()
    with pytest.raises(SettingsError, match="is still to come; say when people noticed it"):
        add_noticed(site, trial, alert.alert_id, site.clock.now_utc() + timedelta(minutes=1))
    assert path.read_bytes() == before
    site.close()
