"""Evidence of an alert: clip, heat map, strip of seen / usual / difference, peak frame.

Privacy masks are burnt into every picture before it is written. OpenCV says nothing when it cannot
write, so every file is read back. The four files appear together, by one rename.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.alerts.alerts import Alert
from pipeline.camera import Camera, Polygon
from pipeline.clips.masks import burn_masks
from pipeline.errors import FootageError, KizashiError
from pipeline.files import inside, make_folder, sha256_of_file, sync_folder
from pipeline.footage.admission import Footage, Reason
from pipeline.footage.decode_process import STALL_SECONDS
from pipeline.footage.decoding import open_decoder
from pipeline.footage.segments import Segment
from pipeline.footage.webm_writer import frames_in_webm, write_webm
from pipeline.identity import content_id
from pipeline.scoring.anomaly import Place
from pipeline.timebase import microseconds

__all__ = [
    "STRIP_GAP_PX",
    "STRIP_PANELS",
    "Evidence",
    "EvidenceKind",
    "PeakPicture",
    "write_evidence",
]

Picture = NDArray[np.uint8]

_AROUND_SECONDS = 2.0
"""Shown before and after the event."""
_LONGEST_SECONDS = 20.0
_FASTEST_FRAME_RATE = 15.0
"""Of the clip: movement is clear, and a report of many clips stays small."""
_LONG_SIDE_PX = 480
"""Of clip and heat map. OpenCV's VP8 takes 30 ms a frame of 640 x 480 and lets
nobody choose a faster setting; the peak frame keeps the full size."""
_SHORTEST_LONG_SIDE_PX = 320
_STRIP_HEIGHT_PX = 160
STRIP_PANELS, STRIP_GAP_PX = 3, 4
"""Pictures side by side in a strip, and the white between them."""
_DIFFERENCE_GAIN = 2
"""The difference is shown twice as bright: half of the full range is already glaring."""
_HEAT_OPACITY = 0.7
_OUTLINE_BGR = (0, 176, 255)
_SHADOW_BGR = (24, 24, 24)


class EvidenceKind(StrEnum):
    """What an evidence file shows."""

    CLIP = "clip"
    """WebM (VP8) of the event with seconds before and after, the place outlined."""
    HEAT_MAP = "heat_map"
    """PNG: peak frame with the score map over it."""
    STRIP = "strip"
    """PNG: what was seen at the peak, what is usual and the difference, side by side."""
    PEAK_FRAME = "peak_frame"
    """JPEG of the frame at the peak, masks applied."""


_FILES = {
    EvidenceKind.CLIP: "clip.webm",
    EvidenceKind.HEAT_MAP: "heat_map.png",
    EvidenceKind.PEAK_FRAME: "peak_frame.jpg",
    EvidenceKind.STRIP: "strip.png",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """One evidence file."""

    evidence_id: str
    """content_id("evidence", alert_id, kind)."""
    alert_id: str
    kind: EvidenceKind
    path: str
    """Relative to the site folder, with / between parts."""
    sha256: str
    size_bytes: int
    removed_utc: datetime | None = None
    """Since when the file is gone, removed by retention; None while it is kept."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PeakPicture:
    """What was seen at the peak of an alert, and what the model made of it."""

    frame_HWC: Picture
    """RGB, in the size of the footage."""
    heat_HW: NDArray[np.float32]
    """Score map of any resolution, >= 0, larger is stranger."""
    input_HW: Picture
    """The frame as the model saw it."""
    usual_HW: Picture
    """What is usual there."""
    difference_HW: Picture
    """Absolute difference of the two."""
    place: Place


@dataclass(frozen=True, kw_only=True, slots=True)
class _Span:
    """Media times in microseconds: what the clip shows, and the event inside it."""

    start_us: int
    end_us: int
    event_start_us: int
    event_end_us: int
    sound_before: bool
    """Nothing before `start_us` is damaged or missing."""


def write_evidence(
    alert: Alert,
    *,
    camera: Camera,
    source: Path,
    segment: Segment,
    footage: Footage,
    picture: PeakPicture,
    evidence_folder: Path,
    site_folder: Path,
    stall_seconds: float = STALL_SECONDS,
) -> list[Evidence]:
    """Write the four evidence files of an alert below `evidence_folder`/CAMERA/ALERT_ID.

    `source` is the file of `footage`, `segment` the one that the peak lies in. Files that are there
    and intact stay as they are. A decoder that gives nothing for `stall_seconds` is stopped. Raises
    FootageError when `source` cannot be decoded around the peak, KizashiError when a file cannot be
    written.
    """
    folder = inside(evidence_folder, f"{camera.name}/{alert.alert_id}")
    if not _all_intact(folder):
        part = folder.with_name(f".part-{alert.alert_id}")
        shutil.rmtree(part, ignore_errors=True)  # left by a killed run
        try:
            make_folder(part)
            masks = camera.privacy_masks
            _write_pictures(part, picture, masks)
            span = _span_of(alert, segment, footage)
            _write_clip(
                part / _FILES[EvidenceKind.CLIP],
                _clip_frames(source, footage, span, picture.place, masks, stall_seconds),
                _frame_rate(footage),
            )
            _put_in_place(part, folder)
        except OSError as error:
            raise _cannot_write(folder) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return _described(alert, folder, site_folder)


def _all_intact(folder: Path) -> bool:
    return all(_is_intact(folder / name) for name in _FILES.values())


def _is_intact(path: Path) -> bool:
    """Tell whether a picture or clip is there and can be decoded."""
    if not path.is_file() or path.stat().st_size == 0:
        return False
    if path.suffix != ".webm":
        return cv2.imread(str(path), cv2.IMREAD_UNCHANGED) is not None
    return frames_in_webm(path) > 0


def _put_in_place(part: Path, folder: Path) -> None:
    """Make the files durable and rename their folder; what was damaged before gives way."""
    for path in part.iterdir():
        with path.open("rb") as written:
            os.fsync(written.fileno())
        path.chmod(0o640)
    sync_folder(part)
    if folder.exists():
        shutil.rmtree(folder)
    part.rename(folder)
    sync_folder(folder.parent)


def _described(alert: Alert, folder: Path, site_folder: Path) -> list[Evidence]:
    described = []
    for kind, name in _FILES.items():
        path = folder / name
        described.append(
            Evidence(
                evidence_id=content_id("evidence", alert.alert_id, kind),
                alert_id=alert.alert_id,
                kind=kind,
                path=path.relative_to(site_folder.resolve()).as_posix(),
                sha256=sha256_of_file(path),
                size_bytes=path.stat().st_size,
            )
        )
    return described


def _write_pictures(folder: Path, picture: PeakPicture, masks: Sequence[Polygon]) -> None:
    frame_BGR = burn_masks(np.ascontiguousarray(picture.frame_HWC[:, :, ::-1]), tuple(masks))
    _write_picture(folder / _FILES[EvidenceKind.PEAK_FRAME], frame_BGR)
    heated = burn_masks(_heated(_fitted(frame_BGR), picture.heat_HW), tuple(masks))
    _write_picture(folder / _FILES[EvidenceKind.HEAT_MAP], heated)
    _write_picture(folder / _FILES[EvidenceKind.STRIP], _strip(picture, masks))


def _write_picture(path: Path, image: Picture) -> None:
    parameters = [cv2.IMWRITE_JPEG_QUALITY, 88] if path.suffix == ".jpg" else []
    try:
        written = cv2.imwrite(str(path), image, parameters)
    except cv2.error as error:
        raise _cannot_write(path) from error
    if not written or not _is_intact(path):
        raise _cannot_write(path)


def _cannot_write(path: Path) -> KizashiError:
    return KizashiError(f"{path}: evidence cannot be written; is the disk full or read-only?")


def _heated(frame_BGR: Picture, heat_HW: NDArray[np.float32]) -> Picture:
    """Return the frame in grey with the score map over it, brightest at its largest value."""
    height, width = frame_BGR.shape[:2]
    heat = cv2.resize(heat_HW.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    largest = float(heat.max())
    share = np.clip(heat / largest, 0.0, 1.0) if largest > 0.0 else np.zeros_like(heat)
    colours = cv2.applyColorMap((share * 255.0).astype(np.uint8), cv2.COLORMAP_INFERNO)
    grey = cv2.cvtColor(cv2.cvtColor(frame_BGR, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    alpha = (_HEAT_OPACITY * share)[:, :, None]
    return np.asarray(np.rint(grey * (1.0 - alpha) + colours * alpha), dtype=np.uint8)


def _strip(picture: PeakPicture, masks: Sequence[Polygon]) -> Picture:
    """Return what was seen, what is usual and the difference side by side, all enlarged alike."""
    height = picture.input_HW.shape[0]
    scale = max(1, math.ceil(_STRIP_HEIGHT_PX / height))
    brighter = np.clip(picture.difference_HW.astype(np.uint16) * _DIFFERENCE_GAIN, 0, 255).astype(
        np.uint8
    )
    panels = [
        cv2.cvtColor(picture.input_HW, cv2.COLOR_GRAY2BGR),
        cv2.cvtColor(picture.usual_HW, cv2.COLOR_GRAY2BGR),
        cv2.applyColorMap(brighter, cv2.COLORMAP_INFERNO),
    ]
    gap = np.full((height * scale, STRIP_GAP_PX, 3), 255, dtype=np.uint8)
    parts: list[Picture] = []
    for panel in panels:
        masked = burn_masks(np.ascontiguousarray(panel, dtype=np.uint8), tuple(masks))
        parts += [np.kron(masked, np.ones((scale, scale, 1), dtype=np.uint8)), gap]
    return np.concatenate(parts[:-1], axis=1)


def _span_of(alert: Alert, segment: Segment, footage: Footage) -> _Span:
    """Return what the clip shows: the event with seconds around it, at most 20 s about the peak."""

    def media_us(wall_time_offset_seconds: float) -> int:
        return segment.start_us + microseconds(wall_time_offset_seconds)

    first_us = media_us((alert.start_utc - segment.start_utc).total_seconds())
    last_us = media_us((alert.end_utc - segment.start_utc).total_seconds())
    peak_us = media_us((alert.peak_utc - segment.start_utc).total_seconds())
    around_us, longest_us = microseconds(_AROUND_SECONDS), microseconds(_LONGEST_SECONDS)
    start_us = max(first_us - around_us, 0)
    end_us = min(last_us + around_us, max(footage.duration_us, peak_us + 1))
    if end_us - start_us > longest_us:
        start_us = min(max(start_us, peak_us - longest_us // 2), end_us - longest_us)
        end_us = start_us + longest_us
    return _Span(
        start_us=start_us,
        end_us=end_us,
        event_start_us=first_us,
        event_end_us=last_us,
        sound_before=segment.start_us == 0 and start_us < segment.end_us,
    )


def _frame_rate(footage: Footage) -> float:
    """Return the clip's frame rate: the footage's, divided by a whole number, at most 15."""
    rate = max(footage.frame_rate, 1.0)
    return rate / math.ceil(rate / _FASTEST_FRAME_RATE)


def _clip_frames(
    source: Path,
    footage: Footage,
    span: _Span,
    place: Place,
    masks: Sequence[Polygon],
    stall_seconds: float,
) -> Iterator[Picture]:
    """Yield the frames of the clip at its constant rate, masked and outlined.

    At each tick the latest frame that is not later; so time is right where footage is uneven, and a
    hole shows as a still picture.
    """
    period_us = 1_000_000.0 / _frame_rate(footage)
    slack_us = 250_000.0 / max(footage.frame_rate, 1.0)  # uneven by less than this is noise
    origin_us: int | None = None
    shown: Picture | None = None
    ticks = 0
    with open_decoder(
        source,
        start_us=span.start_us,
        end_us=span.end_us,
        folder_frame_rate=footage.frame_rate,
        sound_before=span.sound_before,
        stall_seconds=stall_seconds,
    ) as frames:
        for frame in frames:
            if frame.damaged and shown is not None:
                continue
            origin_us = frame.pts_us if origin_us is None else origin_us
            while shown is not None and origin_us + ticks * period_us < frame.pts_us - slack_us:
                yield shown
                ticks += 1
            active = span.event_start_us <= frame.pts_us <= span.event_end_us
            shown = _outlined(_fitted(burn_masks(frame.image, tuple(masks))), place, active=active)
    if shown is not None:
        yield shown


def _fitted(image: Picture) -> Picture:
    """Return a colour image with even sides (VP8 halves colour), neither huge nor tiny."""
    colour = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image
    long_side = max(colour.shape[:2])
    scale = min(1.0, _LONG_SIDE_PX / long_side)
    if long_side < _SHORTEST_LONG_SIDE_PX:
        scale = float(math.ceil(_SHORTEST_LONG_SIDE_PX / long_side))
    width, height = (max(2, round(side * scale / 2) * 2) for side in colour.shape[1::-1])
    how = cv2.INTER_AREA if scale <= 1.0 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(colour, (width, height), interpolation=how), dtype=np.uint8)


def _outlined(image: Picture, place: Place, *, active: bool) -> Picture:
    """Return the image with the place in a frame, thicker while the event lasts."""
    height, width = image.shape[:2]
    corner = (round(place.x * width), round(place.y * height))
    opposite = (
        min(round((place.x + place.width) * width), width - 1),
        min(round((place.y + place.height) * height), height - 1),
    )
    drawn = image.copy()
    thickness = 2 if active else 1
    cv2.rectangle(drawn, corner, opposite, _SHADOW_BGR, thickness + 2)
    cv2.rectangle(drawn, corner, opposite, _OUTLINE_BGR, thickness)
    return drawn


def _write_clip(path: Path, frames: Iterator[Picture], frame_rate: float) -> None:
    """Write frames as WebM (VP8), and read the file back."""
    first = next(frames, None)
    if first is None:
        raise FootageError(
            f"{path.parent.name[6:]}: the footage of this alert has no frame around its peak any "
            "more; was the file replaced?",
            reason=Reason.NO_FRAMES,
        )
    write_webm(path, chain([first], frames), frame_rate)
