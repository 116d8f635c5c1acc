"""The spool gives back what went in, in order, and leaves no file behind."""

import numpy as np
import pytest

from pipeline.scoring.strangeness_spool import StrangenessSpool

TERMS = ("one", "other")


def _maps(seed: int, clips: int) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(seed)
    return {term: chance.normal(0, 3, (clips, 4, 6)).astype(np.float32) for term in TERMS}


@pytest.mark.parametrize("at_once", [1, 3, 7, 100])
def test_batches_come_back_in_order_whatever_their_size(at_once: int) -> None:
    given = [_maps(seed, clips) for seed, clips in enumerate((3, 1, 8))]
    with StrangenessSpool(TERMS) as spool:
        for maps in given:
            spool.append(maps)
        for _ in range(2):  # as often as wanted
            found = list(spool.batches(at_once))
            assert max(len(maps["one"]) for maps in found) <= at_once
            for term in TERMS:
                np.testing.assert_allclose(
                    np.concatenate([maps[term] for maps in found]),
                    np.concatenate([maps[term] for maps in given]),
                    rtol=1e-3,
                    atol=1e-3,
                )


def test_what_is_too_large_to_be_stored_stays_finite() -> None:
    with StrangenessSpool(("one",)) as spool:
        spool.append({"one": np.full((1, 2, 2), 1e9, np.float32)})
        (maps,) = spool.batches(8)
    assert np.isfinite(maps["one"]).all()


def test_an_empty_spool_gives_nothing() -> None:
    with StrangenessSpool(TERMS) as spool:
        assert list(spool.batches(8)) == []
