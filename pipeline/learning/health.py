"""Health of training footage: what a camera's normal looks are, and what is left out of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pipeline.clips.reader import ClipReader, Stretch
from pipeline.health.judge import LOOK_US, Finding, finding_of
from pipeline.health.look import Look, Looker, grey_of
from pipeline.health.reference import HealthReference, ReferenceLearner, usual_step_seconds
from pipeline.health.stillness import Still, StillnessMeter
from pipeline.health.watch import Spell, SpellFinder
from pipeline.timebase import seconds, shift_utc

__all__ = ["HealthyFootage", "LeftOut", "health_line", "health_warnings", "healthy_footage"]

_SHORTEST_US = 1_000_000
_MOST_LEFT_OUT = 0.5
_LOOK_RATE = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftOut:
    """A stretch of training footage in which the camera seems to have been in trouble."""

    stretch: Stretch
    """The whole one that it is a part of."""
    spell: Spell


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthyFootage:
    """Training footage without trouble, and what it says of the camera."""

    stretches: tuple[Stretch, ...]
    left_out: tuple[LeftOut, ...]
    reference: HealthReference | None
    """None when there is too little footage, or trouble in most of it."""
    kept: bool = False
    """Nothing was left out after all, since there is trouble in most of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Looked:
    pts_us: int
    look: Look
    still: Still


def healthy_footage(
    stretches: Sequence[Stretch], reader: ClipReader, reference: HealthReference | None = None
) -> HealthyFootage:
    """Return the footage without trouble, judged by `reference`; None learns it from all of the
    footage first.

    The background of `reader` is that of the same camera. Frames are looked at twice a second.
    """
    looker = Looker(grey_of(reader.background_HW), reader.view.masks)
    looked = [list(_looks(stretch, reader, looker)) for stretch in stretches]
    known = reference or _learnt(stretches, looked)
    whole = HealthyFootage(stretches=tuple(stretches), left_out=(), reference=known)
    if known is None:
        return whole
    parts: list[Stretch] = []
    left_out: list[LeftOut] = []
    for stretch, looks in zip(stretches, looked, strict=True):
        spells = _spells(stretch, looks, reader, looker, known)
        left_out += [LeftOut(stretch=stretch, spell=spell) for spell in spells]
        parts += _between(stretch, spells)
    length_us = sum(s.segment.end_us - s.segment.start_us for s in stretches)
    lost_us = sum(one.spell.end_us - one.spell.start_us for one in left_out)
    if lost_us > _MOST_LEFT_OUT * length_us:
        return replace(whole, left_out=tuple(left_out), reference=reference, kept=True)
    return HealthyFootage(stretches=tuple(parts), left_out=tuple(left_out), reference=known)


def _learnt(
    stretches: Sequence[Stretch], looked: Sequence[Sequence[_Looked]]
) -> HealthReference | None:
    learner = ReferenceLearner()
    for looks in looked:
        for one in looks:
            learner.add(one.look, one.still)
    return learner.reference(usual_step_seconds([one.footage for one in stretches]))


def health_line(reference: HealthReference | None) -> str:
    """Return what was learnt of a camera's health, for people."""
    if reference is None:
        return "too little footage to know what the camera looks like when it is well"
    frozen = (
        "a frozen picture cannot be told from a still scene"
        if reference.repeat_seconds is None
        else f"a picture that repeats for {reference.repeat_seconds:.0f} s is frozen"
    )
    return f"{reference.looks:,} looks at normal pictures, {frozen}"


def health_warnings(*footage: HealthyFootage) -> Iterator[str]:
    """Yield what was left out of training footage, or looks wrong in most of it, for people."""
    found = [(part.kept, one) for part in footage for one in part.left_out]
    for kept, one in found:
        start = shift_utc(
            one.stretch.segment.start_utc, one.spell.start_us - one.stretch.segment.start_us
        )
        yield (
            f"warning: from {start:%Y-%m-%d %H:%M:%S} UTC for "
            f"{seconds(one.spell.end_us - one.spell.start_us):.1f} s the camera seems "
            f"{one.spell.trouble.words} ({one.spell.detail}); "
            + (
                "so does most of the footage, which is taken for normal: look at it"
                if kept
                else "that is left out of what is learnt"
            )
        )


def _looks(stretch: Stretch, reader: ClipReader, looker: Looker) -> Iterator[_Looked]:
    meter = StillnessMeter()
    view = replace(reader.view, frame_rate=min(_LOOK_RATE, reader.view.frame_rate))
    before_us: int | None = None
    for frame in stretch.frames(view):
        if before_us is not None and frame.pts_us - before_us < LOOK_US:
            continue
        before_us = frame.pts_us
        yield _Looked(
            pts_us=frame.pts_us,
            look=looker.look(frame.image),
            still=meter.add(frame.pts_us, grey_of(frame.image)),
        )


def _spells(
    stretch: Stretch,
    looks: Sequence[_Looked],
    reader: ClipReader,
    looker: Looker,
    reference: HealthReference,
) -> list[Spell]:
    finder = SpellFinder(stretch.segment.start_us)
    since_us = stretch.segment.start_us
    for one in looks:
        finding: Finding = finding_of(
            one.pts_us, one.look, one.still, reference, looker=looker, view=reader.view
        )
        finder.add(finding, since_us=since_us)
        since_us = one.pts_us + 1
    finder.end(stretch.segment.end_us)
    return finder.spells


def _between(stretch: Stretch, spells: Sequence[Spell]) -> Iterator[Stretch]:
    """Yield the parts of a stretch that lie between spells; itself when there is none."""
    if not spells:
        yield stretch
        return
    borders = [stretch.segment.start_us]
    for spell in spells:
        borders += [spell.start_us, spell.end_us]
    borders.append(stretch.segment.end_us)
    for start_us, end_us in zip(borders[::2], borders[1::2], strict=True):
        if end_us - start_us >= _SHORTEST_US:
            yield stretch.part(start_us, end_us)
