"""Of long footage a part is learnt that is spread evenly over all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.clips.reader import Stretch
from pipeline.learning import train_camera
from pipeline.learning.learn import length_seconds, split_held_out
from pipeline.learning.spread import spread_evenly
from pipeline.timebase import microseconds
from tests.footage_maker import healthy
from tests.footage_site import CAMERA, footage_site
from tests.store_samples import footage, segment

MORNING = datetime(2026, 3, 2, 6, tzinfo=UTC)
HOUR = 3600.0


def files(count: int, seconds: float) -> list[Stretch]:
    """Return `count` files that follow one another."""
    made = []
    for number in range(count):
        start = MORNING + timedelta(seconds=number * seconds)
        one = footage("press-1", number, start_utc=start, duration_us=microseconds(seconds))
        whole = segment(one, 0, microseconds(seconds))
        made.append(Stretch(source=Path(one.path), footage=one, segment=whole))
    return made


def places(stretches: list[Stretch]) -> list[tuple[str, int, int]]:
    return [(s.footage.path, s.segment.start_us, s.segment.end_us) for s in stretches]


@pytest.mark.parametrize(("count", "seconds"), [(1, 20.0), (24, HOUR)])
def test_all_is_learnt_where_there_is_no_more(count: int, seconds: float) -> None:
    there = files(count, seconds)
    assert places(spread_evenly(there, 24 * HOUR)) == places(there)


@pytest.mark.parametrize(
    ("count", "seconds"), [(168, HOUR), (10_080, 60.0), (1, 168 * HOUR), (56, 3 * HOUR)]
)
def test_of_a_week_a_day_is_learnt_from_every_part_of_it(count: int, seconds: float) -> None:
    there = files(count, seconds)
    chosen = spread_evenly(there, 24 * HOUR)
    assert length_seconds(chosen) == pytest.approx(24 * HOUR, rel=0.02)
    starts = [(s.segment.start_utc - MORNING).total_seconds() for s in chosen]
    assert starts == sorted(starts)
    for day in range(7):
        of_day = [s for s in chosen if (s.segment.start_utc - MORNING) // timedelta(days=1) == day]
        assert length_seconds(of_day) == pytest.approx(24 / 7 * HOUR, rel=0.1)
    # At even steps, a visit that comes every hour would be in all of the pieces, or in none.
    within_hours = {int(start % HOUR // 600) for start in starts}
    assert len(within_hours) == 6


def test_the_same_footage_gives_the_same_pieces_and_a_fifth_of_them_is_held_out() -> None:
    there = files(168, HOUR)
    chosen = spread_evenly(there, 24 * HOUR)
    assert places(chosen) == places(spread_evenly(there, 24 * HOUR))
    split = split_held_out(chosen)
    assert length_seconds(split.held_out) == pytest.approx(length_seconds(chosen) / 5, rel=0.05)


def test_one_piece_is_learnt_where_less_than_a_piece_is_asked_for() -> None:
    (piece,) = spread_evenly(files(3, HOUR), 1.0)
    assert length_seconds([piece]) == 600.0


class _Learnt(Exception):
    """Footage was about to be learnt."""


def test_a_camera_is_trained_on_no_more_than_the_setting_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def learn(stretches: Sequence[Stretch], **_: object) -> None:
        raise _Learnt(len(stretches))

    monkeypatch.setattr(train_camera, "learn", learn)
    said: list[str] = []
    with footage_site(tmp_path) as camera:
        for number in range(5):
            healthy(camera.source / f"{number}.mp4", seed=number, seconds=4.0)
        camera.ingest()
        for hours, learnt in ((24.0, 5), (9.0 / HOUR, 2)):
            settings = camera.site.settings.model_copy(update={"learn_hours": hours})
            with pytest.raises(_Learnt, match=f"^{learnt}$"):
                train_camera.train_camera(
                    replace(camera.site, settings=settings), CAMERA, progress=said.append
                )
    (line,) = said
    assert line.startswith("0.0 of 0.0 hours of footage are learnt, spread evenly over all of it")
