"""The bank of normal critic features: what each place has looked like, for nearest neighbours.

Shapes: N clips, grid of G x W cells, D principal components, M windows in the bank.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["DEPTHS", "DepthBank", "cell_features", "fit_depth_bank"]

DEPTHS = (-1,)
"""Layers of the critic that are looked at: the last knows what moves how. The one before it is
texture, where light and dark clothes decide: AUC .91 on Ped2 against .97."""

_COMPONENTS = 24
_MOST_SAMPLES = 20_000
_WINDOWS_AT_ONCE = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class DepthBank:
    """Features of one layer of the critic over windows of normal footage, per cell."""

    mean_C: Tensor
    basis_CD: Tensor
    """Divides each channel by its spread, then projects on the principal components."""
    bank_GWMD: Tensor
    lengths_GWM: Tensor = field(init=False, repr=False)
    """Squares of the lengths of what is in the bank."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "lengths_GWM", self.bank_GWMD.square().sum(dim=3))

    def project(self, features_NCGW: Tensor) -> Tensor:
        """Return the features in the bank's coordinates, NGWD."""
        centred_NGWC = features_NCGW.permute(0, 2, 3, 1) - self.mean_C
        return centred_NGWC @ self.basis_CD

    def distance(self, features_NCGW: Tensor) -> Tensor:
        """Return the distance of each cell to its nearest normal look, NGW.

        A cell is compared with the bank of itself and of its neighbours left and right, so that a
        thing one cell further along its way is not new.
        """
        seen_GWND = self.project(features_NCGW).permute(1, 2, 0, 3)
        columns, clips = seen_GWND.shape[1:3]
        squares_GWN = torch.full(seen_GWND.shape[:3], torch.inf, device=seen_GWND.device)
        # All neighbours ask the bank of a cell in one product: |q - b|^2 = |q|^2 + |b|^2 - 2 q.b,
        # of which |q|^2 is the same for all b and waits until the least is known.
        asked = F.pad(seen_GWND, (0, 0, 0, 0, 1, 1))
        around = torch.cat([asked[:, shift : shift + columns] for shift in range(3)], dim=2)
        least = _least_excess(around, self.bank_GWMD, self.lengths_GWM)
        for shift in (-1, 0, 1):
            here = slice(max(0, -shift), columns - max(0, shift))
            there = slice(max(0, shift), columns + min(0, shift))
            # In the bank of the cell `shift` to the right, this cell is `shift` to the left.
            turn = slice((1 - shift) * clips, (2 - shift) * clips)
            squares_GWN[:, here] = torch.minimum(squares_GWN[:, here], least[:, there, turn])
        lengths_GWN = seen_GWND.square().sum(dim=3)
        return (squares_GWN + lengths_GWN).clamp_min(0.0).sqrt().permute(2, 0, 1)


def _least_excess(seen_GWND: Tensor, bank_GWMD: Tensor, lengths_GWM: Tensor) -> Tensor:
    """Return the least of |b|^2 - 2 q.b over the bank of each cell, GWN."""
    rows = [
        torch.baddbmm(lengths_WM.unsqueeze(1), seen_WND, bank_WMD.transpose(1, 2), alpha=-2.0)
        for seen_WND, bank_WMD, lengths_WM in zip(seen_GWND, bank_GWMD, lengths_GWM, strict=True)
    ]
    return torch.stack([row.amin(dim=2) for row in rows])


def cell_features(activations_BCTHW: Tensor, cells: tuple[int, int]) -> Tensor:
    """Return one vector a cell, NCGW: channels and time steps together, averaged over the cell."""
    flat = activations_BCTHW.float().flatten(1, 2)
    if flat.shape[-2] >= cells[0] and flat.shape[-1] >= cells[1]:
        return F.adaptive_avg_pool2d(flat, cells)
    return F.interpolate(flat, cells, mode="bilinear", align_corners=False)


def fit_depth_bank(features_NCGW: Tensor, seed: int) -> DepthBank:
    """Return the bank of the cell features of N windows."""
    # Two seconds to import, which scoring would pay at every start and never use.
    from sklearn.decomposition import PCA

    windows, _, rows, columns = features_NCGW.shape
    vectors_NCX = features_NCGW.flatten(2)
    chance = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(windows * rows * columns, generator=chance)[:_MOST_SAMPLES]
    sample_MC = vectors_NCX[chosen // (rows * columns), :, chosen % (rows * columns)]
    mean_C = sample_MC.mean(dim=0)
    spread_C = sample_MC.std(dim=0) + 1e-6
    components = min(_COMPONENTS, *sample_MC.shape)
    fitted = PCA(components, svd_solver="full").fit(((sample_MC - mean_C) / spread_C).numpy())
    basis_CD = torch.from_numpy(fitted.components_.T.copy()).float() / spread_C[:, None]
    bank_GWMD = torch.empty(rows, columns, windows, components)
    # Few windows at a time: the features are the largest thing in memory, a second copy of them
    # would be the next.
    for first in range(0, windows, _WINDOWS_AT_ONCE):
        part = slice(first, first + _WINDOWS_AT_ONCE)
        projected_NGWD = (features_NCGW[part].permute(0, 2, 3, 1) - mean_C) @ basis_CD
        bank_GWMD[:, :, part] = projected_NGWD.permute(1, 2, 0, 3)
    return DepthBank(mean_C=mean_C, basis_CD=basis_CD, bank_GWMD=bank_GWMD)
