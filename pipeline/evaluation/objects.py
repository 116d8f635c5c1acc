"""Objects: put a thing into a scene that does not belong there, or take one away that moves.

Both return a box for every frame of the moment and how to paint it; outside nothing changes.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.moments import Box, Moment, grey_of
from pipeline.evaluation.nuisances import Paint
from pipeline.evaluation.scene import Scene, optical_flow

__all__ = ["foreign_object", "vanished_object"]

_TEXTURES_LOOKED_AT: Final = 24
_MOVING_PX: Final = 0.3
"""Flow of a pixel that moves, pixels a frame."""
_FOREGROUND_LEVELS: Final = 22
"""Grey levels from the background that make a pixel a thing's own."""
_LEAST_THING_SHARE: Final = 0.001
_LARGEST_THING_SHARE: Final = 0.3
"""Of the picture."""
_LEAST_SEEN_SHARE: Final = 0.8
"""Of the moment's frames in which the thing must be found."""


def foreign_object(
    scene: Scene, moment: Moment, rng: np.random.Generator
) -> tuple[list[Box], Paint]:
    """Put a blob with the texture of another place of the footage where something moves, and let it
    go along with it."""
    box = moment.box
    alpha = _blob(box.height, box.width, rng)[..., None]
    texture = _texture(scene, moment, rng)
    boxes = _path(scene, moment)

    def paint(index: int, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        at = boxes[index]
        painted = image.copy()
        under = np.atleast_3d(painted[at.rows, at.columns]).astype(np.float32)
        mixed = np.rint(alpha * texture + (1.0 - alpha) * under).astype(np.uint8)
        painted[at.rows, at.columns] = mixed.reshape(painted[at.rows, at.columns].shape)
        return painted

    return boxes, paint


def _blob(height: int, width: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return how opaque a crooked round thing is in its box: 1 inside, soft at the edge, 0
    outside."""
    rows, columns = np.mgrid[:height, :width].astype(np.float64)
    y, x = (rows + 0.5) / height * 2.0 - 1.0, (columns + 0.5) / width * 2.0 - 1.0
    angle, radius = np.arctan2(y, x), np.hypot(x, y)
    reach = np.full_like(angle, 0.75)
    for turns in (2, 3, 5):
        reach += rng.uniform(0.03, 0.09) * np.cos(turns * angle + rng.uniform(0.0, 2.0 * np.pi))
    edge = 2.0 / max(2.0, min(height, width) / 2.0)
    return np.asarray(np.clip((reach - radius) / edge + 0.5, 0.0, 1.0), dtype=np.float32)


def _texture(scene: Scene, moment: Moment, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a patch of the footage, turned round: of several, the one most unlike what it
    covers."""
    box = moment.box
    height, width = scene.frames[0].shape[:2]
    covered = np.atleast_3d(scene.frames[moment.first][box.rows, box.columns]).astype(np.float32)
    best, most = covered, -1.0
    for _ in range(_TEXTURES_LOOKED_AT):
        frame = scene.frames[int(rng.integers(len(scene.frames)))]
        y = int(rng.integers(height - box.height + 1))
        x = int(rng.integers(width - box.width + 1))
        patch = frame[y : y + box.height, x : x + box.width]
        turned = np.atleast_3d(patch[::-1, ::-1]).astype(np.float32)
        unlike = float(np.abs(turned - covered).mean()) + float(turned.std())
        if unlike > most:
            best, most = turned, unlike
    return best


def _path(scene: Scene, moment: Moment) -> list[Box]:
    """Return the box in every frame, moved along with what moves in it; it stays in the picture."""
    box = moment.box
    height, width = scene.frames[0].shape[:2]
    room = np.array([width - box.width, height - box.height], dtype=np.float64)
    place = np.array([box.x, box.y], dtype=np.float64)
    velocity = np.zeros(2)
    boxes = [box]
    end = moment.first + moment.length
    for before, now in pairwise(scene.frames[moment.first : end]):
        at = boxes[-1]
        flow = optical_flow(before, now)[at.rows, at.columns].reshape(-1, 2)
        moving = flow[np.hypot(flow[:, 0], flow[:, 1]) > _MOVING_PX]
        if len(moving):
            # A mean with the past: flow is noisy, and a thing has weight.
            velocity = 0.5 * velocity + 0.5 * moving.mean(axis=0)
        place = np.clip(place + velocity, 0.0, room)
        x, y = (int(value) for value in np.rint(place))
        boxes.append(Box(x=x, y=y, width=box.width, height=box.height))
    return boxes


def vanished_object(scene: Scene, moment: Moment) -> tuple[list[Box], Paint] | None:
    """Replace the thing that moves in the moment's box by the background, as far as it can be
    followed.

    None when nothing stands out there, or what does is too large to be one thing.
    """
    height, width = scene.frames[0].shape[:2]
    pixels = height * width
    background = grey_of(scene.background)
    alphas: list[tuple[Box, NDArray[np.float32]]] = []
    thing: NDArray[np.bool_] | None = None
    seen = 0
    for index in range(moment.first, moment.first + moment.length):
        regions = _things(scene.frames[index], background)
        found = _in_box(regions, moment.box) if thing is None else _same_thing(regions, thing)
        if found is not None and found.sum() > _LARGEST_THING_SHARE * pixels:
            return None
        if found is not None and (thing is not None or found.sum() > _LEAST_THING_SHARE * pixels):
            thing = found
            seen += 1
        if thing is None:
            return None
        alphas.append(_soft(thing))
    if seen < _LEAST_SEEN_SHARE * moment.length:
        return None

    def paint(index: int, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        box, alpha = alphas[index]
        painted = image.copy()
        part = painted[box.rows, box.columns]
        weight = alpha if part.ndim == 2 else alpha[..., None]
        behind = scene.background[box.rows, box.columns].astype(np.float32)
        part[...] = np.rint(weight * behind + (1.0 - weight) * part).astype(np.uint8)
        return painted

    return [box for box, _ in alphas], paint


def _things(image: NDArray[np.uint8], background: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return the number of the thing that each pixel belongs to; 0 is background."""
    apart = (cv2.absdiff(grey_of(image), background) > _FOREGROUND_LEVELS).astype(np.uint8)
    clean = cv2.medianBlur(apart, 5)
    # Grown, so that a thing's dull parts join it and its rim goes with it.
    reach = max(3, round(image.shape[1] / 80)) | 1
    grown = cv2.dilate(clean, np.ones((reach, reach), dtype=np.uint8))
    _, regions = cv2.connectedComponents(grown)
    return np.asarray(regions, dtype=np.int32)


def _in_box(regions: NDArray[np.int32], box: Box) -> NDArray[np.bool_] | None:
    """Return the thing that covers most of a box."""
    counts = np.bincount(regions[box.rows, box.columns].ravel())
    counts[0] = 0
    return None if not counts.any() else np.asarray(regions == int(counts.argmax()), dtype=np.bool_)


def _same_thing(regions: NDArray[np.int32], before: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Return the things that overlap where the thing was; None when there is none."""
    numbers = np.unique(regions[before])
    numbers = numbers[numbers > 0]
    return None if not len(numbers) else np.asarray(np.isin(regions, numbers), dtype=np.bool_)


def _soft(thing: NDArray[np.bool_]) -> tuple[Box, NDArray[np.float32]]:
    """Return the box around a thing and how much of each pixel in it is replaced."""
    alpha = cv2.GaussianBlur(thing.astype(np.float32), (7, 7), 0.0)
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    box = Box(
        x=int(columns[0]),
        y=int(rows[0]),
        width=int(columns[-1] - columns[0]) + 1,
        height=int(rows[-1] - rows[0]) + 1,
    )
    return box, np.asarray(alpha[box.rows, box.columns], dtype=np.float32)
