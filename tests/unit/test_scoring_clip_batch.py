"""A batch of clips: the generator looks where the critic finds them least normal, and what it did
not see is said to be unknown."""

import numpy as np
import pytest
import torch

from pipeline.scoring import critic, reconstruction
from pipeline.scoring.clip_batch import ClipBatch, Networks
from tests.scoring_makers import GRID, clip_batch, small_networks

CELLS_A_TILE = 4


@pytest.fixture(scope="module")
def networks() -> Networks:
    return small_networks()


def covered_cells(batch: ClipBatch) -> np.ndarray:
    """Return which cells lie in a tile of `tiles_NK`, NGW."""
    covered = np.zeros((len(batch), *GRID.cells), bool)
    for clip, chosen in enumerate(batch.tiles_NK.tolist()):
        for top, left in (GRID.corners[number] for number in chosen):
            row, column = top // 8, left // 8
            covered[clip, row : row + CELLS_A_TILE, column : column + CELLS_A_TILE] = True
    return covered


def lowest_of(map_GW: np.ndarray) -> list[float]:
    """Return the lowest value in each tile of the grid."""
    return [
        float(map_GW[top // 8 : top // 8 + 4, left // 8 : left // 8 + 4].min())
        for top, left in GRID.corners
    ]


def test_without_a_number_every_tile_is_looked_at_in_order(networks: Networks) -> None:
    everything = list(range(len(GRID.corners)))
    for looked_at in (None, len(GRID.corners), 99):
        batch = clip_batch(networks, looked_at=looked_at)
        assert batch.tiles_NK.tolist() == [everything, everything]
        assert not batch.unseen_NGW.any()


@pytest.mark.parametrize("looked_at", [1, 2, 5, 11])
def test_the_tiles_that_are_looked_at_are_those_of_the_lowest_critic(
    networks: Networks, looked_at: int
) -> None:
    batch = clip_batch(networks, clips=3, looked_at=looked_at)
    assert batch.tiles_NK.shape == (3, looked_at)
    for clip, chosen in enumerate(batch.tiles_NK.tolist()):
        assert chosen == sorted(set(chosen))
        lowest = lowest_of(batch.critic_map_NGW[clip])
        others = [value for number, value in enumerate(lowest) if number not in chosen]
        assert max(lowest[number] for number in chosen) <= min(others)


def test_one_low_cell_is_looked_at_by_every_tile_around_it(networks: Networks) -> None:
    batch = clip_batch(networks, clips=2, looked_at=2)
    map_NGW = np.zeros((2, *GRID.cells), np.float32)
    map_NGW[0, 0, 0] = -1.0  # one tile has it
    map_NGW[1, 4, 3] = -1.0  # four tiles have it
    batch.critic_map_NGW = map_NGW
    first, second = batch.tiles_NK.tolist()
    assert 0 in first
    around = {(24, 0), (24, 24), (32, 0), (32, 24)}
    assert {GRID.corners[number] for number in second} <= around


def test_unseen_are_the_cells_without_a_tile(networks: Networks) -> None:
    batch = clip_batch(networks, clips=3, looked_at=3)
    assert 0.0 < batch.unseen_NGW.mean() < 1.0
    assert (batch.unseen_NGW == ~covered_cells(batch)).all()


def test_a_value_a_tile_is_painted_over_its_cells(networks: Networks) -> None:
    batch = clip_batch(networks, clips=2, looked_at=1)
    painted = batch.over_tiles(torch.tensor([[3.0], [5.0]]))
    covered = covered_cells(batch)
    np.testing.assert_allclose(painted[0][covered[0]], 3.0, rtol=1e-5)
    np.testing.assert_allclose(painted[1][covered[1]], 5.0, rtol=1e-5)
    assert np.isnan(painted[~covered]).all()


def test_where_tiles_overlap_their_values_are_averaged(networks: Networks) -> None:
    batch = clip_batch(networks, clips=1)
    values = torch.arange(float(len(GRID.corners))).unsqueeze(0)
    painted = batch.over_tiles(values)[0]
    assert painted[0, 0] == pytest.approx(0.0, abs=1e-5)  # the first tile alone
    assert 0.0 < painted[0, 3] < 1.0  # the first and the second
    assert np.isfinite(painted).all()


def test_what_was_not_looked_at_is_left_as_it_was(networks: Networks) -> None:
    batch = clip_batch(networks, looked_at=2)
    covered = torch.from_numpy(np.kron(covered_cells(batch), np.ones((8, 8), bool)))
    for clip in range(len(batch)):
        seen, drawn = batch.planes_NPTHW[clip], batch.reconstruction_NPTHW[clip]
        assert torch.equal(seen[..., ~covered[clip]], drawn[..., ~covered[clip]])
        assert bool((seen[..., covered[clip]] != drawn[..., covered[clip]]).any())
    assert bool(batch.reconstruction_NPTHW.isfinite().all())


def test_latents_are_those_of_the_chosen_tiles(networks: Networks) -> None:
    some, everything = clip_batch(networks, looked_at=3), clip_batch(networks)
    for clip, chosen in enumerate(some.tiles_NK.tolist()):
        torch.testing.assert_close(
            some.latent_NKZ[clip], everything.latent_NKZ[clip, chosen], rtol=1e-4, atol=1e-5
        )


def test_terms_of_reconstruction_are_unknown_exactly_where_nobody_looked(
    networks: Networks,
) -> None:
    batch = clip_batch(networks, looked_at=2)
    maps = reconstruction.term_maps(batch)
    assert set(maps) == set(reconstruction.TERMS)
    for map_NGW in maps.values():
        assert map_NGW.shape == (2, *GRID.cells)
        assert map_NGW.dtype == np.float32
        assert (np.isnan(map_NGW) == batch.unseen_NGW).all()


def test_terms_of_reconstruction_are_known_everywhere_where_everything_was_looked_at(
    networks: Networks,
) -> None:
    for map_NGW in reconstruction.term_maps(clip_batch(networks)).values():
        assert np.isfinite(map_NGW).all()


def test_where_one_tile_alone_lies_the_terms_do_not_depend_on_how_many_were_looked_at(
    networks: Networks,
) -> None:
    some, everything = clip_batch(networks, clips=1, looked_at=4), clip_batch(networks, clips=1)
    looked_at = np.zeros(GRID.cells, int)
    alone = np.zeros(GRID.cells, bool)
    for number, (top, left) in enumerate(GRID.corners):
        area = (slice(top // 8, top // 8 + 4), slice(left // 8, left // 8 + 4))
        looked_at[area] += 1
        alone[area] |= number in some.tiles_NK[0].tolist()
    alone &= looked_at == 1
    assert alone.any()
    for term in ("pixel", "latent"):
        one, other = (reconstruction.term_maps(batch)[term][0] for batch in (some, everything))
        np.testing.assert_allclose(one[alone], other[alone], rtol=1e-3, atol=1e-5)


def test_latents_are_compared_with_the_statistics_of_their_own_tile(networks: Networks) -> None:
    batch = clip_batch(networks, clips=1, looked_at=1)
    (number,) = batch.tiles_NK[0].tolist()
    statistics = batch.latent_statistics
    assert statistics is not None
    statistics.mean_KZ[number] = batch.latent_NKZ[0, 0]
    statistics.mean_KZ[:number] = 50.0
    statistics.mean_KZ[number + 1 :] = 50.0
    assert np.nanmax(reconstruction.term_maps(batch)["latent"]) == pytest.approx(0.0, abs=1e-4)


def test_the_term_of_the_critic_is_large_where_the_critic_is_low(networks: Networks) -> None:
    batch = clip_batch(networks)
    assert not critic.TERMS["unreal"].two_sided
    assert (critic.term_maps(batch)["unreal"] == -batch.critic_map_NGW).all()
