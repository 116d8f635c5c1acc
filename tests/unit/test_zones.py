"""Promise: hours follow the clock on the wall, places belong to zones by overlap, and each zone has
its own events and its own rule for alerts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.alerts.alerts import Alert
from pipeline.alerts.budget import EventTail, score_at_rate
from pipeline.alerts.events import join_anomalies
from pipeline.camera import Camera, check_camera
from pipeline.errors import CameraError
from pipeline.scoring.anomaly import REST, Anomaly, PartScore, Place
from pipeline.scoring.policy import policy_within
from pipeline.zones.hours import parse_hours
from pipeline.zones.judging import alerts_of_part, part_policies
from pipeline.zones.polygon import check_polygon, share_within
from pipeline.zones.regions import MARGIN_CELLS, Regions
from pipeline.zones.zone import Zone, ZoneKind
from tests.alerts_makers import NOON, anomaly, camera

BERLIN = ZoneInfo("Europe/Berlin")
LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
RIGHT = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))
TAIL = EventTail(threshold=1.0, events_per_day=10.0, scale=0.5, shape=0.0)
BUDGET = 0.01
POLICY = policy_within(TAIL, BUDGET)
LOUD = POLICY.alert_score + 0.5
SOFT = score_at_rate(TAIL, 5.0) + 0.1
"""An event of a zone that may give five false alerts a day, and of nothing stricter."""
ELSEWHERE = Place(x=0.1, y=0.1, width=0.1, height=0.1)


def zone(kind: ZoneKind, **more: object) -> Zone:
    budget = 5.0 if kind is ZoneKind.WATCH else None
    fields = {"name": "gate", "kind": kind, "corners": LEFT, "budget_per_day": budget, **more}
    return Zone(**fields)  # type: ignore[arg-type]


# hours ------------------------------------------------------------------------------------------


def test_hours_of_a_night_belong_to_the_day_on_which_they_begin() -> None:
    hours = parse_hours("Mon-Fri  22:00-06:00", "line")
    assert hours.text == "mon-fri 22:00-06:00"
    friday_night = datetime(2026, 3, 7, 2, 0, tzinfo=BERLIN)  # a Saturday, two in the morning
    sunday_night = datetime(2026, 3, 9, 2, 0, tzinfo=BERLIN)  # a Monday
    assert hours.hold(friday_night.astimezone(UTC), BERLIN)
    assert not hours.hold(sunday_night.astimezone(UTC), BERLIN)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("", 0),
        ("00:00-24:00", 7 * 1440),
        ("00:00-00:00", 7 * 1440),
        ("sat,sun 00:00-24:00", 2 * 1440),
        ("fri-mon 12:00-13:00", 4 * 60),
        ("mon 23:30-00:30; tue 00:00-01:00", 90),
        ("sun 23:00-01:00", 120),
    ],
)
def test_hours_count_their_minutes(text: str, minutes: int) -> None:
    assert len(parse_hours(text, "line").minutes) == minutes


@pytest.mark.parametrize(
    "text", ["at night", "mon", "mon 22-6", "moon 22:00-06:00", "25:00-26:00", "10:60-11:00",
             "24:00-06:00", "mon--fri 10:00-11:00", "mon- 10:00-11:00"]
)  # fmt: skip
def test_what_are_no_hours_is_said(text: str) -> None:
    with pytest.raises(CameraError, match="are no hours; give them like"):
        parse_hours(text, "line")


@pytest.mark.parametrize(
    ("name", "first", "hours", "expected"),
    [
        # Put forward: 02:00-03:00 never shows on the wall (Berlin, New York), or half of it (Howe).
        ("Europe/Berlin", "2026-03-28T23:00", "sun 01:00-04:00", 120),
        ("Europe/Berlin", "2026-03-28T23:00", "sun 02:00-03:00", 0),
        ("America/New_York", "2026-03-08T05:00", "sun 01:00-04:00", 120),
        ("Australia/Lord_Howe", "2026-10-03T13:30", "sun 01:00-04:00", 150),
        # Put back: an hour (half an hour on Lord Howe) shows twice, and counts twice.
        ("Europe/Berlin", "2026-10-24T22:00", "sun 01:00-04:00", 240),
        ("America/New_York", "2026-11-01T04:00", "sun 00:30-01:30", 90),
        ("Australia/Lord_Howe", "2026-04-04T13:00", "sun 01:00-04:00", 210),
        # No summer time, and an odd offset.
        ("Asia/Tokyo", "2026-03-28T15:00", "sun 01:00-04:00", 180),
        ("Asia/Kathmandu", "2026-03-28T18:15", "sun 01:00-04:00", 180),
    ],
)
def test_hours_are_right_in_nights_in_which_clocks_change(
    name: str, first: str, hours: str, expected: int
) -> None:
    # `first` is the midnight in UTC in which the Sunday begins.
    zone_of, begin = ZoneInfo(name), datetime.fromisoformat(first).replace(tzinfo=UTC)
    assert begin.astimezone(zone_of).strftime("%a %H:%M") == "Sun 00:00"
    found = parse_hours(hours, "line")
    held = [found.hold(begin + timedelta(minutes=n), zone_of) for n in range(12 * 60)]
    assert sum(held) == expected


@given(
    start=st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)),
    seconds=st.integers(0, 86_400),
    name=st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "UTC"]),
)
def test_a_span_is_covered_exactly_when_it_does_not_meet_the_other_hours(
    start: datetime, seconds: int, name: str
) -> None:
    night = parse_hours("22:00-06:00", "line")
    day = parse_hours("06:00-22:00", "line")
    begin, clock = start.replace(tzinfo=UTC), ZoneInfo(name)
    end = begin + timedelta(seconds=seconds)
    assert night.cover(begin, end, clock) is not day.meet(begin, end, clock)
    assert day.cover(begin, end, clock) is not night.meet(begin, end, clock)


# polygons and places ----------------------------------------------------------------------------


def test_the_share_of_a_rectangle_in_a_polygon_is_its_area() -> None:
    triangle = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0))
    assert share_within(triangle, 0.0, 0.0, 0.5, 0.5) == pytest.approx(1.0)
    assert share_within(triangle, 0.0, 0.0, 1.0, 1.0) == pytest.approx(0.5)
    assert share_within(triangle, 0.6, 0.6, 1.0, 1.0) == pytest.approx(0.0)
    hollow = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 0.2), (0.0, 1.0))
    assert share_within(hollow, 0.0, 0.0, 1.0, 1.0) == pytest.approx(0.6)
    assert share_within(hollow, 0.0, 0.9, 1.0, 1.0) == pytest.approx(0.0625, abs=1e-3)


def test_a_polygon_may_end_where_it_began() -> None:
    closed = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.0))
    assert check_polygon(closed, "zone") == closed
    assert share_within(closed, 0, 0, 1, 1) == pytest.approx(0.5)


@given(corners=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=3, max_size=8))
def test_the_shares_of_four_quarters_add_up(corners: list[tuple[float, float]]) -> None:
    polygon = tuple(corners)
    try:
        check_polygon(polygon, "zone")
    except CameraError:
        return
    halves = (0.0, 0.5)
    quarters = [share_within(polygon, x, y, x + 0.5, y + 0.5) for x in halves for y in halves]
    assert sum(quarters) / 4 == pytest.approx(share_within(polygon, 0, 0, 1, 1), abs=1e-9)


@pytest.mark.parametrize(
    ("polygon", "said"),
    [
        (((0.0, 0.0), (1.0, 1.0)), "at least 3"),
        (((0.0, 0.0), (1.2, 0.0), (0.0, 1.0)), "between 0 and 1"),
        (((0.0, 0.0), (float("nan"), 0.0), (0.0, 1.0)), "between 0 and 1"),
        (((0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0)), "sides cross"),
        (
            ((0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.0, 0.0), (1.0, 0.0), (1.0, 0.5)),
            "sides cross",
        ),
        (((0.1, 0.1), (0.101, 0.1), (0.1, 0.101)), "next to nothing"),
        (tuple((n / 100, 0.5) for n in range(61)), "at most 60"),
    ],
)
def test_what_is_no_polygon_to_draw_is_said(
    polygon: tuple[tuple[float, float], ...], said: str
) -> None:
    with pytest.raises(CameraError, match=said):
        check_polygon(polygon, "zone 'gate'")


def test_every_place_belongs_to_one_part_of_the_picture() -> None:
    overlapping = ((0.25, 0.0), (0.75, 0.0), (0.75, 1.0), (0.25, 1.0))
    zones = (
        Zone(name="a", kind=ZoneKind.IGNORE, corners=LEFT),
        Zone(name="b", kind=ZoneKind.IGNORE, corners=overlapping),
        Zone(
            name="thin",
            kind=ZoneKind.IGNORE,
            corners=((0.9, 0.0), (0.901, 0.0), (0.901, 1.0), (0.9, 1.0)),
        ),
    )
    parts = Regions(zones).parts(6, 8)
    assert set(parts) == {"a", "b", "thin", REST}
    np.testing.assert_array_equal(sum(part.astype(int) for part in parts.values()), 1)
    assert parts["a"][:, :4].all()
    assert parts["b"][:, 4:6].all()
    assert parts["thin"][:, 7].all()
    assert parts["thin"].sum() == 6
    assert Regions().parts(6, 8) == {}


def test_places_at_a_mask_that_was_not_learnt_are_not_scored() -> None:
    corner = ((0.0, 0.0), (0.1, 0.0), (0.1, 0.1), (0.0, 0.1))
    assert Regions((), (LEFT,), (LEFT,)).scored(20, 20) is None
    for learnt, masks in (((), (corner,)), ((corner,), ()), ((LEFT,), (LEFT, corner))):
        scored = Regions((), learnt, masks).scored(20, 20)
        assert scored is not None
        if learnt == (LEFT,):  # nothing more is hidden than was
            assert scored.all()
            continue
        reach = 2 + 1 + MARGIN_CELLS  # what it touches, one pixel more, and what lies near
        assert not scored[: 2 + MARGIN_CELLS, : 2 + MARGIN_CELLS].any()
        assert scored[reach:].all()
        assert scored[:, reach:].all()


# alerts -----------------------------------------------------------------------------------------


def stream(gate: float, rest: float, *, seconds: int = 5, before: int = 20) -> list[Anomaly]:
    """Return quiet clips, then `seconds` in which gate and the rest of the picture have scores."""

    def clip(at: int, gate: float, rest: float) -> Anomaly:
        parts = {
            "gate": PartScore(score=gate, expert="motion", place=ELSEWHERE),
            REST: PartScore(score=rest, expert="critic", place=ELSEWHERE),
        }
        return replace(anomaly(float(at), max(gate, rest)), parts=parts)

    quiet = [clip(at, 0.1, 0.1) for at in range(before)]
    return [*quiet, *(clip(before + n, gate, rest) for n in range(seconds))]


def raised(of: Camera, anomalies: Sequence[Anomaly]) -> list[Alert]:
    return [
        alert
        for part in part_policies(of, POLICY, TAIL)
        for alert in alerts_of_part(list(part.events(anomalies)), part, of, POLICY, TAIL)
    ]


def names(alerts: Sequence[Alert]) -> list[str]:
    return [alert.zone for alert in alerts]


def test_a_camera_without_zones_alerts_as_ever_under_the_same_names() -> None:
    plain = [anomaly(float(n), LOUD if n > 20 else 0.1) for n in range(26)]
    (part,) = part_policies(camera(budget_per_day=BUDGET), POLICY, TAIL)
    assert part.policy == POLICY
    (alert,) = raised(camera(budget_per_day=BUDGET), plain)
    assert alert.zone == REST
    (event,) = join_anomalies(plain, POLICY)
    assert alert.event_id == event.event_id


def test_an_ignored_zone_is_silent_and_hides_nothing_beside_it() -> None:
    of = camera(budget_per_day=BUDGET, zones=(zone(ZoneKind.IGNORE),))
    assert raised(of, stream(LOUD, 0.1)) == []
    assert names(raised(of, stream(LOUD + 3, LOUD))) == [REST]
    assert names(raised(camera(budget_per_day=BUDGET), stream(LOUD, 0.1))) == [REST]


def test_a_watched_zone_alerts_by_its_own_budget_and_the_rest_does_not() -> None:
    of = camera(budget_per_day=BUDGET, zones=(zone(ZoneKind.WATCH),))
    (alert,) = raised(of, stream(SOFT, SOFT))
    assert alert.zone == "gate"
    assert (alert.expert, alert.place) == ("motion", ELSEWHERE)
    strict = camera(budget_per_day=5.0, zones=(zone(ZoneKind.WATCH, budget_per_day=BUDGET),))
    assert raised(strict, stream(SOFT, 0.1)) == []


def test_the_rule_of_a_zone_holds_within_its_hours_only() -> None:
    # NOON is twelve o'clock in Tokyo.
    now, later = "11:00-13:00", "13:00-14:00"
    ignored = [
        camera(budget_per_day=BUDGET, zones=(zone(ZoneKind.IGNORE, hours=h),)) for h in (now, later)
    ]
    assert [names(raised(of, stream(LOUD, 0.1))) for of in ignored] == [[], ["gate"]]
    watched = [
        camera(budget_per_day=BUDGET, zones=(zone(ZoneKind.WATCH, hours=h),)) for h in (now, later)
    ]
    assert [names(raised(of, stream(SOFT, 0.1))) for of in watched] == [["gate"], []]
    assert names(raised(watched[1], stream(LOUD, 0.1))) == ["gate"]
    closed = [
        camera(budget_per_day=BUDGET, zones=(zone(ZoneKind.CLOSED, hours=h),)) for h in (now, later)
    ]
    opening = POLICY.open_score + 0.05
    assert [names(raised(of, stream(opening, opening))) for of in closed] == [["gate"], []]


def test_closed_hours_silence_the_camera_but_no_closed_zone() -> None:
    night = zone(ZoneKind.CLOSED, hours="11:00-13:00")
    of = camera(budget_per_day=BUDGET, closed_hours="11:00-13:00", zones=(night,))
    assert names(raised(of, stream(LOUD, LOUD))) == ["gate"]
    assert raised(replace(of, zones=(zone(ZoneKind.WATCH),)), stream(LOUD, LOUD)) == []


def test_what_lasts_beyond_closed_hours_is_an_alert_as_soon_as_they_end() -> None:
    of = camera(budget_per_day=BUDGET, closed_hours="11:00-12:01")
    within = stream(0.1, LOUD, seconds=30)
    assert raised(of, within) == []
    beyond = raised(of, stream(0.1, LOUD, seconds=60))
    assert [alert.start_utc for alert in beyond] == [NOON + timedelta(seconds=20)]


def test_clips_from_before_a_zone_say_nothing_of_it() -> None:
    plain = [anomaly(float(n), LOUD) for n in range(5)]
    of = camera(budget_per_day=BUDGET, zones=(zone(ZoneKind.WATCH),))
    assert names(raised(of, plain)) == [REST]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"zones": (zone(ZoneKind.WATCH, budget_per_day=None),)}, "needs a budget"),
        ({"zones": (zone(ZoneKind.WATCH, budget_per_day=0.0),)}, "needs a budget"),
        ({"zones": (zone(ZoneKind.IGNORE, budget_per_day=1.0),)}, "only a watched zone"),
        ({"zones": (zone(ZoneKind.CLOSED),)}, "say when it is closed"),
        ({"zones": (zone(ZoneKind.IGNORE, hours="noon"),)}, "are no hours"),
        ({"zones": (zone(ZoneKind.IGNORE), zone(ZoneKind.IGNORE))}, "two of this name"),
        ({"zones": (zone(ZoneKind.IGNORE, name=" "),)}, "a name has 1 to 60"),
        ({"zones": (zone(ZoneKind.IGNORE, name="a\nb"),)}, "cannot be printed"),
        ({"zones": (zone(ZoneKind.IGNORE, corners=LEFT[:2]),)}, ">= 3 corners"),
        ({"closed_hours": "never"}, "closed hours: 'never' are no hours"),
        ({"privacy_masks": (LEFT, RIGHT), "mask_names": ("a", "a")}, "two masks have one name"),
    ],
)
def test_a_camera_with_zones_that_mean_nothing_is_refused(
    changes: dict[str, object], said: str
) -> None:
    with pytest.raises(CameraError, match=said):
        check_camera(camera(**changes))
