"""Lighting states: found without labels, told apart while watching, switches left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.health.events import HealthEvent, Trouble
from pipeline.lighting.events import SWITCH, UNKNOWN, LightingEvent, LightingSpell, lighting_event
from pipeline.lighting.judge import misfit
from pipeline.lighting.spells import GRACE_US, SpellFinder
from pipeline.lighting.states import LightingStates, find_states
from pipeline.lighting.timeline import light_spans
from pipeline.lighting.watch import LightingWatch
from tests.lighting_makers import (
    Video,
    frames_of,
    light,
    light_values,
    lit,
    segment_of,
    two_states,
)

SECOND_US = 1_000_000


def moments(level: float, colour: float, count: int, *, seed: int = 0) -> NDArray[np.float64]:
    """Return the light of some moments around a middle."""
    rng = np.random.default_rng(seed)
    return light(level, colour).values() + rng.normal(0.0, 2.0, (count, 5))


def names(states: LightingStates | None) -> list[str]:
    return [state.name for state in states.states] if states else []


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        ([(140, 40, 200), (120, 1, 60)], ["bright", "infrared"]),
        ([(140, 40, 200), (80, 40, 60)], ["bright", "dim"]),
        ([(140, 40, 200), (12, 5, 60)], ["bright", "lights_off"]),
        ([(140, 40, 200), (150, 20, 60)], ["bright", "pale"]),
        ([(180, 0, 200), (90, 0, 100)], ["bright", "dim"]),
        ([(150, 40, 200), (105, 40, 100), (60, 40, 60)], ["bright", "dim", "dim_2"]),
        ([(140, 40, 200), (120, 1, 10)], []),
        ([(140, 40, 200), (146, 42, 60)], []),
    ],
    ids=["infrared", "dim", "off", "pale", "without_colour", "three", "too_short", "too_near"],
)
def test_states_are_found_and_named_by_what_they_are(
    parts: Sequence[tuple[float, float, int]], found: list[str]
) -> None:
    given = [moments(level, colour, count) for level, colour, count in parts]
    assert names(find_states(given, seed=0)) == found


def test_daylight_that_comes_and_goes_is_one_state() -> None:
    level = 110.0 + 50.0 * np.sin(np.linspace(0.0, 12.0, 900))
    rng = np.random.default_rng(1)
    drift = np.stack([light(v).values() for v in level]) + rng.normal(0.0, 1.5, (900, 5))
    assert find_states([drift], seed=0) is None


def test_somebody_before_the_lens_now_and_then_is_no_state() -> None:
    passing = [
        part
        for seed in range(12)
        for part in (moments(140, 40, 20, seed=seed), moments(70, 10, 5, seed=seed))
    ]
    assert find_states([np.concatenate(passing)], seed=0) is None
    # As much of the same light in one piece is one.
    whole = [moments(140, 40, 240), moments(70, 10, 60)]
    assert len(names(find_states(whole, seed=0))) == 2


def test_states_are_as_they_were_when_read_again() -> None:
    states = find_states([moments(140, 40, 200), moments(120, 1, 60)], seed=0)
    assert states is not None
    assert LightingStates.from_list(states.to_list()) == states


def watched(video: Video) -> tuple[list[tuple[int, str]], list[LightingEvent], list[HealthEvent]]:
    """Return which frames came through with which light, and what was found."""
    watch = LightingWatch(two_states())
    seen = [
        (frame.pts_us // 100_000, frame.lighting)
        for frame in watch.watched(frames_of(video), segment_of(video))
    ]
    return seen, *watch.take()


def test_a_switch_is_left_out_and_each_frame_knows_its_light() -> None:
    seen, spells, (switch,) = watched(lit(8.0, ["lamps", "infrared"]))
    assert [spell.state for spell in spells] == ["bright", "infrared"]
    assert switch.trouble is Trouble.STATE_CHANGE
    assert switch.detail == "light: bright, then infrared"
    assert 7 * SECOND_US <= switch.start_us <= 8 * SECOND_US <= switch.end_us <= 9 * SECOND_US
    assert {name for at, name in seen if at < 70} == {"bright"}
    assert {name for at, name in seen if at >= 90} == {"infrared"}
    missing = {*range(160)} - {at for at, _ in seen}
    assert {79, 80} & missing
    assert len(missing) <= 15


def test_the_frame_after_a_switch_follows_a_hole() -> None:
    video = lit(8.0, ["lamps", "infrared"])
    passed = list(LightingWatch(two_states()).watched(frames_of(video), segment_of(video)))
    (after,) = [frame for frame in passed if frame.follows_hole]
    assert after.lighting == "infrared"


def test_a_flash_changes_nothing() -> None:
    video = lit(12.0, ["lamps"])
    video[50:60] = lit(1.0, ["infrared"])
    seen, spells, switches = watched(video)
    assert seen == [(at, "bright") for at in range(120)]
    assert ([spell.state for spell in spells], switches) == (["bright"], [])


def test_light_that_was_never_seen_is_unknown_and_is_watched_all_the_same() -> None:
    seen, spells, switches = watched(lit(15.0, ["lamps", "dusk"]))
    assert [spell.state for spell in spells] == ["bright", UNKNOWN]
    assert switches == []
    assert len(seen) == 300
    assert {name for at, name in seen if at >= 160} == {""}
    assert "not seen while learning" in spells[1].line()


def test_a_switch_whose_light_never_settles_ends_after_its_grace() -> None:
    finder = SpellFinder(0)
    since_us = 0
    for look in range(200):
        at_us = look * SECOND_US // 2
        second = at_us >= 20 * SECOND_US
        flicker = 30.0 * (look % 2) if second else 0.0
        distances = {"bright": 5.0, "dim": 0.5} if second else {"bright": 0.5, "dim": 5.0}
        finder.add(at_us, light(120.0 + flicker), distances, since_us=since_us)
        since_us = at_us + 1
    finder.end(100 * SECOND_US)
    assert [spell.state for spell in finder.spells] == ["bright", SWITCH, "dim"]
    switch = finder.spells[1]
    assert switch.end_us - switch.start_us <= GRACE_US + SECOND_US
    borders = [(one.start_us, one.end_us) for one in finder.spells]
    assert [end for _, end in borders[:-1]] == [start for start, _ in borders[1:]]
    assert (borders[0][0], borders[-1][1]) == (0, 100 * SECOND_US)


def test_a_stretch_shorter_than_the_first_look_has_its_light() -> None:
    video = lit(1.0, ["infrared"])
    seen, (spell,), _ = watched(video)
    assert {name for _, name in seen} == {"infrared"}
    assert (spell.start_us, spell.end_us) == (0, SECOND_US)


def test_a_picture_fits_the_background_of_its_own_light_only() -> None:
    lighting = two_states()
    for name, made in (("bright", "lamps"), ("infrared", "infrared")):
        (frame,) = frames_of(lit(0.1, [made], seed=9))
        fits = {key: misfit(frame.image, known) for key, known in lighting.backgrounds.items()}
        other = next(key for key in fits if key != name)
        assert fits[name] < 2.0
        assert fits[other] > 3.0 * fits[name]


def test_a_state_that_reaches_far_takes_no_picture_that_is_nearer_to_another() -> None:
    lighting = two_states()
    wide = [
        replace(one, reach=1e6, misfit=1e3) if one.name == "infrared" else one
        for one in lighting.states.states
    ]
    reaching = replace(lighting, states=replace(lighting.states, states=tuple(wide)))
    for made, name in (("lamps", "bright"), ("infrared", "infrared")):
        (frame,) = frames_of(lit(0.1, [made], seed=9))
        _, distances = reaching.distances(frame)
        assert min(distances, key=lambda state: distances[state]) == name
        assert distances[name] <= 1.0


def test_a_brighter_picture_of_a_state_still_fits_its_background() -> None:
    lighting = two_states()
    (frame,) = frames_of(lit(0.1, ["lamps"], seed=9))
    brighter = np.clip(frame.image * 1.2 + 8.0, 0, 255).astype(np.uint8)
    assert misfit(brighter, lighting.backgrounds["bright"]) < 2.0


def test_infrared_has_no_colour() -> None:
    (frame,) = frames_of(lit(0.1, ["infrared"]))
    assert light_values(frame)[-1] == 0.0


def spell(state: str, start_us: int, end_us: int) -> LightingEvent:
    whole = segment_of(lit(0.1, ["lamps"]))
    return lighting_event(whole, LightingSpell(state=state, start_us=start_us, end_us=end_us))


def test_spells_of_one_state_in_neighbouring_files_are_one_span() -> None:
    spans = light_spans(
        [
            spell("bright", 0, 60 * SECOND_US),
            spell("bright", 61 * SECOND_US, 90 * SECOND_US),
            spell("dim", 91 * SECOND_US, 95 * SECOND_US),
            spell("dim", 300 * SECOND_US, 310 * SECOND_US),
        ]
    )
    assert [(span.state, span.seconds) for span in spans] == [
        ("bright", 90.0),
        ("dim", 4.0),
        ("dim", 10.0),
    ]
