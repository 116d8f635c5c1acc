"""Blind time that no footage tells of is kept once, and counts as time that was not seen."""

from __future__ import annotations

from datetime import timedelta

from pipeline.footage.admission import Reason
from pipeline.footage.gaps import blind_without_footage
from pipeline.store.contract import Store
from tests.store_samples import MORNING, blind, camera, fill, footage, refused, segment

pytest_plugins = ("tests.store_fixtures",)


def test_blind_time_is_recorded_once(store: Store) -> None:
    store.put_camera(camera())
    gaps = [
        blind_without_footage(
            "press-1",
            MORNING + timedelta(minutes=n),
            MORNING + timedelta(minutes=n + 1),
            Reason.NOT_RECORDED,
            "refused: nothing listens there",
        )
        for n in (0, 5)
    ]
    assert store.add_blind(gaps) == 2
    assert store.add_blind([*gaps[1:], gaps[0]]) == 0
    assert store.add_blind([]) == 0
    assert store.blind("press-1") == gaps
    (hour,) = [row for batch in store.view_rows("camera_hours") for row in batch]
    names = [column.name for column in store.view_columns("camera_hours")]
    assert dict(zip(names, hour, strict=True))["blind_seconds"] == 120.0


def test_time_is_known_up_to_the_last_footage_segment_or_blind_interval(store: Store) -> None:
    assert store.known_until("press-1") is None
    store.put_camera(camera())
    store.add_footage(refused(), [], [])
    assert store.known_until("press-1") is None
    fill(store)
    assert store.known_until("press-1") == MORNING + timedelta(seconds=100)
    later = footage(number=2)
    store.add_footage(later, [segment(later)], [blind(later, end_us=90_000_000)])
    assert store.known_until("press-1") == MORNING + timedelta(hours=2, seconds=100)
    unseen = MORNING + timedelta(hours=4), MORNING + timedelta(hours=5)
    cause = Reason.NOT_RECORDED, "refused: nothing listens there"
    store.add_blind([blind_without_footage("press-1", *unseen, *cause)])
    assert store.known_until("press-1") == unseen[1]
    assert store.known_until("press-2") is None
