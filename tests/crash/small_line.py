"""A whole small line: files are taken in, scored, alerted and delivered, in a second or less.

Everything is real but this: the model is a rule (its score is how far a picture is from the
background), and what the eyes do is done once and remembered: decoding a file, scoring a segment,
drawing an alert's pictures, encoding its film. So the same work can be done again hundreds of
times, in forked children that are killed, on databases that go away, and on disks that are full;
and what is left is compared.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.alerts import evidence
from pipeline.alerts.budget import EventTail
from pipeline.assembly import Site, open_site
from pipeline.camera import Camera, ClockSource
from pipeline.clips.reader import Stretch
from pipeline.errors import FootageError, KizashiError
from pipeline.footage import decoding, examine
from pipeline.footage.admission import Candidate
from pipeline.footage.webm_writer import write_webm
from pipeline.scoring import score_camera as scoring
from pipeline.scoring.anomaly import Anomaly
from pipeline.scoring.peak import picture_of
from pipeline.scoring.scorer import score_stretch
from pipeline.watch import watch_camera
from tests import footage_maker as make
from tests.alerts_makers import policy
from tests.fakes import FakeClock
from tests.health_makers import AfraidOfStrangePictures, frames
from tests.store_dump import dump
from tests.store_samples import model

__all__ = [
    "CAMERA",
    "CalmLine",
    "calm_line",
    "line_work",
    "prepare",
    "what_is_left",
]

CAMERA = "line-1"
STRANGE_FILES, ALL_FILES = (2, 5), 6
FRAMES_A_FILE = 20
ACTIVE = replace(model(CAMERA), camera=CAMERA)

_decoded: dict[tuple[Any, ...], FootageError | tuple[Any, list[Any], Any]] = {}
_real_decoding_of = decoding.decoding_of


class _Again:
    """Gives the frames that the real decoder gave."""

    def __init__(self, first: Any, given: list[Any], last: Any) -> None:
        self.report, self._given, self._last = first, given, last

    def __iter__(self) -> Iterator[Any]:
        yield from self._given
        self.report = self._last


@contextmanager
def _decoding_of(candidate: Candidate, **how: Any) -> Iterator[Any]:
    key = (candidate.name, candidate.about.st_size, *sorted(how.items()))
    if key not in _decoded:
        try:
            with _real_decoding_of(candidate, **how) as decoder:
                _decoded[key] = (decoder.report, list(decoder), decoder.report)
        except FootageError as error:
            _decoded[key] = error
    known = _decoded[key]
    if isinstance(known, FootageError):
        raise FootageError(str(known), reason=known.reason)
    yield _Again(*known)


_films: dict[str, tuple[bytes, int]] = {}


def _write_film(path: Path, pictures: Iterable[NDArray[np.uint8]], rate: float) -> int:
    given = list(pictures)
    key = sha256(b"".join(picture.tobytes() for picture in given)).hexdigest()
    if key not in _films:
        written = write_webm(path, given, rate)
        _films[key] = (path.read_bytes(), written)
        return written
    content, written = _films[key]
    path.write_bytes(content)
    return written


_scored: dict[str, list[Any]] = {}
_pictures: dict[str, Any] = {}


def _score_stretch(model: Any, stretch: Stretch, **how: Any) -> Iterator[Any]:
    key = stretch.segment.segment_id
    if key not in _scored:
        _scored[key] = list(score_stretch(model, stretch, **how))
    yield from _scored[key]


def _picture_of(model: Any, stretch: Stretch, peak: Anomaly, *more: Any, **how: Any) -> Any:
    if peak.anomaly_id not in _pictures:
        _pictures[peak.anomaly_id] = picture_of(model, stretch, peak, *more, **how)
    return _pictures[peak.anomaly_id]


FAKE_MODEL = AfraidOfStrangePictures(
    health=None,
    policy=policy(),
    tail=EventTail(threshold=3.0, events_per_day=1.0, scale=1.0, shape=0.0),
)


def prepare(patch: pytest.MonkeyPatch) -> None:
    """Put the small line's model and decoder in place."""
    cv2.setNumThreads(1)  # a forked child has none of its parent's threads
    patch.setattr(decoding, "decoding_of", _decoding_of)
    patch.setattr(examine, "decoding_of", _decoding_of)
    patch.setattr(evidence, "write_webm", _write_film)
    patch.setattr(scoring, "score_stretch", _score_stretch)
    patch.setattr(scoring, "picture_of", _picture_of)
    patch.setattr(scoring, "_model_for", lambda *_: (ACTIVE, FAKE_MODEL))


def make_footage(folder: Path) -> None:
    """Write six files, two of them with something strange, a cut one and one that is no video.

    The last has something strange: what is lost of it, no later file brings back.
    """
    folder.mkdir(parents=True)

    def paint(index: int, image: Any) -> Any:
        number, moment = divmod(index, FRAMES_A_FILE)
        if number in STRANGE_FILES and 8 <= moment < 16:
            image[20:60, 40:90] = 255 * (moment % 2)
        return image

    grey = np.stack([f.image for f in frames(ALL_FILES * FRAMES_A_FILE, paint=paint)])
    for number in range(ALL_FILES):
        part = grey[number * FRAMES_A_FILE : (number + 1) * FRAMES_A_FILE, ..., None]
        make.encode(folder / f"{number}.mp4", np.repeat(part, 3, axis=3), *make.H264)
    make.encode(
        folder / "whole.ts", np.repeat(grey[:FRAMES_A_FILE, ..., None], 3, axis=3), *make.H264
    )
    make.cut(folder / "1cut.ts", folder / "whole.ts", 0.7)
    (folder / "whole.ts").unlink()
    (folder / "8text.mp4").write_text("no footage", encoding="utf-8")


def line_of(folder: Path, *, url: str | None = None, clock: Any = None) -> Site:
    """Open the site; `url`: another database than its own."""
    if url is not None:
        os.environ["KIZASHI_DATABASE_URL"] = url
    try:
        return open_site(folder, clock=clock or FakeClock())
    finally:
        os.environ.pop("KIZASHI_DATABASE_URL", None)


def register(site: Site) -> None:
    """Record the camera and its active model."""
    site.store.put_camera(
        Camera(
            name=CAMERA,
            source=Path("in"),
            purpose="tests",
            owner="tests",
            retention_days=1,
            clock=ClockSource.SEQUENCE,
        )
    )
    site.store.add_model(ACTIVE, [])
    site.store.promote(ACTIVE.model_id, ACTIVE.created_utc)


def line_work(folder: Path, *, url: str | None = None, clock: Any = None) -> None:
    """Do all the work of the line: a round of watching."""
    site = line_of(folder, url=url, clock=clock)
    try:
        done = watch_camera(site, CAMERA)
        if done.busy or done.undelivered:
            raise KizashiError(f"not all is done: {done}")
    finally:
        site.close()


@dataclass(frozen=True, kw_only=True, slots=True)
class CalmLine:
    """A site with nothing done yet, and what a run leaves that nobody disturbed."""

    fresh: Path
    left: dict[str, Any]

    def copy(self, folder: Path) -> Path:
        """Return a copy of the fresh site."""
        return Path(shutil.copytree(self.fresh, folder))


def what_is_left(folder: Path, *, url: str | None = None) -> dict[str, Any]:
    """Return the canonical dump, and every file of evidence and of the file sink with its sha256.

    Fails when a temporary file is left, or the database is damaged.
    """
    left: dict[str, Any] = dict(dump(url or f"sqlite:///{folder / 'kizashi.db'}"))
    for part in ("evidence", "deliveries"):
        left[f"{part}/"] = {
            path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
            for path in sorted((folder / part).rglob("*"))
            if path.is_file()
        }
    return left


def calm_line(folder: Path) -> CalmLine:
    """Make a line and let it run to its end once; `prepare` comes before."""
    fresh = folder / "fresh"
    make_footage(fresh / "in")
    (fresh / "kizashi.toml").write_text("stable_seconds = 0\n", encoding="utf-8")
    site = line_of(fresh)
    register(site)
    site.close()
    calm = Path(shutil.copytree(fresh, folder / "calm"))
    line_work(calm)
    return CalmLine(fresh=fresh, left=what_is_left(calm))
