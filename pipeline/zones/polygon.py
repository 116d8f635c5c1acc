"""Polygons: corners on a picture, and how much of a rectangle lies within them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.errors import CameraError

__all__ = ["MOST_CORNERS", "Polygon", "check_polygon", "parse_polygon", "share_within"]

Polygon = tuple[tuple[float, float], ...]
"""Corners (x, y) as shares of the picture's width and height, each in [0, 1]."""

MOST_CORNERS = 60
_LEAST_AREA = 1e-4
"""Of the picture: a hundredth of a per cent, about 14 x 14 pixels of 1920 x 1080."""


def check_polygon(polygon: Polygon, what: str) -> Polygon:
    """Return a polygon that somebody has drawn; CameraError naming `what` it was to be, when it has
    too few or too many corners, leaves the picture, crosses itself, or covers nothing."""
    if len(polygon) < 3:
        raise CameraError(f"{what}: {len(polygon)} corners; give at least 3")
    if len(polygon) > MOST_CORNERS:
        raise CameraError(f"{what}: {len(polygon)} corners; give at most {MOST_CORNERS}")
    if any(not 0.0 <= value <= 1.0 for corner in polygon for value in corner):
        raise CameraError(
            f"{what}: a corner lies outside of the picture; give shares between 0 and 1"
        )
    if _crosses_itself(polygon):
        raise CameraError(f"{what}: its sides cross; give the corners in order around it")
    if abs(_signed_area(polygon)) < _LEAST_AREA:
        raise CameraError(f"{what}: it covers next to nothing; draw it larger")
    return polygon


def parse_polygon(text: str) -> Polygon:
    """Return the corners that a text like `0,0 0.3,0 0.3,0.5` gives."""
    try:
        pairs = [tuple(float(number) for number in corner.split(",")) for corner in text.split()]
    except ValueError:
        pairs = []
    if not pairs or any(len(pair) != 2 for pair in pairs):
        raise CameraError(f"{text!r} is no polygon; give corners like '0,0 0.3,0 0.3,0.5'")
    return tuple((pair[0], pair[1]) for pair in pairs)


def share_within(polygon: Polygon, left: float, top: float, right: float, bottom: float) -> float:
    """Return the share of a rectangle of the picture that lies within a polygon, in [0, 1]."""
    kept: Sequence[tuple[float, float]] = polygon
    # Cut along one side of the rectangle after the other (Sutherland and Hodgman 1974). What is
    # left of a hollow shape hangs together by lines without area.
    for axis, limit, sign in ((0, left, 1), (0, right, -1), (1, top, 1), (1, bottom, -1)):
        kept = list(_cut(kept, axis, limit, sign))
    area = (right - left) * (bottom - top)
    return min(1.0, abs(_signed_area(kept)) / area) if area > 0.0 else 0.0


def _cut(
    corners: Sequence[tuple[float, float]], axis: int, limit: float, sign: int
) -> Iterator[tuple[float, float]]:
    for index, corner in enumerate(corners):
        before = corners[index - 1]
        inside = sign * (corner[axis] - limit) >= 0.0
        was_inside = sign * (before[axis] - limit) >= 0.0
        if inside != was_inside:
            share = (limit - before[axis]) / (corner[axis] - before[axis])
            other = before[1 - axis] + share * (corner[1 - axis] - before[1 - axis])
            yield (limit, other) if axis == 0 else (other, limit)
        if inside:
            yield corner


def _signed_area(corners: Sequence[tuple[float, float]]) -> float:
    return 0.5 * sum(
        corners[index - 1][0] * corner[1] - corner[0] * corners[index - 1][1]
        for index, corner in enumerate(corners)
    )


def _crosses_itself(polygon: Polygon) -> bool:
    # One that is given twice in a row, as the first at the end, is one.
    corners = [corner for index, corner in enumerate(polygon) if corner != polygon[index - 1]]
    if len(set(corners)) < len(corners):
        return True
    sides = [(polygon[index - 1], corner) for index, corner in enumerate(polygon)]
    return any(
        _cross(*one, *other)
        for index, one in enumerate(sides)
        for other in sides[index + 1 :]
        if not set(one) & set(other)
    )


def _cross(
    a: tuple[float, float],
    b: tuple[float, float],
    c: tuple[float, float],
    d: tuple[float, float],
) -> bool:
    return _side(a, b, c) != _side(a, b, d) and _side(c, d, a) != _side(c, d, b)


def _side(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> int:
    turn = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    return (turn > 0.0) - (turn < 0.0)
