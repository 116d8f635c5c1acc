"""A site with a morning of one camera, real evidence and people, and a client of its dashboard."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path

import cv2
import numpy as np
from fastapi.testclient import TestClient

from dashboards.access import Rules
from dashboards.app import create_app
from pipeline.accounts.accounts import Role, User
from pipeline.accounts.login import log_in
from pipeline.accounts.passwords import hash_password
from pipeline.alerts.alerts import Alert
from pipeline.alerts.evidence import Evidence, PeakPicture, write_evidence
from pipeline.assembly import Site
from pipeline.clips.reader import Stretch
from pipeline.synthesis.samples import make_samples
from pipeline.trial.trial_file import start_trial
from tests.alerts_makers import NOON, camera, footage, segment
from tests.reports_makers import add_alerts, fill_morning, model, open_small_site
from tests.synthesis_makers import camera_model
from tests.trial_makers import morning_trial

__all__ = [
    "LATER",
    "PASSWORD",
    "PEOPLE",
    "add_people",
    "client_of",
    "filled_site",
    "signed_in",
    "stretch_of",
]

PASSWORD = "fits-nobody-else"
PEOPLE = {
    "ada": (Role.ADMIN, ("*",)),
    "rei": (Role.REVIEWER, ("line-1",)),
    "vic": (Role.VIEWER, ("line-1",)),
    "oto": (Role.VIEWER, ("press-9",)),
}
HOST = "127.0.0.1"
LATER = "f" * 32
"""A candidate of line-1 that is stored."""
_HEAT = (18, 32)


class TickingClock:
    """A clock near 18:00 in Tokyo; no two looks at it give the same moment."""

    def __init__(self, first: int = 0) -> None:
        self._ticks = count(first)

    def now_utc(self) -> datetime:
        return NOON + timedelta(hours=6, milliseconds=next(self._ticks))

    def monotonic(self) -> float:
        return 0.0


@contextmanager
def filled_site(folder: Path, *, pictures: bool = True) -> Iterator[Site]:
    """Yield a site with line-1, its three alerts and its trial `small`, press-9 without anything,
    and four people. It is filled once a process, and copied."""
    shutil.copytree(_filled(pictures), folder, dirs_exist_ok=True)
    site = replace(open_small_site(folder), clock=TickingClock(first=1_000))
    try:
        yield site
    finally:
        site.close()


@cache
def _filled(pictures: bool) -> Path:
    """Return a folder with such a site, which lasts as long as the process."""
    kept = tempfile.TemporaryDirectory(prefix="kizashi-dashboard-")
    atexit.register(kept.cleanup)
    folder = Path(kept.name)
    site = replace(open_small_site(folder), clock=TickingClock())
    alerts = fill_morning(site)
    (folder / "footage" / "line-1").mkdir(parents=True)
    (folder / "footage" / "press-9").mkdir(parents=True)
    clip = folder / "footage" / "line-1" / "1200.mp4"
    report = site.reports_folder / "line-1" / "20260302.en.html"
    report.parent.mkdir(parents=True)
    report.write_text("<!doctype html><title>report</title>", encoding="utf-8")
    evidence: list[Evidence] = []
    if pictures:
        _film(clip)
        evidence = [file for alert in alerts for file in _evidence(site, alert, clip)]
    add_alerts(site, alerts, evidence)
    steps = [{"step": float(n), "critic_loss": 1.0 / n, "seconds": 0.4 * n} for n in range(1, 40)]
    drawing = camera_model()
    digest = drawing.save(folder / "models" / "line-1" / LATER)
    later = model(model_id=LATER, digest=digest, path=f"models/line-1/{LATER}")
    site.store.add_model(later, steps)
    if pictures:
        assert make_samples(site, later, drawing, camera(), [stretch_of(clip)])
    site.store.put_camera(camera(name="press-9", source=Path("footage/press-9")))
    start_trial(site, morning_trial())
    add_people(site)
    site.close()
    return folder


def add_people(site: Site) -> None:
    """Register the four, all with one password."""
    for name, (role, cameras) in PEOPLE.items():
        site.store.put_user(
            User(
                name=name,
                role=role,
                cameras=cameras,
                password_hash=_hashed(),
                created_utc=NOON,
            )
        )


@cache
def _hashed() -> str:
    return hash_password(PASSWORD)


def client_of(site: Site, rules: Rules | None = None) -> TestClient:
    """Return a browser without scripts that nobody is logged in with."""
    app = create_app(site, rules or Rules(secure=False), (HOST,))
    return TestClient(
        app, base_url=f"http://{HOST}", follow_redirects=False, raise_server_exceptions=False
    )


def signed_in(site: Site, name: str) -> TestClient:
    """Return the same, logged in as one of the people, with the header that forms need."""
    client = client_of(site)
    begun = log_in(site, name, PASSWORD)
    client.cookies.set(Rules(secure=False).cookie, begun.token)
    client.headers["x-csrf-token"] = begun.session.csrf
    return client


def stretch_of(clip: Path) -> Stretch:
    """Return the whole film as footage of line-1."""
    whole = replace(segment(), start_us=0, end_us=12_000_000)
    return Stretch(source=clip, footage=footage(width_px=320, height_px=180), segment=whole)


def _film(path: Path) -> None:
    pattern = "testsrc2=duration=12:size=320x180:rate=10"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", pattern, "-pix_fmt", "yuv420p"]
    subprocess.run([*command, str(path)], check=True)


def _evidence(site: Site, alert: Alert, clip: Path) -> list[Evidence]:
    return write_evidence(
        alert,
        camera=camera(),
        source=clip,
        segment=replace(segment(), start_utc=alert.start_utc - timedelta(seconds=3)),
        footage=footage(width_px=320, height_px=180),
        picture=_picture(alert, clip),
        evidence_folder=site.evidence_folder,
        site_folder=site.folder,
    )


def _picture(alert: Alert, clip: Path) -> PeakPicture:
    """Return pictures that are hot exactly where the alert says."""
    ok, frame_BGR = cv2.VideoCapture(str(clip), cv2.CAP_FFMPEG).read()
    assert ok
    seen = cv2.resize(cv2.cvtColor(frame_BGR, cv2.COLOR_BGR2GRAY), (192, 108))
    heat = np.zeros(_HEAT, np.float32)
    height, width = _HEAT
    place = alert.place
    top, left = round(place.y * height), round(place.x * width)
    bottom = round((place.y + place.height) * height)
    heat[top:bottom, left : round((place.x + place.width) * width)] = 9.0
    drawn = cv2.GaussianBlur(seen, (0, 0), 4)
    return PeakPicture(
        frame_HWC=np.ascontiguousarray(frame_BGR[:, :, ::-1]),
        heat_HW=heat,
        input_HW=seen,
        usual_HW=drawn,
        difference_HW=cv2.absdiff(seen, drawn),
        place=place,
    )
