"""A figure of many small panels of curves, as SVG that any browser shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

__all__ = ["write_small_multiples"]

_WIDE, _HIGH, _GAP, _COLUMNS = 240, 130, 46, 4
_COLOURS = ("#4477aa", "#66ccee", "#228833", "#ccbb44", "#ee6677", "#aa3377")
"""Paul Tol's bright scheme: told apart by the colour blind too."""


def write_small_multiples(
    path: Path, panels: Mapping[str, Mapping[str, Sequence[Sequence[float]]]], *, title: str
) -> None:
    """Write one panel a key, in it every curve of every group; groups share colours over panels.

    Values are drawn as sign(v) log10(1 + |v|): curves that explode and curves that hardly move fit
    into one scale, which all panels share.
    """
    curves = [c for groups in panels.values() for lines in groups.values() for c in lines if c]
    top = max((abs(_scaled(v)) for curve in curves for v in curve), default=1.0) or 1.0
    rows = -(-len(panels) // _COLUMNS)
    width, height = _COLUMNS * (_WIDE + _GAP) + _GAP, rows * (_HIGH + _GAP) + 2 * _GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{_GAP}" y="18" font-size="13">{escape(title)}</text>',
    ]
    groups = list(dict.fromkeys(name for panel in panels.values() for name in panel))
    for index, name in enumerate(groups):
        parts.append(
            f'<text x="{_GAP + 70 * index}" y="36" fill="{_COLOURS[index % len(_COLOURS)]}">'
            f"{escape(name)}</text>"
        )
    for index, (name, panel) in enumerate(panels.items()):
        left = _GAP + (index % _COLUMNS) * (_WIDE + _GAP)
        above = 2 * _GAP + (index // _COLUMNS) * (_HIGH + _GAP)
        parts += _panel(name, panel, groups, left, above, top)
    parts.append("</svg>")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(parts) + "\n", encoding="utf-8")


def _panel(
    name: str,
    panel: Mapping[str, Sequence[Sequence[float]]],
    groups: Sequence[str],
    left: float,
    above: float,
    top: float,
) -> list[str]:
    middle = above + _HIGH / 2
    parts = [
        f'<rect x="{left}" y="{above}" width="{_WIDE}" height="{_HIGH}" fill="none" '
        'stroke="#bbbbbb"/>',
        f'<line x1="{left}" x2="{left + _WIDE}" y1="{middle}" y2="{middle}" stroke="#dddddd"/>',
        f'<text x="{left}" y="{above - 5}">{escape(name)}</text>',
        f'<text x="{left - 4}" y="{above + 9}" text-anchor="end">{10**top - 1:.0e}</text>',
        f'<text x="{left - 4}" y="{middle + 4}" text-anchor="end">0</text>',
    ]
    longest = max((len(curve) for lines in panel.values() for curve in lines), default=1)
    for group, lines in panel.items():
        colour = _COLOURS[groups.index(group) % len(_COLOURS)]
        for curve in lines:
            points = " ".join(
                f"{left + _WIDE * at / max(1, longest - 1):.1f},"
                f"{middle - _HIGH / 2 * _scaled(value) / top:.1f}"
                for at, value in enumerate(curve)
            )
            parts.append(
                f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1"/>'
            )
    return parts


def _scaled(value: float) -> float:
    return math.copysign(math.log10(1.0 + abs(value)), value)
