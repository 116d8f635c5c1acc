"""Calibrating: what the values of experts mean, from maps of normal footage.

The tail of a term is fitted to two things together. Held-out clips, which neither the networks nor
the places have seen; and the training footage, part by part, each judged by places that were learnt
from the others. The first alone are often seconds, in which hardly any place was walked on.

Shapes: N clips, grid of G x W cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.alerts.budget import NATURAL_SCALE, NATURAL_WEIGHT
from pipeline.clips.windows import Clip
from pipeline.scoring.calibration import (
    USUAL_SHARE,
    PlaceStatistics,
    clip_statistic,
    cross_fitted,
    fit_places,
)
from pipeline.scoring.experts import Expert
from pipeline.scoring.fusion import (
    FUSED,
    WITHOUT,
    Calibration,
    Maps,
    all_but_one,
    join_surprises,
    joined_statistic,
    rows_of,
    surprises_of,
    with_the_surest,
)
from pipeline.scoring.strangeness_spool import StrangenessSpool
from pipeline.scoring.tail import LEAST_HELD_OUT, TailModel, fit_tail, silent_tail
from pipeline.scoring.term import Term

__all__ = ["HeldOutScores", "LearntPlaces", "calibrate", "learn_place_statistics"]

_NEW_PLACES_SECONDS = 600.0
"""Training footage that is shorter than this has not shown every place in use."""

_FOREIGN = math.log(5.0)
"""Logarithm of the usual ranges beyond which a moment is no normal operation, if it is rare."""
_MOST_FOREIGN = 2
"""What happens more often in the footage belongs to normal operation, whatever it looks like."""
_CLIPS_AROUND = 8
"""Held-out clips before and after that may share frames with a foreign moment: of a score at every
second frame half as many do. Windows of training footage lie side by side and share none."""
_FEWEST_CLIPS = 20

_CLIPS_AT_ONCE = 64
_APART_CLIPS = 4
"""Between windows of training footage. In short footage they lie side by side, and what takes three
seconds is in four of them and yet one moment; in long footage they lie further apart than this."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LearntPlaces:
    """What training footage says of the places."""

    places: Mapping[str, PlaceStatistics]
    """By term."""
    statistics: Mapping[str, NDArray[np.float64]]
    """Term -> of training clips, judged by places that were learnt without them; a term is missing
    where that says nothing of footage to come."""
    strangeness: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    """Term -> of training clips NGW, all terms; judged in the same way where a term depends on
    places. What looks through the networks finds less in them than in other footage."""
    parts: Sequence[Sequence[Clip]] = ()
    """These clips, of each stretch of footage."""
    foreign_N: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    """Training clips in which something happens that is no normal operation."""
    by_lighting: Mapping[str, LearntPlaces] = field(default_factory=dict)
    """The same of each lighting state that has enough footage; above, of all of them together."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldOutScores:
    """What the clips score themselves that the calibration was made from. N held-out clips."""

    training_N: NDArray[np.float64]
    """What training clips score, as far as they were judged without themselves."""
    fused_N: NDArray[np.float64]
    foreign_N: NDArray[np.bool_]
    """Clips that were left out, because something happened there that is no normal operation."""
    rows: Mapping[str, NDArray[np.float64]]
    """-log10 p of every clip: `fused`, and by expert."""


def learn_place_statistics(
    experts: Sequence[Expert], maps: Mapping[str, NDArray[np.float32]]
) -> LearntPlaces:
    """Return the statistics per place of every term from its maps over normal windows, NGW each, in
    order of time."""
    known = {name: term for expert in experts for name, term in expert.terms.items()}
    places = {
        name: fit_places(
            maps[name],
            two_sided=term.two_sided,
            pooled=term.pooled,
            perspective=term.perspective,
            least_range=term.least_range,
        )
        for name, term in known.items()
    }
    pooled = {
        name: clip_statistic(places[name].strangeness(maps[name]))
        for name, term in known.items()
        if term.pooled
    }
    foreign_N = _foreign(known, pooled, clips_around=0)
    if not pooled:
        foreign_N = np.zeros(len(next(iter(maps.values()))), dtype=np.bool_)
    statistics = {name: values_N[~foreign_N] for name, values_N in pooled.items()}
    strangeness = {}
    for name, term in known.items():
        if not term.pooled and (term.new_places or term.perspective):
            strangeness[name] = cross_fitted(
                maps[name],
                two_sided=term.two_sided,
                perspective=term.perspective,
                least_range=term.least_range,
            )
            judged_N = ~np.isnan(maps[name]).any(axis=(1, 2))
            if judged_N.sum() >= 2:
                statistics[name] = clip_statistic(strangeness[name][judged_N])
        else:
            strangeness[name] = places[name].strangeness(maps[name])
    return LearntPlaces(
        places=places, statistics=statistics, strangeness=strangeness, foreign_N=foreign_N
    )


def calibrate(
    experts: Sequence[Expert],
    learnt: LearntPlaces,
    held_out_maps: Callable[[], Iterable[Maps]],
    *,
    training_seconds: float,
    prior: Calibration | None = None,
    prior_clips: int = 0,
    rare_N: NDArray[np.bool_] | None = None,
) -> tuple[Calibration, HeldOutScores]:
    """Return the calibration of `experts` on held-out normal clips, and these clips' fused scores.

    `held_out_maps` gives the terms' maps (NGW each) of batch after batch. They wait on disk until
    the tails of the terms are known, so memory does not grow with the footage. `training_seconds`:
    how much footage the places were learnt from.

    `prior`: the calibration of all footage, where this is of a part of it. It counts as much as
    `prior_clips` clips: every tail is fitted to the mixture of both (the posterior mean under a
    Dirichlet process, Ferguson 1973), so a state that was hardly held out is judged as all are, and
    one that was held out for hours by itself. `rare_N`: the clips of which all footage has so few
    that they may be left out; None: this is all footage.
    """
    left_out = {WITHOUT + name: others for name, others in all_but_one(experts).items()}
    rows = {**rows_of(experts), **left_out}
    known = {name: term for expert in experts for name, term in expert.terms.items()}
    with StrangenessSpool(tuple(learnt.places)) as spool:
        held_out = _held_out_statistics(learnt.places, held_out_maps(), spool)
        foreign_N = _foreign(known, held_out, clips_around=_CLIPS_AROUND)
        if rare_N is not None:
            foreign_N &= rare_N
        known_terms = prior.terms if prior else {}
        terms = {
            name: _term_tail(
                known[name],
                _Values.in_order(values_N, left_out_N=foreign_N),
                _Values.apart(learnt.statistics.get(name, np.empty(0))),
                _Prior.of(known_terms.get(name), prior_clips),
                training_seconds,
            )
            for name, values_N in held_out.items()
        }
        statistics = _row_statistics(rows, terms, spool.batches(_CLIPS_AT_ONCE))
    known_rows = {**prior.experts, **prior.groups} if prior else {}
    tails = {
        # Joined from p-values: ten seconds have seven excesses, which overlap.
        row: _tail_of(
            [_Values.in_order(values_N, left_out_N=foreign_N)],
            _Prior.of(known_rows.get(row), prior_clips),
            prior_weight=NATURAL_WEIGHT,
        )
        for row, values_N in statistics.items()
    }
    names = [expert.name for expert in experts]
    calibration = Calibration(
        places=learnt.places,
        terms=terms,
        experts={name: tails[name] for name in names},
        groups={row: tails[row] for row in rows if row not in names},
    )
    scores = _scores(tails, statistics, names)
    learnt_clips = _in_pieces(learnt.strangeness)
    training = _row_statistics({row: rows[row] for row in (FUSED, *names)}, terms, learnt_clips)
    said = HeldOutScores(
        fused_N=scores[FUSED],
        foreign_N=foreign_N,
        training_N=_scores(tails, training, names)[FUSED],
        rows=scores,
    )
    return calibration, said


def _scores(
    tails: Mapping[str, TailModel],
    statistics: Mapping[str, NDArray[np.float64]],
    names: Sequence[str],
) -> dict[str, NDArray[np.float64]]:
    """Return -log10 p of clips: of all experts, as `fuse` has it, and by the name of each."""
    alone = {name: tails[name].surprise(statistics[name]) for name in names}
    joined = tails[FUSED].surprise(statistics[FUSED])
    return {FUSED: with_the_surest(joined, list(alone.values())), **alone}


def _in_pieces(
    maps: Mapping[str, NDArray[np.float32]],
) -> Iterator[Mapping[str, NDArray[np.float32]]]:
    """Yield some clips of maps at a time."""
    clips = len(next(iter(maps.values()), ()))
    for first in range(0, clips, _CLIPS_AT_ONCE):
        yield {name: values[first : first + _CLIPS_AT_ONCE] for name, values in maps.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Values:
    """Values of clips, as far as they are known, and when each was seen, in clips."""

    values_N: NDArray[np.float64]
    moments_N: NDArray[np.int64]

    @classmethod
    def in_order(cls, values_N: NDArray[np.float64], *, left_out_N: NDArray[np.bool_]) -> _Values:
        """Return those of clips one after the other."""
        kept = np.flatnonzero(~left_out_N & ~np.isnan(values_N))
        return cls(values_N=values_N[kept], moments_N=kept)

    @classmethod
    def apart(cls, values_N: NDArray[np.float64]) -> _Values:
        """Return those of windows of training footage."""
        moments_N = -_APART_CLIPS * (1 + np.arange(len(values_N), dtype=np.int64))
        return cls(values_N=values_N, moments_N=moments_N)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Prior:
    """What all footage says, where a tail is fitted to a part of it."""

    sample_N: NDArray[np.float64]
    recurs_to: float

    @classmethod
    def of(cls, tail: TailModel | None, clips: int) -> _Prior:
        """Return what so many clips of `tail` say; None: nothing."""
        if tail is None or not tail.count:
            return cls(sample_N=np.empty(0), recurs_to=-math.inf)
        return cls(sample_N=tail.sample(clips), recurs_to=tail.recurring)


def _term_tail(
    term: Term, held_out: _Values, training: _Values, prior: _Prior, training_seconds: float
) -> TailModel:
    if term.pooled:
        # Inside the usual range nothing is strange, however still it is there most of the time; and
        # what lies beyond is no rarer than the range says, whether any of it was seen or not.
        inside = [
            replace(part, values_N=np.maximum(part.values_N, 0.0)) for part in (held_out, training)
        ]
        tail = _tail_of(inside, prior, least_scale=term.tail_scale)
        return replace(tail, tail_share=max(tail.tail_share, 1.0 - USUAL_SHARE))
    least_scale = _least_scale(term, training_seconds)
    return _tail_of([held_out, training], prior, least_scale=least_scale)


def _tail_of(
    parts: Sequence[_Values],
    prior: _Prior,
    *,
    least_scale: float = NATURAL_SCALE,
    prior_weight: float = 0.0,
) -> TailModel:
    """Return the tail of all of it; one that is silent where next to nothing is known.

    What repeats itself every four seconds says nothing of the first four: held-out pieces shorter
    than that know nothing of it, and no value of it may be called strange for that.
    """
    values_N = np.concatenate([*(part.values_N for part in parts), prior.sample_N])
    if len(values_N) < LEAST_HELD_OUT:
        return silent_tail()
    # Samples of what all footage says are no moments: they are as one.
    same_N = np.full(len(prior.sample_N), np.iinfo(np.int64).min // 2)
    return fit_tail(
        values_N,
        least_scale=least_scale,
        prior_weight=prior_weight,
        moments=np.concatenate([*(part.moments_N for part in parts), same_N]),
        recurs_to=prior.recurs_to,
    )


def _least_scale(term: Term, training_seconds: float) -> float:
    """Return the least scale of the tail of a term's logarithm.

    In a minute of a street half of its places are not walked on. Whoever does so in the next minute
    is new there, many usual ranges away, and no fault. So footage of less than ten minutes makes
    the tails of what depends on places wider, as much as it is shorter.
    """
    if not term.new_places:
        return term.tail_scale
    return term.tail_scale * max(1.0, _NEW_PLACES_SECONDS / max(training_seconds, 1.0))


def _foreign(
    terms: Mapping[str, Term],
    statistics: Mapping[str, NDArray[np.float64]],
    *,
    clips_around: int,
) -> NDArray[np.bool_]:
    """Return which clips are left out: those around a moment at which a term that has a unit of its
    own is far beyond what it ever is, if there are only one or two such moments. None of none.

    A camera that skips a second of footage looks like nothing else. Taken for normal operation, it
    would hide every fault that looks so.
    """
    if not statistics:
        return np.zeros(0, dtype=np.bool_)
    beyond_TN = [
        values_N >= _FOREIGN for n, values_N in statistics.items() if terms[n].rare_is_foreign
    ]
    none_N = np.zeros(len(next(iter(statistics.values()))), dtype=np.bool_)
    beyond_N = np.any([none_N, *beyond_TN], axis=0)
    around = np.ones(2 * clips_around + 1)
    foreign_N = np.convolve(beyond_N, around)[clips_around : clips_around + len(beyond_N)] > 0
    if _events(foreign_N) > _MOST_FOREIGN or (~foreign_N).sum() < _FEWEST_CLIPS:
        return none_N
    return np.asarray(foreign_N, dtype=np.bool_)


def _events(beyond_N: NDArray[np.bool_]) -> int:
    """Return how many runs of true there are."""
    return int(np.count_nonzero(np.diff(beyond_N.astype(np.int8), prepend=0) == 1))


def _held_out_statistics(
    places: Mapping[str, PlaceStatistics], held_out_maps: Iterable[Maps], spool: StrangenessSpool
) -> dict[str, NDArray[np.float64]]:
    """Return the statistic of every term over held-out clips, NaN where it is not known, and leave
    their strangeness in `spool`."""
    statistics: dict[str, list[NDArray[np.float64]]] = {term: [] for term in places}
    for maps in held_out_maps:
        strangeness = {term: place.strangeness(maps[term]) for term, place in places.items()}
        spool.append(strangeness)
        for term, values_NGW in strangeness.items():
            unknown_N = np.isnan(maps[term]).all(axis=(1, 2))
            statistics[term].append(np.where(unknown_N, np.nan, clip_statistic(values_NGW)))
    return {term: np.concatenate(parts) for term, parts in statistics.items()}


def _row_statistics(
    rows: Mapping[str, Sequence[Expert]],
    terms: Mapping[str, TailModel],
    batches: Iterable[Mapping[str, NDArray[np.float32]]],
) -> dict[str, NDArray[np.float64]]:
    """Return the statistic of every row over clips, whose strangeness comes in `batches`."""
    found: dict[str, list[NDArray[np.float64]]] = {row: [np.empty(0)] for row in rows}
    for strangeness in batches:
        surprises = surprises_of(terms, strangeness)
        for row, experts in rows.items():
            found[row].append(joined_statistic(join_surprises(experts, surprises)))
    return {row: np.concatenate(parts) for row, parts in found.items()}
