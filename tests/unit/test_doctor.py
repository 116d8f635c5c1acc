"""kizashi doctor: every check fails for a real reason, says where, and names the fix."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.assembly import Site, open_site
from pipeline.camera import ClockSource
from pipeline.cli import main
from pipeline.doctor import footage as footage_checks
from pipeline.doctor import models, place, program
from pipeline.doctor.examine import examine, this_machine
from pipeline.doctor.findings import Finding, Level, Machine
from pipeline.doctor.footage import expected_within, steady_shift
from pipeline.recording.configuration import RecordTable
from pipeline.recording.state import Activity, RecordingState, write_state
from pipeline.settings import Settings
from pipeline.store.owners import new_owner
from tests.fakes import FakeClock
from tests.store_samples import MORNING, Line, camera, fill, footage, hold, segment

NOW = MORNING + timedelta(hours=2)
OK, WARNING, PROBLEM = Level.OK, Level.WARNING, Level.PROBLEM


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Return a site with the folder of press-1 and nothing in it."""
    folder = tmp_path / "plant"
    (folder / "footage" / "press-1").mkdir(parents=True)
    (folder / "kizashi.toml").touch(mode=0o640)
    opened = open_site(folder, clock=FakeClock(NOW))
    opened.store.put_camera(camera())
    yield opened
    opened.close()


@pytest.fixture
def machine(site: Site) -> Machine:
    """Return a machine on which all is well, with the site open."""
    whole = this_machine(site.folder, lambda: None, clock=FakeClock(NOW))
    return replace(
        whole,
        settings=site.settings,
        site=site,
        gpu_names=list,
        torch_sees_gpu=lambda: False,
        free_bytes=lambda path: 500 << 30,
        zone="Asia/Tokyo",
    )


def source_of(machine: Machine) -> Path:
    return machine.folder / "footage" / "press-1"


def put(machine: Machine, name: str, at: datetime, content: bytes = b"\0\0\0\x18ftypisom") -> Path:
    """Write a file into the camera's folder, as if a recorder had closed it at that time."""
    path = source_of(machine) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (at.timestamp(), at.timestamp()))
    return path


def only(found: Iterator[Finding]) -> Finding:
    (finding,) = found
    assert (finding.level is OK) == (finding.fix == "")
    return finding


def of_camera(
    check: Callable[..., Iterator[Finding]], machine: Machine, **changes: object
) -> Finding:
    return only(check(machine, camera(**changes), source_of(machine)))


# the program -------------------------------------------------------------------------------


def test_a_python_that_is_too_old_is_a_problem() -> None:
    assert program.python_finding("3.11.7", ">=3.11").level is OK
    old = program.python_finding("3.10.2", ">=3.11")
    assert (old.level, old.found) == (PROBLEM, "3.10.2, kizashi asks for >=3.11")
    assert program.python_finding("3.11.7", None).level is WARNING


def test_libraries_that_are_missing_or_too_old_are_named() -> None:
    asked = ["no-such-library>=1", "typer>=999", "typer>=0.1", "other>=1; extra == 'dev'"]
    missing, old = program.library_problems(asked)
    assert missing == "no-such-library is missing"
    assert old.startswith("typer ")
    assert old.endswith("is not >=999")


def test_the_libraries_here_are_what_is_asked_for(machine: Machine) -> None:
    assert only(program.check_libraries(machine)).level is OK
    assert only(program.check_python(machine)).level is OK


@pytest.mark.parametrize(
    ("device", "there", "torch_sees", "level", "said"),
    [
        ("auto", [], False, OK, "none"),
        ("cuda", [], False, PROBLEM, "no GPU is to be seen"),
        ("auto", ["/dev/nvidia0"], False, WARNING, "this torch cannot use it"),
        ("cuda", ["/dev/nvidia0"], False, PROBLEM, "this torch cannot use it"),
        ("cpu", ["/dev/nvidia0"], True, WARNING, "device is cpu"),
        ("auto", ["/dev/nvidia0"], True, OK, "torch uses it"),
    ],
)
def test_a_gpu_that_is_not_used_is_seen(
    machine: Machine, device: str, there: list[str], torch_sees: bool, level: Level, said: str
) -> None:
    asked = replace(
        machine,
        settings=Settings(device=device),
        gpu_names=lambda: there,
        torch_sees_gpu=lambda: torch_sees,
    )
    found = only(program.check_gpu(asked))
    assert found.level is level
    assert said in found.found


def test_a_prefect_server_that_is_configured_must_answer(machine: Machine) -> None:
    url = "http://127.0.0.1:4200/api"
    assert only(program.check_scheduler(machine)).level is OK
    well = replace(machine, prefect_answer=lambda: (url, None))
    assert only(program.check_scheduler(well)).level is OK
    silent = replace(machine, prefect_answer=lambda: (url, "no answer"))
    found = only(program.check_scheduler(silent))
    assert found.level is PROBLEM
    assert url in found.found
    assert "prefect server start" in found.fix


def test_a_live_camera_needs_ffmpeg_and_a_recorder_that_runs(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = only(program.check_recorder(machine))
    assert (found.level, "nothing else needs ffmpeg" in found.found) == (OK, True)
    table = RecordTable(camera="press-1", url="rtsp://h/s")
    live = replace(machine, settings=Settings(record=[table]))
    found = only(program.check_recorder(live))
    assert (found.level, found.found) == (WARNING, "nobody records press-1 now")
    (machine.folder / "recording" / "press-1").mkdir(parents=True)
    state = RecordingState(
        activity=Activity.RECORDING, since_utc=NOW, beat_utc=NOW, known_until_utc=NOW
    )
    write_state(machine.folder, "press-1", state)
    assert only(program.check_recorder(live)).level is OK
    write_state(machine.folder, "press-1", replace(state, activity=Activity.BLIND, cause="stalled"))
    found = only(program.check_recorder(live))
    assert (found.level, found.found) == (WARNING, "no frames of press-1 (stalled)")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    found = only(program.check_recorder(live))
    assert found.level is PROBLEM
    assert "apt-get install ffmpeg" in found.fix


# the place ---------------------------------------------------------------------------------


def test_settings_that_cannot_be_read_are_a_problem(machine: Machine) -> None:
    assert only(place.check_settings(machine)).level is OK
    (machine.folder / "kizashi.toml").write_text('preset = "huge"\n', encoding="utf-8")
    found = only(place.check_settings(machine))
    assert found.level is PROBLEM
    assert "preset" in found.found
    (machine.folder / "kizashi.toml").unlink()
    assert only(place.check_settings(machine)).level is WARNING


@pytest.mark.parametrize(
    ("line", "mode", "level"),
    [
        ('database_url = "postgresql://me:cAnArY@db/kizashi"', 0o644, PROBLEM),
        ('database_url = "postgresql://me:cAnArY@db/kizashi"', 0o640, OK),
        ('database_url = "postgresql://db/kizashi?password=cAnArY"', 0o604, PROBLEM),
        ('language = "ja"', 0o644, OK),
    ],
)
def test_a_password_that_everybody_can_read_is_a_problem_and_is_not_repeated(
    machine: Machine, line: str, mode: int, level: Level
) -> None:
    path = machine.folder / "kizashi.toml"
    path.write_text(line + "\n", encoding="utf-8")
    path.chmod(mode)
    found = only(place.check_secrets(machine))
    assert found.level is level
    assert "cAnArY" not in f"{found.found} {found.fix}"


def test_the_database_must_answer_and_have_the_schema(machine: Machine, site: Site) -> None:
    assert only(place.check_database(machine)).level is OK
    site.close()
    with sqlite3.connect(machine.folder / "kizashi.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'r9999'")
    database.close()
    found = only(place.check_database(machine))
    assert found.level is PROBLEM
    assert "r9999" in found.found
    assert "kizashi store upgrade" in found.fix
    silent = replace(
        machine, settings=Settings(database_url="postgresql://me:cAnArY@127.0.0.1:1/kizashi")
    )
    found = only(place.check_database(silent))
    assert found.level is PROBLEM
    assert "cAnArY" not in found.found
    assert only(place.check_database(replace(machine, settings=None))).level is PROBLEM


def test_a_database_that_is_not_there_is_not_made(machine: Machine, tmp_path: Path) -> None:
    empty = replace(machine, folder=tmp_path, site=None)
    assert only(place.check_database(empty)).level is WARNING
    assert not (tmp_path / "kizashi.db").exists()


@pytest.mark.parametrize(
    ("free", "level"),
    [(1 << 30, PROBLEM), (3 << 30, WARNING), (500 << 30, OK)],
)
def test_disk_space_is_held_against_what_came_in(
    machine: Machine, site: Site, free: int, level: Level
) -> None:
    site.store.add_footage(footage(size_bytes=7 << 30), [], [])  # 1 GiB a day over a week
    found = only(place.check_disk(replace(machine, free_bytes=lambda path: free)))
    assert found.level is level
    assert "1.00 GiB a day" in found.found


def test_a_lease_of_a_dead_process_is_named(machine: Machine, site: Site) -> None:
    site.store.acquire_lease("score/press-1", new_owner(), 10**9)
    assert only(place.check_leases(machine)).level is OK
    ended = subprocess.Popen(["true"])
    ended.wait()
    host = new_owner().rsplit(":", 2)[0]
    site.store.acquire_lease("serve", f"{host}:{ended.pid}:12345", 10**9)
    found = only(place.check_leases(machine))
    assert found.level is WARNING
    assert found.found.startswith("serve was left by ")
    assert "kizashi serve is not running" in found.fix


# footage -----------------------------------------------------------------------------------


def test_a_folder_that_is_gone_is_a_problem(machine: Machine) -> None:
    assert of_camera(footage_checks.check_folder, machine).level is OK
    source_of(machine).rmdir()
    found = of_camera(footage_checks.check_folder, machine)
    assert found.level is PROBLEM
    assert "kizashi camera set press-1 --source" in found.fix


def test_footage_that_stops_coming_is_seen_by_the_pace_of_before(machine: Machine) -> None:
    assert of_camera(footage_checks.check_freshness, machine).level is WARNING  # none at all
    for number in range(5):
        put(machine, f"{number}.mp4", NOW - timedelta(hours=8, minutes=10 * number))
    late = of_camera(footage_checks.check_freshness, machine)
    assert (late.level, late.found) == (
        WARNING,
        "5 files, the newest 8.0 h old, one was expected within 1.0 h",
    )
    archive = of_camera(footage_checks.check_freshness, machine, clock=ClockSource.SEQUENCE)
    assert archive.level is OK
    put(machine, "5.mp4", NOW - timedelta(minutes=10))
    assert of_camera(footage_checks.check_freshness, machine).level is OK


def test_the_next_file_is_expected_after_three_of_the_longest_pauses() -> None:
    hours = [NOW + timedelta(hours=hour) for hour in (0, 1, 5)]
    assert expected_within(hours) == timedelta(hours=12)
    assert expected_within(hours[:1]) is None


def test_files_that_would_be_refused_are_named_with_the_reason(machine: Machine) -> None:
    put(machine, "2026-01-31T08-00-00Z.mp4", NOW)
    assert of_camera(footage_checks.check_refusals, machine).level is OK
    put(machine, "notes.mp4", NOW, b"not a video")
    found = of_camera(footage_checks.check_refusals, machine)
    assert found.level is WARNING
    assert found.found.startswith("1 of 2 would be refused: notes.mp4: not a video but text")
    assert "(not_video)" in found.found
    timeless = of_camera(footage_checks.check_refusals, machine, clock=ClockSource.NAME)
    assert "1 of 2" in timeless.found


def test_a_camera_left_at_utc_is_seen(machine: Machine) -> None:
    assert of_camera(footage_checks.check_zone, machine).level is OK
    found = of_camera(footage_checks.check_zone, machine, timezone="UTC")
    assert found.level is WARNING
    assert "--timezone Asia/Tokyo" in found.fix


def test_clocks_that_disagree_are_seen(machine: Machine, site: Site) -> None:
    assert of_camera(footage_checks.check_times, machine).level is OK
    put(machine, "a.mp4", NOW + timedelta(hours=3))
    ahead = of_camera(footage_checks.check_times, machine)
    assert (ahead.level, ahead.found) == (
        PROBLEM,
        "files are 3.0 h newer than this machine's clock",
    )


def test_footage_of_the_future_is_a_problem(machine: Machine, site: Site) -> None:
    late = footage(start_utc=NOW + timedelta(hours=9))
    site.store.add_footage(late, [segment(late)], [])
    found = of_camera(footage_checks.check_times, machine)
    assert (found.level, found.found) == (PROBLEM, "footage ends 9.0 h in the future")
    assert "--timezone" in found.fix


def test_a_steady_shift_of_whole_hours_looks_like_a_wrong_zone(
    machine: Machine, site: Site
) -> None:
    for number in range(3):
        name = f"{number}.mp4"
        item = footage(number=number - 12, path=name, start_utc=NOW - timedelta(hours=20 - number))
        site.store.add_footage(item, [], [])
        # Written nine hours after the end that its name tells.
        put(machine, name, NOW - timedelta(hours=11 - number) + timedelta(seconds=100))
    found = of_camera(footage_checks.check_times, machine)
    assert found.level is WARNING
    assert "9.0 h before" in found.found


def test_a_zone_that_is_set_right_is_not_asked_for_again(machine: Machine, site: Site) -> None:
    # Local times of Tokyo, taken in while the camera was said to be in UTC.
    for number in range(3):
        name = f"2026-01-31T{16 + number // 2:02d}-{30 * (number % 2):02d}-00.mp4"
        start = datetime(2026, 1, 31, 16 + number // 2, 30 * (number % 2), tzinfo=UTC)
        item = footage(number=number, path=name, start_utc=start)
        site.store.add_footage(item, [segment(item)], [])
        put(machine, name, start - timedelta(hours=9) + timedelta(seconds=100))
    before = of_camera(footage_checks.check_times, machine, timezone="UTC")
    assert (before.level, "in the future" in before.found) == (PROBLEM, True)
    assert "--timezone ZONE" in before.fix
    assert "what is taken in keeps its times" in before.fix
    after = of_camera(footage_checks.check_times, machine)
    assert after.level is WARNING
    assert after.found.startswith("3 of the last 3 files were taken in with other times than")
    assert "kizashi camera set" not in after.fix
    assert "camera add NAME --source footage/press-1 --timezone Asia/Tokyo" in after.fix
    # What comes from then on is judged by itself.
    late = footage(number=20, path="no-time.mp4", start_utc=NOW + timedelta(hours=2))
    site.store.add_footage(late, [segment(late)], [])
    assert of_camera(footage_checks.check_times, machine).level is PROBLEM


@pytest.mark.parametrize(
    ("shifts", "steady"),
    [
        ([32_400, 32_410, 32_405], 32_405),
        ([-19_800, -19_790, -19_810], -19_800),
        ([32_400, 32_410], None),
        ([30, 20, 10], None),
        ([32_400, 7_200, 32_400], None),
        ([90_000, 90_000, 90_000], None),
        ([33_300, 33_300, 33_300], None),
    ],
)
def test_what_looks_like_a_zone(shifts: list[float], steady: float | None) -> None:
    assert steady_shift(shifts) == steady


# models ------------------------------------------------------------------------------------


def test_a_camera_without_a_model_and_a_model_without_its_files(
    machine: Machine, site: Site
) -> None:
    none = of_camera(models.check_model, machine)
    assert none.level is WARNING
    assert "kizashi train press-1" in none.fix
    fill(site.store)
    lost = of_camera(models.check_model, machine)
    assert lost.level is PROBLEM
    assert "missing or was changed" in lost.found


def test_a_budget_that_the_model_was_not_calibrated_for_is_seen(
    machine: Machine, site: Site
) -> None:
    fill(site.store)
    assert of_camera(models.check_budget, machine).level is OK
    found = of_camera(models.check_budget, machine, budget_per_day=0.5)
    assert (found.level, found.found) == (
        WARNING,
        "0.5 a day is stated, the model was calibrated for 2",
    )


def test_footage_that_waits_to_be_scored_is_counted(machine: Machine, site: Site) -> None:
    fill(site.store)
    assert of_camera(models.check_waiting, machine).level is OK
    late = footage(number=9, duration_us=7_200_000_000)
    site.store.add_footage(late, [segment(late, 0, 7_200_000_000)], [])
    put(machine, late.path, MORNING)
    found = of_camera(models.check_waiting, machine)
    assert found.level is WARNING
    assert found.found == "2.0 h of footage wait to be scored"


def test_footage_that_went_unscored_is_told_of_for_as_long_as_it_would_be_kept(
    machine: Machine, site: Site
) -> None:
    fill(site.store)
    late = footage(number=9, duration_us=7_200_000_000)
    site.store.add_footage(late, [segment(late, 0, 7_200_000_000)], [])
    put(machine, late.path, MORNING).unlink()
    found = of_camera(models.check_waiting, machine)
    assert found.level is WARNING
    assert (
        found.found
        == f"2.0 h of footage went from {source_of(machine)} before any of it was scored"
    )
    days = timedelta(days=camera().retention_days)
    ended = segment(late, 0, 7_200_000_000).end_utc + days
    before, after = (replace(machine, now_utc=ended + timedelta(hours=h)) for h in (-1, 1))
    assert of_camera(models.check_waiting, before).level is WARNING
    assert of_camera(models.check_waiting, after).level is OK
    # A disk that is away is no footage that went.
    source_of(machine).rename(machine.folder / "away")
    assert "wait to be scored" in of_camera(models.check_waiting, after).found


def test_evidence_that_is_gone_is_a_problem(machine: Machine, site: Site) -> None:
    assert only(models.check_evidence(machine)).level is OK
    line: Line = fill(site.store)
    for item in line.evidence:
        path = machine.folder / item.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert only(models.check_evidence(machine)).level is OK
    (machine.folder / line.evidence[0].path).unlink()
    found = only(models.check_evidence(machine))
    assert found.level is PROBLEM
    assert line.evidence[0].path in found.found
    later = replace(machine, now_utc=NOW + timedelta(days=31))  # kept for 30 days
    assert only(models.check_evidence(later)).found == "all 0 files are there"
    site.store.add_hold(hold(line.alert))  # which keeps it for longer
    assert only(models.check_evidence(later)).level is PROBLEM


# all of it ---------------------------------------------------------------------------------


def test_one_check_that_cannot_look_does_not_stop_the_others(machine: Machine) -> None:
    def fails(path: Path) -> int:
        raise OSError("the disk is gone")

    found = list(examine(replace(machine, free_bytes=fails, settings=None, site=None)))
    by_name = {item.check: item for item in found}
    assert by_name["disk"].level is PROBLEM
    assert "the disk is gone" in by_name["disk"].found
    assert by_name["gpu"].level is OK
    assert "folder of press-1" in by_name


def test_the_command_prints_a_line_a_check_and_ends_with_1_on_a_problem(
    machine: Machine, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    put(machine, "2026-01-31T08-00-00Z.mp4", NOW)
    before = {path: path.stat().st_mtime_ns for path in machine.folder.rglob("*.toml")}
    arguments = ["--site", str(machine.folder), "doctor"]
    assert main([*arguments, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {item["level"] for item in found} <= {"ok", "warning"}
    source_of(machine).rename(machine.folder / "elsewhere")
    assert main(arguments) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("problem  folder of press-1: no folder ")]
    assert lines[-1].startswith(f"{len(lines) - 1} checks: 1 problems, ")
    assert {path: path.stat().st_mtime_ns for path in machine.folder.rglob("*.toml")} == before


def test_a_folder_that_is_no_site_is_looked_at_and_left_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--site", str(tmp_path), "doctor"])
    assert "warning  settings: no " in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
