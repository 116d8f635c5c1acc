"""Explaining: why an alert is suppressed, or why it is not, in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.assembly import Site
from pipeline.feedback.looks import EventLooks, Look
from pipeline.feedback.matching import Comparison, Unlike, compare
from pipeline.feedback.patterns import Pattern, PatternState, Suppression

__all__ = ["Explanation", "explain_alert", "sentence_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """What feedback has to do with an alert."""

    alert_id: str
    suppression: Suppression | None
    """Also one that ended."""
    lines: Sequence[str]


def explain_alert(site: Site, alert_id: str) -> Explanation:
    """Return why an alert is suppressed, was, or is not, beside every pattern of its camera."""
    store = site.store
    alert = store.alert(alert_id)
    suppression = store.suppression(alert.alert_id)
    lines = [_state_line(site, suppression)]
    looks = store.looks(alert.alert_id)
    if looks is None:
        lines.append("it was never looked at closely (a student or an earlier version found it)")
    else:
        patterns = store.patterns(alert.camera)
        if not patterns:
            lines.append(f"camera {alert.camera} has no pattern")
        lines += [_pattern_line(looks, pattern, alert.alert_id) for pattern in patterns]
    return Explanation(alert_id=alert.alert_id, suppression=suppression, lines=lines)


def _state_line(site: Site, suppression: Suppression | None) -> str:
    if suppression is None:
        return "not suppressed"
    pattern = site.store.pattern(suppression.pattern_id)
    note = f" ({pattern.note})" if pattern.note else ""
    cause = (
        f"it looks like alert {pattern.alert_id[:12]}, which {pattern.reviewer} called known and "
        f"harmless{note}: pattern {pattern.pattern_id[:12]}, "
        f"{suppression.nearness:.0%} of the distance allowed"
    )
    if suppression.ended_utc is None:
        return f"suppressed: {cause}"
    why = suppression.ended_why.value if suppression.ended_why else "unknown"
    return f"was suppressed until {suppression.ended_by} ended that ({why}): {cause}"


def _pattern_line(looks: EventLooks, pattern: Pattern, alert_id: str) -> str:
    name = f"pattern {pattern.pattern_id[:12]}"
    if pattern.alert_id == alert_id:
        return f"{name} was made of this alert"
    if pattern.state is PatternState.ASLEEP:
        return f"{name} is asleep: it was made with model {pattern.model_id[:12]}"
    return f"{name}: {sentence_of(compare(looks, pattern.looks), looks, pattern.looks)}"


def sentence_of(found: Comparison, seen: EventLooks, pattern: EventLooks) -> str:
    """Return a comparison as a sentence."""
    if found.unlike is None:
        return f"alike, at {found.nearness:.0%} of the distance allowed"
    where = f" at {_place(found.look, seen)}" if found.look else ""
    if found.unlike is Unlike.LENGTH:
        return f"not alike: {seen.seconds:.1f} s long, the pattern {pattern.seconds:.1f} s"
    if found.unlike is Unlike.STRONGER and found.look is None:
        return f"not alike: a score of {seen.score:.1f}, the pattern {pattern.score:.1f}"
    return {
        Unlike.MODEL: "seen by another model",
        Unlike.PLACE: f"not alike: strange{where}, where the pattern is not",
        Unlike.STRONGER: f"not alike: much stranger{where}",
        Unlike.LOOK: f"not alike: looks different{where}, {found.nearness:.0%} of the distance "
        "allowed",
    }[found.unlike]


def _place(look: Look, seen: EventLooks) -> str:
    across, down = (look.column + 0.5) / seen.columns, (look.row + 0.5) / seen.rows
    return f"{across:.0%} from the left, {down:.0%} from the top"
