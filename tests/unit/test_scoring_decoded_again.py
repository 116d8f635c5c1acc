"""The clip of an alert is decoded again for its pictures: the same frames, whatever the source."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.clips.history import HistoryShape
from pipeline.clips.reader import ClipReader, Stretch, view_for
from pipeline.evaluation.parts import real_parts
from pipeline.scoring.peak import windows_of
from tests import footage_maker as make
from tests.lighting_makers import lit, stretch_of, two_states

SIZE = {"width_px": 96, "height_px": 64}


def reader_of(stretch: Stretch) -> ClipReader:
    view = view_for(stretch.footage, width_px=96, frame_rate=10.0, grey=True)
    return ClipReader(
        view=view,
        frames=8,
        planes=("grey",),
        background_HW=np.zeros((view.height_px, view.width_px), np.uint8),
        flow=None,
        history=HistoryShape(steps=5, frames_a_step=2),
    )


@pytest.mark.parametrize(
    ("rate", "stride"),
    [
        (10.0, 1),
        (24.0, 1),
        (29.97, 2),
        *(
            pytest.param(rate, stride, marks=pytest.mark.full)
            for rate, stride in (
                (15.0, 1),
                (25.0, 1),
                (29.97, 1),
                (10.0, 2),
                (15.0, 2),
                (24.0, 2),
                (25.0, 2),
            )
        ),
    ],
)
def test_every_clip_is_found_again_with_its_frames(
    tmp_path: Path, rate: float, stride: int
) -> None:
    video = make.healthy(tmp_path / "belt.mp4", seconds=5.0, rate=rate, **SIZE)
    (stretch,) = real_parts().stretches(video, tmp_path)
    reader = reader_of(stretch)
    seen = list(reader.batches(stretch, stride=stride, size=1))
    assert len(seen) > 15
    for (clip,), windows in seen[:: 3 * 2 // stride]:
        ((again, decoded),) = windows_of(reader, stretch, [clip])
        assert again == clip
        np.testing.assert_array_equal(decoded.pictures, windows.pictures)
        np.testing.assert_array_equal(decoded.history_NSGW2, windows.history_NSGW2)


def test_a_part_of_a_segment_has_the_frames_of_the_whole(tmp_path: Path) -> None:
    video = make.healthy(tmp_path / "belt.mp4", seconds=4.0, rate=24.0, **SIZE)
    (stretch,) = real_parts().stretches(video, tmp_path)
    reader = reader_of(stretch)

    def ends(given: Stretch) -> list[int]:
        return [clip.end_us for clip, _ in reader.clips(given, stride=1)]

    part = stretch.part(1_130_000, 3_000_000)
    half = part.part(1_500_000, 3_000_000)
    for given in (part, half):
        assert ends(given)
        assert set(ends(given)) <= set(ends(stretch))


def test_every_clip_is_found_again_in_its_light_and_the_watch_hears_nothing(
    tmp_path: Path,
) -> None:
    lighting = two_states()
    stretch = stretch_of(tmp_path / "room.mp4", lit(8.0, ["lamps", "infrared"]))
    reader = replace(
        reader_of(stretch),
        background_HW=lighting.backgrounds["bright"],
        history=HistoryShape(steps=10, frames_a_step=4),
    ).in_light(lighting)
    assert reader.lighting is not None
    seen = list(reader.batches(stretch, stride=2, size=1))
    spells, switches = reader.lighting.take()
    assert [spell.state for spell in spells] == ["bright", "infrared"]
    assert len(switches) == 1
    again = replace(stretch, known_light=tuple(spell.spell() for spell in spells))
    for (clip,), windows in seen[::4]:
        ((_, decoded),) = windows_of(reader, again, [clip])
        assert decoded.lighting == windows.lighting
        np.testing.assert_array_equal(decoded.pictures, windows.pictures)
        np.testing.assert_array_equal(decoded.history_NSGW2, windows.history_NSGW2)
    assert reader.lighting.take() == ([], [])
    # Spells of another model, or of footage that was replaced, do not cover it: it is judged anew.
    other = replace(stretch, known_light=(replace(spells[0].spell(), state="dusk"),))
    ((_, decoded),) = windows_of(reader, other, [seen[10][0][0]])
    assert decoded.lighting == "bright"
