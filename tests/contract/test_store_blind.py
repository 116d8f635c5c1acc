"""Blind time that no footage tells of is kept once, and counts as time that was not seen."""

from __future__ import annotations

from datetime import timedelta

from pipeline.footage.admission import Reason
from pipeline.footage.gaps import blind_without_footage
from pipeline.store.contract import Store
from tests.store_samples import MORNING, camera

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
