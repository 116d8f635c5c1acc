"""The demo's verdict: which alert belongs to which fault, and what the table says of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.alerts.alerts import Alert, Severity
from pipeline.demo.outcome import compare
from pipeline.demo.run_demo import DEMO_QUERY, DemoResult
from pipeline.demo.script import FaultKind
from pipeline.demo.truth import TruthRow, place_of
from pipeline.scoring.anomaly import Place

BEGIN = datetime(2026, 1, 5, 8, 8, tzinfo=UTC)
END = BEGIN + timedelta(seconds=200)


def _truth(kind: FaultKind, start: float, end: float) -> TruthRow:
    return TruthRow(
        kind=kind,
        start_utc=BEGIN + timedelta(seconds=start),
        end_utc=BEGIN + timedelta(seconds=end),
        start_seconds=start,
        end_seconds=end,
        file="line-009.mp4",
        place=place_of(kind),
    )


def _alert(start: float, end: float, *, score: float = 5.0, x: float = 0.4) -> Alert:
    return Alert(
        alert_id=f"{start}",
        event_id=f"{start}",
        camera="demo-line",
        model_id="m",
        severity=Severity.WARNING,
        start_utc=BEGIN + timedelta(seconds=start),
        end_utc=BEGIN + timedelta(seconds=end),
        peak_utc=BEGIN + timedelta(seconds=start),
        score=score,
        p_value=10**-score,
        expected_per_day=0.05,
        expert="critic",
        place=Place(x=x, y=0.5, width=0.1, height=0.1),
    )


STOP = _truth(FaultKind.STOP, 50.0, 60.0)
JAM = _truth(FaultKind.JAM, 100.0, 110.0)


@pytest.mark.parametrize(
    ("start", "end", "belongs"),
    [
        pytest.param(52.0, 58.0, True, id="within"),
        pytest.param(40.0, 49.6, True, id="ends half a second before"),
        pytest.param(40.0, 49.4, False, id="ends earlier"),
        pytest.param(62.9, 70.0, True, id="begins within three seconds after"),
        pytest.param(63.1, 70.0, False, id="begins later"),
        pytest.param(30.0, 80.0, True, id="spans all of it"),
    ],
)
def test_an_alert_belongs_to_a_fault_that_it_overlaps_with_margins(
    start: float, end: float, belongs: bool
) -> None:
    outcome = compare([STOP], [_alert(start, end)], since=BEGIN, until=END)
    assert outcome.found == int(belongs)
    assert len(outcome.false_alerts) == int(not belongs)


def test_one_alert_over_two_faults_finds_both_and_is_not_false() -> None:
    outcome = compare([STOP, JAM], [_alert(55.0, 101.0)], since=BEGIN, until=END)
    assert outcome.found == 2
    assert outcome.false_alerts == ()


def test_delay_counts_to_the_first_alert_and_the_strongest_gives_the_place() -> None:
    alerts = [_alert(55.0, 56.0, score=9.0), _alert(51.5, 52.0, score=4.0)]
    (fault,) = compare([STOP], alerts, since=BEGIN, until=END).faults
    assert fault.delay_seconds == pytest.approx(1.5)
    assert fault.strongest is alerts[0]
    assert fault.on_the_spot is True


def test_an_alert_elsewhere_in_the_picture_is_not_on_the_spot() -> None:
    jam = _truth(FaultKind.JAM, 50.0, 60.0)
    (fault,) = compare([jam], [_alert(52.0, 53.0, x=0.0)], since=BEGIN, until=END).faults
    assert fault.found
    assert fault.on_the_spot is False


def test_a_fault_without_an_alert_has_neither_delay_nor_place() -> None:
    (fault,) = compare([STOP], [], since=BEGIN, until=END).faults
    assert (fault.found, fault.delay_seconds, fault.strongest, fault.on_the_spot) == (
        False,
        None,
        None,
        None,
    )


def test_normal_footage_is_what_lies_outside_of_all_faults_and_their_margins() -> None:
    outcome = compare([JAM, STOP], [], since=BEGIN, until=END)
    assert outcome.normal_seconds == pytest.approx(200.0 - 13.5 - 13.5)


def _result(tmp_path: Path, alerts: list[Alert]) -> DemoResult:
    return DemoResult(
        folder=tmp_path,
        outcome=compare([STOP, JAM], alerts, since=BEGIN, until=END),
        learnt_seconds=480.0,
        database=str(tmp_path / "kizashi.db"),
        reports=(tmp_path / "a.en.html", tmp_path / "a.ja.html"),
        truth_path=tmp_path / "truth.csv",
        query=DEMO_QUERY,
        query_columns=("start_utc", "expected_per_day"),
        query_rows=((BEGIN, 0.0123456),),
        model_id="m",
        stage_seconds=(("1/6 render the line", 12.3), ("2/6 learn", 60.0)),
    )


def test_the_text_says_what_was_found_what_was_missed_and_what_was_false(tmp_path: Path) -> None:
    text = str(_result(tmp_path, [_alert(51.5, 58.0), _alert(150.0, 152.0)]))
    lines = text.splitlines()
    assert lines[2].split() == [
        "stop", "08:08:50", "-", "08:09:00", "yes", "1.5", "s", "warning", "critic",
        "45", "%,", "55", "%", "yes",
    ]  # fmt: skip
    assert lines[3].split() == ["jam", "08:09:40", "-", "08:09:50", "no"]
    assert lines[5] == (
        "found 1 of 2, 1 false alert in 2.9 minutes of normal footage "
        "(learnt from 8 minutes before)"
    )
    assert "false: 08:10:30 - 08:10:32, warning, critic" in lines
    assert f"database {tmp_path / 'kizashi.db'}" in lines
    assert "2026-01-05 08:08:00  0.0123" in lines
    assert DEMO_QUERY in text


def test_a_result_without_any_alert_is_told_as_it_is(tmp_path: Path) -> None:
    result = replace(_result(tmp_path, []), query_rows=())
    assert str(result).endswith("(no rows)")
    assert (result.found, result.faults, result.false_alerts) == (0, 2, 0)
    assert "found 0 of 2, 0 false alerts" in str(result)


def test_printed_without_a_terminal_it_is_the_same_plain_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pipeline.demo.show import show_demo

    result = _result(tmp_path, [_alert(51.5, 58.0)])
    show_demo(result)
    assert capsys.readouterr().out == str(result) + "\n"
