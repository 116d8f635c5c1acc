"""How fast the pages are with a lot behind them: a million clip scores and 5,000 alerts on SQLite.

    python benchmarks/dashboard.py [--scores 1000000] [--alerts 5000] [--cameras 8]

Fills a site, serves it, and asks for every page a few times over one connection. Prints the median
and the longest time of each, as the server needs them without a browser.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from _filled_store import POLICY
from _machine import command_line, machine_line, wide_console, write_figures
from fastapi.testclient import TestClient
from rich.box import SIMPLE_HEAD
from rich.table import Table

from dashboards.access import Rules
from dashboards.app import create_app
from pipeline.accounts.accounts import Role, User
from pipeline.alerts.alerts import Alert, Severity
from pipeline.alerts.events import Event
from pipeline.assembly import Site, open_site
from pipeline.camera import Camera
from pipeline.clips.windows import Clip
from pipeline.footage.admission import Footage, Verdict
from pipeline.footage.segments import Segment
from pipeline.identity import content_id
from pipeline.learning.registry import ModelRecord, ModelState
from pipeline.scoring.anomaly import Anomaly, Place

RESULTS = Path(__file__).parent / "results"
START = datetime(2026, 1, 1, tzinfo=UTC)
CLIP_SECONDS = 2
HOUR_US = 3_600_000_000
PLACE = Place(x=0.25, y=0.25, width=0.25, height=0.25)


def main(
    scores: Annotated[int, typer.Option(min=1000, help="Clip scores in all.")] = 1_000_000,
    alerts: Annotated[int, typer.Option(min=1, help="Alerts in all.")] = 5_000,
    cameras: Annotated[int, typer.Option(min=1, help="Cameras.")] = 8,
    rounds: Annotated[int, typer.Option(min=1, help="Times that every page is asked for.")] = 7,
    out: Annotated[Path, typer.Option(help="File for the JSON.")] = RESULTS / "dashboard.json",
) -> None:
    """Fill, ask, print."""
    console = wide_console()
    with tempfile.TemporaryDirectory() as folder:
        site = open_site(Path(folder))
        began = time.perf_counter()
        for number in range(cameras):
            _fill(site, number, scores // cameras, alerts // cameras)
        console.print(f"filled in {time.perf_counter() - began:.0f} s", highlight=False)
        figures = _measure(site, rounds)
        size = (Path(folder) / "kizashi.db").stat().st_size
        site.close()
    table = Table(title="Milliseconds a page", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("page", "median", "longest", "kB"):
        table.add_column(heading, justify="left" if heading == "page" else "right")
    for name, row in figures.items():
        table.add_row(
            name, f"{row['median_ms']:.0f}", f"{row['longest_ms']:.0f}", f"{row['bytes'] / 1e3:.0f}"
        )
    console.print(table)
    record = {
        "benchmark": "dashboard",
        "command": command_line(),
        "scores": scores,
        "alerts": alerts,
        "cameras": cameras,
        "database_bytes": size,
        "pages": figures,
    }
    write_figures(out, record)
    console.print(machine_line(), highlight=False, markup=False)


def _measure(site: Site, rounds: int) -> dict[str, dict[str, float]]:
    admin = User(name="local", role=Role.ADMIN, cameras=("*",), password_hash="", created_utc=START)
    app = create_app(site, Rules(secure=False, open_to=admin), ("testserver",))
    alert = site.store.alerts("line-0")[-1].alert_id
    until = site.store.newest_segment("line-0")
    assert until is not None
    range_of_scores = (
        f"since={(until.end_utc - timedelta(days=1)).isoformat().replace('+', '%2B')}"
        f"&until={until.end_utc.isoformat().replace('+', '%2B')}"
    )
    pages = {
        "cameras": "/",
        "camera, a day": "/cameras/line-0",
        "curve, a day": f"/api/v1/cameras/line-0/scores?{range_of_scores}",
        "alerts": "/alerts",
        "alerts, one verdict": "/alerts?verdict=none&severity=critical",
        "alert": f"/alerts/{alert}",
        "review": "/review",
        "models": "/models",
        "trainings": "/runs",
        "SQL": "/sql?query=SELECT * FROM flagged_clips LIMIT 50",
        "reports": "/reports",
        "trials": "/trials",
        "what is kept": "/cameras/line-0/kept",
        "settings": "/cameras/line-0/settings",
    }
    figures: dict[str, dict[str, float]] = {}
    with TestClient(app) as client:
        for name, path in pages.items():
            figures[name] = _times(lambda path=path: client.get(path), 200, rounds)  # type: ignore[misc]
        body = {"verdict": "anomaly"}
        ids = [item.alert_id for item in site.store.alerts("line-0")[: 2 * rounds]]
        some = iter(ids)
        figures["verdict"] = _times(
            lambda: client.post(f"/api/v1/alerts/{next(some)}/reviews", json=body), 201, rounds
        )
    return figures


def _times(ask: Any, expected: int, rounds: int) -> dict[str, float]:
    times, size = [], 0
    ask()  # templates are read once
    for _ in range(rounds):
        began = time.perf_counter()
        answer = ask()
        times.append(1000.0 * (time.perf_counter() - began))
        assert answer.status_code == expected, answer.text[:300]
        size = len(answer.content)
    return {
        "median_ms": round(statistics.median(times), 1),
        "longest_ms": round(max(times), 1),
        "bytes": size,
    }


def _fill(site: Site, number: int, scores: int, alerts: int) -> None:
    """Put one camera into the store, with hours of scored footage that end now."""
    store, name = site.store, f"line-{number}"
    hours = -(-scores * CLIP_SECONDS // 3600)
    start = site.clock.now_utc() - timedelta(hours=hours)
    (site.folder / name).mkdir()
    store.put_camera(
        Camera(name=name, source=Path(name), purpose="speed", owner="benchmark", retention_days=30)
    )
    model = content_id("model", name)
    store.add_model(
        ModelRecord(
            model_id=model,
            camera=name,
            state=ModelState.CANDIDATE,
            preset="compact",
            path=f"models/{name}/{model}",
            digest=model * 2,
            created_utc=start,
            calibration_id=content_id("calibration", name),
            calibration={"budget_per_day": 1.0, "policy": asdict(POLICY)},
            manifest={"seed": 0},
        ),
        [{"step": float(step), "critic_loss": 1.0 / (step + 1)} for step in range(200)],
    )
    store.promote(model, start)
    every = max(1, scores // alerts)
    for hour in range(hours):
        segment = _footage(site, name, start + timedelta(hours=hour), hour)
        clips = list(_clips(segment, model, hour, every))
        store.add_anomalies(clips)
        store.mark_scored(segment.segment_id, model, len(clips), start)
        _alert(site, [clip for clip in clips if clip.score > POLICY.alert_score])


def _footage(site: Site, name: str, start: datetime, hour: int) -> Segment:
    sha256 = content_id("bytes", name, hour) * 2
    footage = Footage(
        footage_id=content_id("footage", name, sha256),
        camera=name,
        sha256=sha256,
        path=f"{hour:05d}.mp4",
        size_bytes=1,
        verdict=Verdict.ADMITTED,
        start_utc=start,
        duration_us=HOUR_US,
        frames=36_000,
        width_px=640,
        height_px=360,
        frame_rate=10.0,
    )
    segment = Segment(
        segment_id=content_id("segment", footage.footage_id, 0, HOUR_US),
        footage_id=footage.footage_id,
        camera=name,
        start_us=0,
        end_us=HOUR_US,
        frames=36_000,
        start_utc=start,
    )
    site.store.add_footage(footage, [segment], [])
    return segment


def _clips(segment: Segment, model: str, hour: int, every: int) -> Iterator[Anomaly]:
    count = 3600 // CLIP_SECONDS
    for index in range(count):
        at = segment.start_utc + timedelta(seconds=index * CLIP_SECONDS)
        start_us = index * CLIP_SECONDS * 1_000_000
        clip = Clip(
            clip_id=content_id("clip", segment.segment_id, start_us),
            segment_id=segment.segment_id,
            camera=segment.camera,
            start_us=start_us,
            end_us=start_us + 1_500_000,
            start_utc=at,
            end_utc=at + timedelta(seconds=1.5),
        )
        strange = (hour * count + index) % every == every // 2
        score = 6.0 if strange else 0.4 + (index * 7919 % 100) / 50
        yield Anomaly(
            anomaly_id=content_id("anomaly", clip.clip_id, model),
            clip=clip,
            model_id=model,
            scores={"fused": score},
            score=score,
            p_value=10.0**-score,
            expert="critic",
            place=PLACE,
        )


def _alert(site: Site, strange: list[Anomaly]) -> None:
    events = [
        Event(
            event_id=content_id("event", anomaly.anomaly_id),
            camera=anomaly.clip.camera,
            model_id=anomaly.model_id,
            policy_id=POLICY.policy_id,
            first_anomaly_id=anomaly.anomaly_id,
            peak_anomaly_id=anomaly.anomaly_id,
            start_utc=anomaly.clip.start_utc,
            end_utc=anomaly.clip.end_utc,
            peak_utc=anomaly.clip.end_utc,
            peak_score=anomaly.score,
            clips=1,
            expert=anomaly.expert,
            place=PLACE,
            closed=True,
        )
        for anomaly in strange
    ]
    site.store.put_events(events)
    for number, event in enumerate(events):
        site.store.add_alert(
            Alert(
                alert_id=content_id("alert", event.event_id),
                event_id=event.event_id,
                camera=event.camera,
                model_id=event.model_id,
                severity=list(Severity)[number % 3],
                start_utc=event.start_utc,
                end_utc=event.end_utc,
                peak_utc=event.peak_utc,
                score=event.peak_score,
                p_value=10.0**-event.peak_score,
                expected_per_day=0.1,
                expert=event.expert,
                place=PLACE,
            ),
            [],
        )


if __name__ == "__main__":
    typer.run(main)
