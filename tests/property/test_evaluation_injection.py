"""Laws of injected faults that hold for every seed."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.evaluation.faults import FaultKind
from pipeline.evaluation.injection import variants
from pipeline.evaluation.scene import scene_of
from tests import footage_maker

SCENE = scene_of(list(footage_maker.scene(7, 200)), np.arange(200, dtype=np.int64) * 100_000)
LAWS = settings(max_examples=25, deadline=None)


@LAWS
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(list(FaultKind)))
def test_a_fault_lies_inside_its_video_and_its_boxes_inside_the_picture(
    seed: int, kind: FaultKind
) -> None:
    told: list[str] = []
    made = list(
        variants(
            SCENE, seed=seed, instances=2, kinds=[kind], left_out=lambda name, _: told.append(name)
        )
    )
    assert len(made) + len(told) >= 1
    for variant in made:
        (span,) = variant.spans
        assert 0 < span.first < span.end < len(variant)
        assert variant.order_F.min() >= 0
        assert variant.order_F.max() <= len(SCENE.frames) - 1
        for box in span.boxes:
            assert 0 <= box.x < box.x + box.width <= 96
            assert 0 <= box.y < box.y + box.height <= 64
        # Outside the fault the footage runs on by itself, one frame after the other.
        outside = ~variant.labels()
        steps = np.diff(variant.order_F)[outside[:-1] & outside[1:]]
        assert set(steps.tolist()) <= {1.0}
