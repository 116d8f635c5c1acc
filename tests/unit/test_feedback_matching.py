"""What looks like a harmless pattern at every one of its places is alike; anything else is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.feedback.looks import EventLooks
from pipeline.feedback.matching import Unlike, compare, nearest_pattern
from pipeline.feedback.patterns import EndReason, Pattern
from tests.feedback_makers import event_looks, look
from tests.store_samples import MORNING, PLACE

MODEL = "m" * 32
PATTERN = event_looks(MODEL, [look(4, 6), look(8, 2, 0.0, 5.0, 0.0, terms={"break": 4.0})])


def pattern(name: str, looks: EventLooks, **changes: object) -> Pattern:
    fields: dict[str, object] = {
        "pattern_id": name,
        "review_id": f"review of {name}",
        "alert_id": f"alert of {name}",
        "camera": "press-1",
        "model_id": looks.model_id,
        "made_utc": MORNING,
        "looks": looks,
        "reviewer": "sato",
        "note": "",
        "place": PLACE,
        "alert_start_utc": MORNING,
        "active_model": True,
        "suppresses": 0,
    }
    return Pattern(**{**fields, **changes})  # type: ignore[arg-type]


def test_a_pattern_is_like_itself_and_like_a_part_of_itself() -> None:
    assert compare(PATTERN, PATTERN).unlike is None
    part = event_looks(MODEL, [look(4, 6)])
    assert compare(part, PATTERN).unlike is None
    assert compare(PATTERN, part).unlike is Unlike.PLACE


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (event_looks(MODEL, [look(6, 8, 3.4, 0.0, 0.0)]), None),
        (event_looks(MODEL, [look(4, 9)]), Unlike.PLACE),
        (event_looks(MODEL, [look(1, 6)]), Unlike.PLACE),
        (event_looks(MODEL, [look(4, 6, 3.6, 0.0, 0.0)]), Unlike.LOOK),
        # It looks like the other place of the pattern, which is not here.
        (event_looks(MODEL, [look(4, 6, 0.0, 5.0, 0.0)]), Unlike.LOOK),
        (event_looks(MODEL, [look(score=7.1)]), Unlike.STRONGER),
        (event_looks(MODEL, [look(terms={"unreal": 6.1})]), Unlike.STRONGER),
        # An expert that was silent of the pattern speaks up.
        (event_looks(MODEL, [look(terms={"unreal": 5.0, "rhythm": 1.1})]), Unlike.STRONGER),
        (event_looks(MODEL, [look()], score=7.1), Unlike.STRONGER),
        (event_looks(MODEL, [look()], score=6.9), None),
        (event_looks(MODEL, [look()], seconds=8.0), None),
        (event_looks(MODEL, [look()], seconds=8.1), Unlike.LENGTH),
        (event_looks(MODEL, [look()], whole=False), Unlike.LENGTH),
        (event_looks("n" * 32, [look()]), Unlike.MODEL),
    ],
)
def test_each_thing_in_which_an_event_may_differ(seen: EventLooks, why: Unlike | None) -> None:
    assert compare(seen, PATTERN).unlike is why


def test_one_strange_place_that_the_pattern_does_not_know_is_enough() -> None:
    beside = replace(PATTERN, looks=(*PATTERN.looks, look(1, 14, score=4.0)))
    found = compare(beside, PATTERN)
    assert found.unlike is Unlike.PLACE
    assert found.look == look(1, 14, score=4.0)


def test_a_camera_without_a_reach_suppresses_nothing() -> None:
    assert compare(replace(PATTERN, reach=0.0), PATTERN).unlike is Unlike.LOOK


def test_the_nearest_of_the_patterns_that_suppress_is_the_cause() -> None:
    far = pattern("far", event_looks(MODEL, [look(4, 6, 3.3, 0.0, 0.0)]))
    near = pattern("near", event_looks(MODEL, [look(4, 6, 3.1, 0.0, 0.0)]))
    asleep = pattern("asleep", event_looks(MODEL), active_model=False)
    ended = pattern("ended", event_looks(MODEL), ended_utc=MORNING, ended_why=EndReason.REMOVED)
    seen = event_looks(MODEL)
    found = nearest_pattern(seen, [far, asleep, near, ended])
    assert found is not None
    assert found[0] is near
    assert found[1].nearness == pytest.approx(0.2)
    assert nearest_pattern(seen, [asleep, ended]) is None


def test_looks_survive_what_json_can_hold() -> None:
    assert EventLooks.from_dict(PATTERN.to_dict()) == PATTERN


@given(
    st.lists(
        st.tuples(
            st.integers(0, 11), st.integers(0, 15), st.floats(-9.0, 9.0), st.floats(3.0, 9.0)
        ),
        min_size=1,
        max_size=5,
    )
)
def test_whatever_is_alike_is_no_stranger_and_nowhere_else(
    places: list[tuple[int, int, float, float]],
) -> None:
    seen = event_looks(
        MODEL, [look(row, column, x, 0.0, 0.0, score=score) for row, column, x, score in places]
    )
    if compare(seen, PATTERN).unlike is None:
        for one in seen.looks:
            assert any(
                abs(one.row - known.row) <= 2
                and abs(one.column - known.column) <= 2
                and one.score <= known.score + 1.0
                for known in PATTERN.looks
            )
