"""From the alarm budget to the numbers of an event policy, on held-out normal footage."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from statistics import median

from scipy.special import gammaincinv

from pipeline.alerts.budget import (
    NATURAL_SCALE,
    EventTail,
    fit_event_tail,
    score_at_rate,
)
from pipeline.alerts.events import EventPolicy, ScoreSmoother, join_anomalies
from pipeline.alerts.generalised_pareto import excess_as_rare
from pipeline.alerts.sequential import SumRule, excursions
from pipeline.identity import content_id
from pipeline.scoring.anomaly import Anomaly
from pipeline.timebase import seconds as in_seconds

__all__ = ["fit_policy", "policy_within", "sum_as_rare"]

_SMOOTHING_SECONDS = 0.0
"""The clips look at most of a second already, and their maps are averaged over neighbouring places:
a fifth of a second more cost .003 of AUC on Ped2."""
_MINIMUM_SECONDS = 0.3
_MERGE_GAP_SECONDS = 3.0
_CLOSE_SHARE = 0.6
"""Share of the opening score at which an event closes (hysteresis)."""
_OPEN_SHARE = 0.7
"""Share of the alert score at which an event opens, so that its beginning is not cut off."""
_PROBE_SCORE = 1.0
"""Opening score while looking for the peaks of normal footage: reached by one clip in ten."""
_PROBE_GAP_SECONDS = 1.0
"""Peaks nearer than this are one. Shorter than the merge gap of real events: with more peaks
counted the threshold errs to the safe side, and a minute of footage has enough of them to fit a
tail."""
_NATURAL_SUMS = 5.0
"""The natural scale of sums counts as much as this many observed ones: nature knows less of them
than of single clips."""

_QUICK_DRIFTS = (1.5, 2.0, 2.5)
"""Of the sum that finds what is rather strange for seconds: the one that is soonest is taken."""
_SUMS_SHARE = 0.1
"""Of the alerts of single clips: how often normal operation may alert by a sum. Half of the budget
for each raised the threshold of single clips by .3, and cost more faults than sums found."""
_DOUBT = 0.05
"""Chance that the scale of sums is larger than what it is taken for."""
_LEAST_WATCHED_SECONDS = 120.0
"""Below so much normal footage, training included, there is no sequential test: it is about what
goes on for seconds, of which less than two minutes show too few. Ten held-out seconds of a street,
and forty learnt ones, knew nobody who loiters; the half minute after them did."""


def fit_policy(
    held_out: Iterable[Sequence[Anomaly]],
    training: Iterable[Sequence[Anomaly]] = (),
    *,
    seconds: float,
    budget_per_day: float,
) -> tuple[EventPolicy, EventTail]:
    """Return the policy whose alerts stay within the budget in normal operation, and the tail of
    normal event peaks behind it.

    `held_out`: the anomalies of each stretch of held-out normal footage, in order of time;
    `seconds`: how long these stretches are together. `training`: the same of training footage as
    far as it was judged without itself, or nothing: it shows how long things go on. The same
    joining code finds the peaks here and the events later, so smoothing, merging and the sequential
    test are accounted for.
    """
    parts = [list(part) for part in held_out]
    probe = replace(
        _policy(_PROBE_SCORE, _CLOSE_SHARE * _PROBE_SCORE, _PROBE_SCORE),
        merge_gap_seconds=_PROBE_GAP_SECONDS,
        minimum_seconds=0.0,
    )
    alone = fit_event_tail(_peaks(parts, probe), seconds / 86_400.0)
    with_sums = replace(alone, events_per_day=(1.0 + _SUMS_SHARE) * alone.events_per_day)
    single = policy_within(with_sums, budget_per_day)
    sums = _sums_of([*parts, *training], alone, single)
    if not sums:
        return policy_within(alone, budget_per_day), alone
    return policy_within(with_sums, budget_per_day, like=replace(single, sums=sums)), with_sums


def _peaks(parts: Iterable[Sequence[Anomaly]], policy: EventPolicy) -> list[float]:
    return [event.peak_score for part in parts for event in join_anomalies(part, policy)]


def _sums_of(
    parts: Sequence[Sequence[Anomaly]], alone: EventTail, single: EventPolicy
) -> tuple[SumRule, ...]:
    """Return what sums are worth; none where too little was watched to say.

    The drift that is best depends on the anomaly that it is to find (Page 1954), and on what normal
    operation does for long: somebody who loiters is little above a low drift for half a minute, and
    never above a high one. So there is a slow sum, and a quick one where one of them alerts sooner
    of a score at which events open; they share what sums may alert.
    """
    steps = [list(_steps_of(part, single)) for part in parts]
    if sum(step_seconds or 0.0 for part in steps for _, step_seconds in part) < (
        _LEAST_WATCHED_SECONDS
    ):
        return ()
    lengths = [in_seconds(a.clip.end_us - a.clip.start_us) for part in parts for a in part]
    natural = NATURAL_SCALE * (median(lengths) if lengths else 1.0)

    def soon(rule: SumRule) -> float:
        return rule.seconds_to(single.alert_score, single.open_score)

    doubt = _DOUBT / len(_QUICK_DRIFTS)  # the luckiest of them is taken
    quick = min(
        (
            _sum_rule(steps, drift, alone, natural, doubt=doubt, share=_SUMS_SHARE / 2)
            for drift in _QUICK_DRIFTS
        ),
        key=soon,
    )
    slow = _sum_rule(steps, _PROBE_SCORE, alone, natural, doubt=_DOUBT, share=_SUMS_SHARE / 2)
    if soon(quick) < soon(slow):
        return slow, quick
    return (_sum_rule(steps, _PROBE_SCORE, alone, natural, doubt=_DOUBT, share=_SUMS_SHARE),)


def _sum_rule(
    steps: Sequence[Sequence[tuple[float, float | None]]],
    drift: float,
    alone: EventTail,
    natural: float,
    *,
    doubt: float,
    share: float,
) -> SumRule:
    """Return what sums above a drift are worth: a score whose rate among the peaks of single clips,
    times `share`, is the rate at which normal operation reaches the sum.

    Excursions of a sum have an exponential tail. Its scale is their mean, together with what it is
    from nature where the score of one clip is a true -log10 p (`natural`: such a score, as long as
    a clip lasts, since clips overlap): the upper limit of it that so few excursions allow. Or what
    the largest of them says, if that is more: of so many exponential numbers the largest is a
    harmonic number of scales. Some scenes have a loiterer, and a sum there means little.
    """
    found = [size for part in steps for size in excursions(part, drift)]
    watched_seconds = sum(step_seconds or 0.0 for part in steps for _, step_seconds in part)
    mean = (sum(found) + _NATURAL_SUMS * natural) / (len(found) + _NATURAL_SUMS)
    # A sum of exponential numbers has a gamma distribution.
    limit = mean * (len(found) + 1) / float(gammaincinv(len(found) + 1, doubt))
    harmonic = sum(1.0 / number for number in range(1, len(found) + 1))
    scale = max(limit, max(found) / harmonic if found else 0.0)
    per_day = (len(found) + 3.0 / (1.0 + len(found) / 3.0)) / (watched_seconds / 86_400.0)
    return sum_as_rare(drift, alone, math.log(share * alone.events_per_day / per_day), scale)


def sum_as_rare(drift: float, alone: EventTail, at_nothing: float, scale: float) -> SumRule:
    """Return the rule by which a sum is worth the score that peaks of single clips reach as often
    as they may for it.

    `at_nothing`: logarithm of how many times as often they may reach the score of a sum of nothing.
    A sum is as many times rarer as e to the number of its scales, and so is the score: the tail of
    `alone`, turned round. Where scores end somewhere, sums stay below that end. A heavier tail than
    the exponential would make them worth more, and is left out: some scenes have excursions of two
    kinds, of which the exponential says too little, and there it would take several times the share
    of sums (ADR 20).
    """
    shape = min(alone.shape, 0.0)
    return SumRule(
        drift=drift,
        offset=alone.threshold + excess_as_rare(at_nothing, shape, alone.scale),
        gain=alone.scale * math.exp(shape * at_nothing) / scale,
        shape=shape / scale,
    )


def _steps_of(part: Sequence[Anomaly], policy: EventPolicy) -> Iterator[tuple[float, float | None]]:
    smoother = ScoreSmoother(policy)
    return (smoother.after(anomaly) for anomaly in part)


def policy_within(
    tail: EventTail, per_day: float, *, like: EventPolicy | None = None
) -> EventPolicy:
    """Return the policy whose alerts stay within a budget where events have this tail; ValueError
    for a budget <= 0.

    `like`: a policy of the same camera, whose sums it has too; None: none.
    """
    alert_score = score_at_rate(tail, per_day)
    open_score = max(_PROBE_SCORE, _OPEN_SHARE * alert_score)
    return _policy(open_score, _CLOSE_SHARE * open_score, alert_score, like)


def _policy(
    open_score: float, close_score: float, alert_score: float, like: EventPolicy | None = None
) -> EventPolicy:
    numbers = (open_score, close_score, alert_score)
    timing = (_SMOOTHING_SECONDS, _MINIMUM_SECONDS, _MERGE_GAP_SECONDS)
    sums = like.sums if like else ()
    return EventPolicy(
        policy_id=content_id("policy", *(repr(n) for n in (*numbers, *timing, *_named(sums)))),
        open_score=open_score,
        close_score=close_score,
        alert_score=alert_score,
        smoothing_seconds=_SMOOTHING_SECONDS,
        minimum_seconds=_MINIMUM_SECONDS,
        merge_gap_seconds=_MERGE_GAP_SECONDS,
        sums=sums,
    )


def _named(sums: Sequence[SumRule]) -> Iterator[float]:
    """Yield the numbers by which sums name their policy, the same as when there was at most one:
    events of stored models keep their names."""
    if not sums:
        yield from (0.0, 0.0)
    for rule in sums:
        yield from (rule.offset, rule.gain)
        if rule.drift != _PROBE_SCORE:
            yield rule.drift
        if rule.shape:
            yield rule.shape
