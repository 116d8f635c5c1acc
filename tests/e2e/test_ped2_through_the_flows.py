"""UCSD Ped2 as one camera, through the flows on a real Prefect server, on both databases."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from pipeline.alerts.alerts import Alert
from pipeline.assembly import open_site
from pipeline.cli import main
from tests.chromium import chromium, play_clip
from tests.ped2 import (
    CAMERA,
    Interval,
    abnormal_times,
    drop,
    end_of_footage,
    peaks_inside,
    register,
    wrong_evidence,
)
from tests.postgres_server import shared_server
from tests.prefect_server import environment, server

pytestmark = [
    pytest.mark.full,
    pytest.mark.data,
    pytest.mark.prefect,
    pytest.mark.postgres,
    pytest.mark.browser,
    pytest.mark.timeout(3600),
]

__all__ = ["environment", "server"]

DATABASES = ("sqlite", "postgresql")
EFFORT = 0.25
"""360 + 180 steps of the networks, two minutes. The accuracy of a whole training is what
benchmarks/accuracy.py measures."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """What one database holds after all flows have run, and after they have run again."""

    folder: Path
    alerts: list[Alert]
    wrong: list[str]
    """About evidence."""
    times: Mapping[str, list[Interval]]
    """Abnormal ones, by test video."""
    reports: Mapping[str, Path]
    rows: Mapping[str, int]
    rows_again: Mapping[str, int]


@pytest.fixture(scope="module")
def watched(
    server: str, data_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Watched]]:
    """Return a function that gives the outcome on a database, worked out at its first call."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    done: dict[str, Watched] = {}
    with ExitStack() as open_databases:

        def on(database: str) -> Watched:
            if database not in done:
                url = None
                if database == "postgresql":
                    url = open_databases.enter_context(shared_server().database())
                folder = tmp_path_factory.mktemp(database)
                with temporary_settings({PREFECT_API_URL: server}):
                    done[database] = watch_ped2(folder, url, data_folder / "ucsd_ped2")
            return done[database]

        yield on


def set_site(folder: Path, url: str | None, language: str) -> None:
    lines = ["stable_seconds = 0", f'language = "{language}"']
    if url is not None:
        lines.append(f'database_url = "{url}"')
    (folder / "kizashi.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def watch_ped2(folder: Path, url: str | None, footage: Path) -> Watched:
    """Take in, learn, take in more, score, report; then run every flow again."""
    from flows.ingest import ingest
    from flows.score import score
    from flows.train import train

    set_site(folder, url, "en")
    site = open_site(folder)
    source = site.source_of(register(site))
    drop(source, sorted((footage / "train").glob("*.mp4")))
    ingest(str(folder))
    # What comes after this moment is not learnt from, also when it is there already.
    until = end_of_footage(site) + timedelta(seconds=1)
    train(str(folder), until=until, effort=EFFORT)
    drop(source, sorted((footage / "test").glob("*.mp4")))
    ingest(str(folder))
    score(str(folder))
    reports = report_in_both_languages(folder, url)
    rows = dict(site.store.row_counts())

    run_everything_again(folder, url, until)
    alerts = list(site.store.alerts(CAMERA))
    outcome = Watched(
        folder=folder,
        alerts=alerts,
        wrong=[wrong for alert in alerts for wrong in wrong_evidence(site, alert)],
        times=abnormal_times(site, footage / "labels.csv"),
        reports=reports,
        rows=rows,
        rows_again=dict(site.store.row_counts()),
    )
    site.close()
    return outcome


def report_in_both_languages(folder: Path, url: str | None) -> dict[str, Path]:
    from flows.report import report

    written = {}
    for language in ("en", "ja"):
        set_site(folder, url, language)
        report(str(folder), [CAMERA])
        (written[language],) = (folder / "reports" / CAMERA).glob(f"*.{language}.html")
    return written


def run_everything_again(folder: Path, url: str | None, until: datetime) -> None:
    from flows.ingest import ingest
    from flows.score import score
    from flows.train import train

    ingest(str(folder))
    train(str(folder), [CAMERA], until=until, effort=EFFORT)
    score(str(folder))
    report_in_both_languages(folder, url)


@pytest.mark.parametrize("database", DATABASES)
def test_most_alerts_lie_in_abnormal_time_and_none_overlap(
    watched: Callable[[str], Watched], database: str
) -> None:
    seen = watched(database)
    assert len(seen.times) == 12
    right = peaks_inside(seen.alerts, seen.times)
    assert len(right) >= 8
    # 165 s of 456 s are abnormal: alerts by chance would be right one time in three.
    assert len(right) > 0.5 * len(seen.alerts)
    assert all(before.end_utc < after.start_utc for before, after in pairwise(seen.alerts))


@pytest.mark.parametrize("database", DATABASES)
def test_every_alert_has_its_four_files_of_evidence_intact(
    watched: Callable[[str], Watched], database: str
) -> None:
    seen = watched(database)
    assert seen.rows["evidence"] == 4 * len(seen.alerts)
    assert seen.wrong == []


@pytest.mark.parametrize("database", DATABASES)
def test_running_every_flow_again_adds_no_row(
    watched: Callable[[str], Watched], database: str
) -> None:
    # No table is left out: leases keep their rows, and a model that is active already is not
    # made active again, so that audit_log has nothing to say either.
    seen = watched(database)
    assert (seen.rows["footage"], seen.rows["models"]) == (28, 1)
    assert seen.rows["alerts"] == len(seen.alerts)
    assert seen.rows_again == seen.rows


@pytest.mark.parametrize("database", DATABASES)
def test_the_reports_hold_every_alert(watched: Callable[[str], Watched], database: str) -> None:
    seen = watched(database)
    for path in seen.reports.values():
        text = path.read_text(encoding="utf-8")
        assert [a.alert_id for a in seen.alerts if f'id="alert-{a.alert_id}"' not in text] == []


@pytest.mark.parametrize("database", DATABASES)
def test_sql_answers_with_the_same_alerts(
    watched: Callable[[str], Watched], database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = watched(database)
    query = "SELECT alert_id, expert FROM flagged_clips WHERE clip_path IS NOT NULL ORDER BY 1"
    assert main(["--site", str(seen.folder), "sql", query, "--format", "csv"]) == 0
    answered = capsys.readouterr().out.splitlines()[1:]
    assert answered == sorted(f'"{alert.alert_id}","{alert.expert}"' for alert in seen.alerts)


def test_both_databases_give_the_same_alerts(watched: Callable[[str], Watched]) -> None:
    one, other = (
        [(a.start_utc, a.end_utc, a.peak_utc, a.expert, a.severity) for a in watched(name).alerts]
        for name in DATABASES
    )
    assert one == other
    assert watched("sqlite").rows == watched("postgresql").rows


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.mark.parametrize("database", DATABASES)
def test_the_evidence_of_every_alert_plays_in_chromium(
    watched: Callable[[str], Watched], database: str, browser: Browser, tmp_path: Path
) -> None:
    seen = watched(database)
    for alert in seen.alerts:
        clip = seen.folder / "evidence" / CAMERA / alert.alert_id / "clip.webm"
        played = play_clip(browser, clip, tmp_path, rate=8.0)
        assert played.complaints == ()
        assert played.to_the_end
        assert played.seconds > 1.0
        assert (played.width_px, played.height_px) == (360, 240)
