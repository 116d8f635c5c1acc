"""The command line: what it takes, what it prints, and how it fails."""

import csv
import io
import json
import os
import re
import resource
import signal
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import pytest

from pipeline.assembly import open_site
from pipeline.cli import main
from pipeline.commands.moments import parse_moment
from pipeline.commands.output import Format, csv_cell, in_utc, in_zone, plain, print_rows
from pipeline.errors import CameraError, SettingsError
from pipeline.zones.polygon import parse_polygon
from tests.command_line import Run, command_line

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
REGISTER = ("--purpose", "see jams", "--owner", "line 3", "--retention-days", "30")

NO_MODEL = "camera belt has no active model yet; run: kizashi train belt"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    (folder / "in").mkdir(parents=True)
    assert main(["--site", str(folder), "init"]) == 0
    return folder


@pytest.fixture
def kizashi(site: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command on the site; return exit code, standard output, standard error."""
    return command_line(site, capsys)


@pytest.fixture
def belt(kizashi: Run) -> str:
    code, _, err = kizashi("camera", "add", "belt", "--source", "in", *REGISTER)
    assert (code, err) == (0, "")
    return "belt"


def test_init_writes_settings_that_load_and_never_overwrites_them(site: Path, kizashi: Run) -> None:
    written = site / "kizashi.toml"
    before = written.read_bytes()
    code, out, err = kizashi("init")
    assert code == 2
    assert out == ""
    assert err == f"kizashi: {written} is there already; edit it, or choose another --site\n"
    assert written.read_bytes() == before
    open_site(site).close()


def test_a_folder_that_is_no_site_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["--site", str(tmp_path), "camera", "list"])
    assert code == 2
    assert capsys.readouterr().err == (
        f"kizashi: no site in {tmp_path}; make one with: kizashi --site {tmp_path} init\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_the_site_comes_from_the_environment_too(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KIZASHI_SITE", str(site))
    capsys.readouterr()
    assert main(["camera", "list", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_camera_is_registered_listed_shown_and_changed(kizashi: Run, site: Path) -> None:
    more = ("--timezone", "Asia/Tokyo", "--budget", "0.5", "--clock", "name")
    code, out, _ = kizashi("camera", "add", "belt", "--source", "in", *REGISTER, *more)
    assert (code, out) == (0, "camera belt is registered; next: kizashi ingest belt\n")
    assert kizashi("camera", "set", "belt", "--budget", "2")[:2] == (
        0,
        "camera belt: changed budget_per_day\n",
    )
    listed = json.loads(kizashi("camera", "list", "--format", "json")[1])
    assert listed == [
        {
            "name": "belt",
            "source": "in",
            "timezone": "Asia/Tokyo",
            "budget_per_day": 2.0,
            "owner": "line 3",
            "purpose": "see jams",
        }
    ]
    shown = {
        row["field"]: row["value"]
        for row in json.loads(kizashi("camera", "show", "belt", "--format", "json")[1])
    }
    assert (shown["clock"], shown["retention_days"], shown["active_model"]) == (
        "name",
        "30",
        "none",
    )


def test_the_start_of_a_sequence_is_meant_in_the_cameras_zone(kizashi: Run, site: Path) -> None:
    more = ("--clock", "sequence", "--sequence-start", "2020-05-01", "--timezone", "Asia/Tokyo")
    assert kizashi("camera", "add", "belt", "--source", "in", *REGISTER, *more)[0] == 0
    opened = open_site(site)
    assert opened.store.camera("belt").sequence_start_utc == datetime(2020, 4, 30, 15, tzinfo=UTC)
    opened.close()


def test_masks_are_added_and_cleared(kizashi: Run, site: Path, belt: str) -> None:
    assert kizashi("camera", "mask", belt, "--polygon", "0,0 0.3,0 0.3,0.5")[0] == 0
    assert kizashi("camera", "mask", belt, "--polygon", "0.5,0.5 1,0.5 1,1")[0] == 0
    opened = open_site(site)
    assert opened.store.camera(belt).privacy_masks == (
        ((0.0, 0.0), (0.3, 0.0), (0.3, 0.5)),
        ((0.5, 0.5), (1.0, 0.5), (1.0, 1.0)),
    )
    code, _, err = kizashi("camera", "mask", belt, "--clear")
    assert code == 3
    assert "nothing stored before is changed. Confirm that it may with: --confirm" in err
    assert len(opened.store.camera(belt).privacy_masks) == 2
    assert kizashi("camera", "mask", belt, "--clear", "--confirm")[0] == 0
    assert opened.store.camera(belt).privacy_masks == ()
    opened.close()


def test_masks_are_listed_named_and_taken_away_one_by_one(
    kizashi: Run, site: Path, belt: str
) -> None:
    corner = ("--polygon", "0,0 0.3,0 0.3,0.5")
    code, out, _ = kizashi("camera", "mask", belt, *corner, "--name", "door")
    assert (code, "--stored" in out) == (0, True)
    assert kizashi("camera", "mask", belt, "--polygon", "0.5,0.5 1,0.5 1,1")[0] == 0
    listed = json.loads(kizashi("camera", "mask", belt, "--format", "json")[1])
    assert listed == [
        {"mask": "door", "corners": "0,0 0.3,0 0.3,0.5"},
        {"mask": "mask 1", "corners": "0.5,0.5 1,0.5 1,1"},
    ]
    assert kizashi("camera", "mask", belt, "--remove", "window")[0] == 3
    assert kizashi("camera", "mask", belt, "--remove", "door")[0] == 3
    code, out, _ = kizashi("camera", "mask", belt, "--remove", "door", "--confirm")
    assert (code, "footage from now on will show what was masked" in out) == (0, True)
    opened = open_site(site)
    assert opened.store.camera(belt).named_masks == (
        ("mask 1", ((0.5, 0.5), (1.0, 0.5), (1.0, 1.0))),
    )
    # A mask that grows hides no less, and asks nobody.
    grown = ("--polygon", "0.4,0.4 1,0.4 1,1 0.4,1")
    assert kizashi("camera", "mask", belt, *grown, "--name", "all of it")[0] == 0
    assert kizashi("camera", "mask", belt, "--remove", "mask 1")[0] == 0
    opened.close()


def test_zones_are_added_changed_listed_and_taken_away(kizashi: Run, belt: str) -> None:
    corner = ("--polygon", "0,0 0.3,0 0.3,0.5")
    assert kizashi("camera", "zone", belt, "--add", "robot", "--kind", "watch")[0] == 3
    watch = ("--add", "robot", "--kind", "watch", *corner)
    code, _, err = kizashi("camera", "zone", belt, *watch)
    assert (code, "needs a budget" in err) == (3, True)
    assert kizashi("camera", "zone", belt, *watch, "--budget", "3")[0] == 0
    gate = ("--add", "gate", "--kind", "closed", "--hours", "Mon-Fri 22:00-06:00")
    assert kizashi("camera", "zone", belt, *gate, "--polygon", "0.5,0.5 1,0.5 1,1")[0] == 0
    assert kizashi("camera", "zone", belt, "--add", "robot", "--budget", "0.5")[0] == 0
    listed = json.loads(kizashi("camera", "zone", belt, "--format", "json")[1])
    assert [(z["zone"], z["kind"], z["budget_per_day"], z["hours"]) for z in listed] == [
        ("robot", "watch", 0.5, ""),
        ("gate", "closed", None, "mon-fri 22:00-06:00"),
    ]
    assert kizashi("camera", "zone", belt, "--remove", "door")[0] == 3
    assert kizashi("camera", "zone", belt, "--remove", "gate")[0] == 0
    assert kizashi("camera", "set", belt, "--closed-hours", "sometimes")[0] == 3
    assert kizashi("camera", "set", belt, "--closed-hours", "sat,sun 00:00-24:00")[0] == 0
    shown = kizashi("camera", "show", belt)[1]
    assert "sat,sun 00:00-24:00" in shown
    assert "robot" in shown


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(("camera", "show", "other"), 3, "belt", id="unknown camera names the known"),
        pytest.param(
            ("camera", "add", "belt", "--source", "in", *REGISTER),
            3,
            "camera belt is registered already; change it with: kizashi camera set belt",
            id="name taken",
        ),
        pytest.param(
            ("camera", "add", "two", "--source", "nowhere", *REGISTER),
            3,
            "make it or give --source",
            id="no such folder",
        ),
        pytest.param(
            ("camera", "add", "Belt!", "--source", "in", *REGISTER), 3, "'Belt!'", id="bad name"
        ),
        pytest.param(
            ("camera", "add", "two", "--source", "in"), 2, "Missing option", id="no purpose"
        ),
        pytest.param(("camera", "set", "belt"), 3, "nothing to change", id="nothing to change"),
        pytest.param(
            ("camera", "set", "belt", "--timezone", "Mars/Base"), 3, "Mars/Base", id="bad zone"
        ),
        pytest.param(("camera", "mask", "belt", "--polygon", "0;1"), 3, "'0;1'", id="bad polygon"),
        pytest.param(
            ("camera", "mask", "belt", "--polygon", "0,0 2,0 1,1"),
            3,
            "between 0 and 1",
            id="outside",
        ),
        pytest.param(("train", "belt"), 4, "kizashi ingest belt", id="nothing to learn from"),
        *(
            pytest.param(words, 5, NO_MODEL, id=f"{words[0]} without a model")
            for words in (("score", "belt"), ("drift", "belt"), ("what-if", "belt"))
        ),
        pytest.param(("alerts", "--since", "yesterday"), 2, "24h", id="bad moment"),
        pytest.param(("review", "abcdef12", "anomaly"), 6, "abcdef12", id="unknown alert"),
        pytest.param(("review", "abcdef12", "maybe"), 2, "known_harmless", id="bad verdict"),
        pytest.param(("sql", "drop table alerts"), 6, "kizashi: ", id="not a question"),
        pytest.param(("model", "show", "abcdef"), 5, "kizashi model list", id="unknown model"),
        pytest.param(("frobnicate",), 2, "frobnicate", id="unknown command"),
        pytest.param(
            ("ingest", "--frobnicate"), 2, "see kizashi ingest --help", id="unknown option"
        ),
        pytest.param(("alerts", "--format", "xml"), 2, "xml", id="unknown format"),
        pytest.param(
            ("report", "belt", "--since", "2026-02-01", "--until", "2026-01-01"),
            2,
            "is not before",
            id="range upside down",
        ),
        pytest.param(
            ("report", "belt", "--period", "day", "--since", "7d"),
            2,
            "either --period",
            id="period and range",
        ),
        pytest.param(
            ("report", "belt", "--date", "2026-01-31"), 2, "either --period", id="a day of nothing"
        ),
        pytest.param(
            ("report", "belt", "--period", "day", "--date", "31.1."), 2, "is no day", id="no day"
        ),
    ],
)
def test_an_error_is_one_line_with_its_exit_code(
    kizashi: Run, belt: str, arguments: tuple[str, ...], code: int, said: str
) -> None:
    result, out, err = kizashi(*arguments)
    assert (result, out) == (code, "")
    assert err.startswith("kizashi: ")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert said in err
    assert "Traceback" not in err


def test_debug_adds_the_traceback_and_still_ends_with_the_line(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["--debug", "--site", str(site), "camera", "show", "none"]) == 3
    lines = capsys.readouterr().err.splitlines()
    assert "Traceback (most recent call last):" in lines
    assert lines[-1].startswith("kizashi: ")


def test_a_wrong_database_url_is_one_line_without_its_password(
    site: Path, kizashi: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIZASHI_DATABASE_URL", "mysql://me:cAnArY@db/kizashi")
    code, _, err = kizashi("camera", "list")
    assert code == 6
    assert err.count("\n") == 1
    assert "cAnArY" not in err


def test_a_bad_setting_names_file_and_setting(site: Path, kizashi: Run) -> None:
    (site / "kizashi.toml").write_text('preset = "huge"\n', encoding="utf-8")
    code, _, err = kizashi("camera", "list")
    assert code == 2
    assert str(site / "kizashi.toml") in err
    assert "preset" in err


def test_commands_on_an_empty_site_have_nothing_to_show(kizashi: Run, belt: str) -> None:
    assert kizashi("alerts", "--format", "json")[:2] == (0, "[]\n")
    assert kizashi("model", "list", "--format", "json")[:2] == (0, "[]\n")
    code, out, _ = kizashi("ingest")
    assert code == 0
    assert out == "belt: 0 admitted, 0 refused, 0 known, 0 waiting; 0.0 s seen, 0.0 s blind\n"


def test_ingest_without_a_camera_says_how_to_register_one(kizashi: Run) -> None:
    code, _, err = kizashi("ingest")
    assert code == 2
    assert err.endswith("register one with: kizashi camera add\n")


def test_a_report_of_a_period_is_named_by_it(kizashi: Run, site: Path, belt: str) -> None:
    code, out, _ = kizashi("report", belt, "--period", "week", "--date", "2026-01-31")
    page = site / "reports" / "belt" / "week-2026-W05.en.html"
    assert (code, out) == (0, f"belt: {page}\n")
    assert page.with_name("week-2026-W05.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_sql_answers_over_the_public_views(kizashi: Run, belt: str) -> None:
    code, out, _ = kizashi("sql", "select count(*) as alerts from flagged_clips", "--format", "csv")
    assert (code, out) == (0, '"alerts"\n0\n')


def test_store_upgrade_says_what_it_did(kizashi: Run) -> None:
    code, out, _ = kizashi("store", "upgrade")
    assert code == 0
    assert re.fullmatch(r"schema empty -> \w+\n", out)


def test_each_change_of_the_register_is_in_the_audit_log(
    kizashi: Run, site: Path, belt: str
) -> None:
    kizashi("camera", "set", belt, "--owner", "line 4")
    opened = open_site(site)
    assert opened.store.row_counts()["audit_log"] == 2
    opened.close()


def test_a_group_without_a_command_shows_its_help(kizashi: Run) -> None:
    code, out, err = kizashi("camera")
    assert code == 2
    assert "mask" in out
    assert err == ""


def test_help_is_quick() -> None:
    times = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "pipeline.cli", "--help"],
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    # Seconds of a core, 0.24 measured: the clock would also count what else the machine does.
    assert min(times) < 1.0


def test_an_interrupt_ends_with_130_and_one_line(site: Path) -> None:
    code = (
        "import os, signal, sys, typer\n"
        # A shell that starts a job in the background makes it ignore SIGINT, and so would this.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from pipeline.cli import app, main\n"
        "@app.command()\n"
        "def wait() -> None:\n"
        "    print('ready', flush=True)\n"
        "    signal.pause()\n"
        "sys.exit(main(['wait']))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err in {"", "kizashi: interrupted\n"}


def test_a_reader_that_leaves_is_no_error(site: Path, kizashi: Run, belt: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "--site", str(site), "camera", "list"],
        cwd=ROOT,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2026-01-31", "UTC", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31", "Asia/Tokyo", datetime(2026, 1, 30, 15, tzinfo=UTC)),
        ("2026-01-31T08:00", "Europe/Berlin", datetime(2026, 1, 31, 7, tzinfo=UTC)),
        ("2026-01-31T08:00Z", "Asia/Tokyo", datetime(2026, 1, 31, 8, tzinfo=UTC)),
        ("2026-01-31T08:00+09:00", "UTC", datetime(2026, 1, 30, 23, tzinfo=UTC)),
        ("90m", "UTC", datetime(2026, 1, 31, 10, 30, tzinfo=UTC)),
        ("24h", "Asia/Tokyo", datetime(2026, 1, 30, 12, tzinfo=UTC)),
        ("7d", "UTC", datetime(2026, 1, 24, 12, tzinfo=UTC)),
    ],
)
def test_moments_are_read_in_the_cameras_zone(text: str, zone: str, expected: datetime) -> None:
    assert parse_moment(text, timezone=zone, now_utc=NOW) == expected


@pytest.mark.parametrize("text", ["", "24", "h", "-3h", "2026-13-01", "9999999d", "now"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="is no moment"):
        parse_moment(text, timezone="UTC", now_utc=NOW)


@pytest.mark.parametrize("text", ["", "0", "0,0,0 1,1 1,0", "a,b c,d e,f"])
def test_what_is_no_polygon_is_refused(text: str) -> None:
    with pytest.raises(CameraError, match="is no polygon"):
        parse_polygon(text)


def test_times_are_shown_in_the_plants_zone_and_in_utc() -> None:
    moment = datetime(2026, 7, 1, 22, 5, 9, 900_000, tzinfo=UTC)
    assert in_zone(moment, "Asia/Tokyo") == "2026-07-02 07:05:09+09:00"
    assert in_utc(moment) == "2026-07-01T22:05:09Z"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@cmd", "\tx", "\rx"])
def test_csv_cells_are_no_formulas(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(("note",), [(text,)], Format.CSV)
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert rows[1][0] == "'" + text


def test_csv_keeps_numbers_as_numbers() -> None:
    assert csv_cell(-1.5) == -1.5
    assert csv_cell("3.5") == "3.5"
    assert csv_cell(None) == ""


def test_control_characters_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "belt\x1b[2J\n\udcff 兆し [red]"
    assert plain(hostile) == "belt\\x1b[2J\\n\\udcff 兆し [red]"
    print_rows(("note",), [(hostile,)], Format.TABLE)
    assert plain(hostile) in capsys.readouterr().out


def test_json_holds_text_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(("note", "at"), [("=1\n兆し", NOW)], Format.JSON)
    assert json.loads(capsys.readouterr().out) == [
        {"note": "=1\n兆し", "at": "2026-01-31T12:00:00Z"}
    ]


def test_a_table_on_no_terminal_is_neither_cut_nor_folded(
    capsys: pytest.CaptureFixture[str],
) -> None:
    long = "x" * 500
    print_rows(("a", "b"), [(long, 1), ("y", 2.5)], Format.TABLE)
    out = capsys.readouterr().out
    assert long in out
    assert all(line == line.rstrip() or line.endswith(" ") for line in out.splitlines())


def test_a_camera_that_fails_does_not_stop_the_others(site: Path, kizashi: Run, belt: str) -> None:
    (site / "new").mkdir()
    code, _, err = kizashi("camera", "add", "a-new", "--source", "new", *REGISTER)
    assert (code, err) == (0, "")
    (site / "new").rmdir()  # a share that is not mounted
    code, out, err = kizashi("ingest")
    assert code == 3
    assert "a-new" in err
    assert out.startswith("belt: 0 admitted")
    assert kizashi("ingest", "belt")[0] == 0
    code, _, err = kizashi("score")
    assert code == 5
    assert [line.split()[2] for line in err.splitlines()] == ["a-new", "belt"]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("camera", "set", "belt", "--retention-days", "999999"), id="days"),
        pytest.param(("camera", "set", "belt", "--budget", "inf"), id="budget"),
        pytest.param(("train", "belt", "--since", "0001-01-01T00:00+09:00"), id="year"),
    ],
)
def test_numbers_beyond_any_use_are_one_line(
    kizashi: Run, belt: str, arguments: tuple[str, ...]
) -> None:
    code, _, err = kizashi(*arguments)
    assert code in (2, 3)
    assert "unexpected" not in err
    assert err.count("\n") == 1


def test_only_its_owner_and_its_group_can_read_the_database(site: Path, belt: str) -> None:
    assert (site / "kizashi.db").stat().st_mode & 0o777 == 0o640


def test_the_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"kizashi {metadata.version('kizashi')}\n"
