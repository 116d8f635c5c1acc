"""The bank of normal histories: what every place has done in some seconds of normal footage.

Shapes: K kinds of history, N clips, M histories in the bank, S steps of time, grid of G x W cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from pipeline.clips.reader import Moment
from pipeline.scoring.calibration import clip_statistic, fit_places

__all__ = ["LEAST_REGULARITY", "MOST_HISTORIES", "RhythmBank", "fit_rhythm_bank"]

MOST_HISTORIES = 2_000
"""Every phase of a cycle has to be there, with and without somebody passing by."""

LEAST_REGULARITY = 0.5
"""Below this a scene has no rhythm that could be broken. A rendered line has .94 and .95
(activity, appearance), a footpath (UCSD Ped2) .01."""

_STRANGER_THAN = 0.95

_FEWEST_HISTORIES = 40
_MOST_SPLICED = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class RhythmBank:
    """Histories of normal footage per cell, and how regular they are."""

    traces_KGWMS: Tensor
    """Grey levels; of the precision of 16-bit floats, as they are stored."""
    segments_M: Tensor
    """Numbers that stand for their segments, int64."""
    ends_us_M: Tensor
    """Media times, int64."""
    near_us: Tensor
    """Histories of one segment nearer than this are one and the same; no dimension, int64."""
    regularity_K: Tensor
    """How often it would be seen that a history goes on otherwise than it began: 1 = always, 0.05 =
    the past says nothing of the present."""

    def distances(
        self, history_NSGW2: NDArray[np.float32], moments: Sequence[Moment]
    ) -> NDArray[np.float32]:
        """Return how far each history is from the nearest one of the bank, KNGW, grey levels.

        NaN where the history is not known, and for a kind that is not regular. A history is never
        compared with those around its own time.
        """
        queries = torch.from_numpy(history_NSGW2).to(self.traces_KGWMS.device)
        near_NM = self._near(moments)
        found = np.full((len(self.regularity_K), *queries.shape[:1], *queries.shape[2:4]), np.nan)
        for kind, regularity in enumerate(self.regularity_K.tolist()):
            if regularity >= LEAST_REGULARITY:
                traces_GWNS = queries[..., kind].permute(2, 3, 0, 1)
                nearest = _nearest(traces_GWNS, self.traces_KGWMS[kind], near_NM)
                found[kind] = _around(nearest)
        return found.astype(np.float32)

    def on(self, device: torch.device) -> RhythmBank:
        """Return the bank on a device."""
        return RhythmBank(
            traces_KGWMS=self.traces_KGWMS.to(device),
            segments_M=self.segments_M.to(device),
            ends_us_M=self.ends_us_M.to(device),
            near_us=self.near_us.to(device),
            regularity_K=self.regularity_K.to(device),
        )

    def _near(self, moments: Sequence[Moment]) -> Tensor:
        segments_N, ends_us_N = _numbers(moments)
        same = segments_N.to(self.segments_M.device)[:, None] == self.segments_M
        apart_us = (ends_us_N.to(self.ends_us_M.device)[:, None] - self.ends_us_M).abs()
        return same & (apart_us < self.near_us)


def fit_rhythm_bank(
    histories_MSGW2: NDArray[np.float32], moments: Sequence[Moment], *, near_us: int, seed: int
) -> RhythmBank | None:
    """Return the bank of histories of normal footage, all of them known; None when there are fewer
    than forty. Histories of one segment that end less than `near_us` apart are never compared:
    longer than a history, or they overlap.
    """
    if len(histories_MSGW2) < _FEWEST_HISTORIES:
        return None
    # Rounded now as it will be when stored: a model that was loaded gives the same scores.
    rounded = torch.from_numpy(histories_MSGW2).half().float()
    segments_M, ends_us_M = _numbers(moments)
    bank = RhythmBank(
        traces_KGWMS=rounded.permute(4, 2, 3, 0, 1).contiguous(),
        segments_M=segments_M,
        ends_us_M=ends_us_M,
        near_us=torch.tensor(near_us),
        regularity_K=torch.zeros(histories_MSGW2.shape[-1]),
    )
    near_MM = bank._near(moments)
    regularity = [_regularity(traces, near_MM, seed) for traces in bank.traces_KGWMS]
    bank.regularity_K[:] = torch.tensor(regularity)
    return bank


def _regularity(traces_GWMS: Tensor, near_MM: Tensor, seed: int) -> float:
    """Return the share of spliced histories that are stranger than nineteen of twenty real ones.

    A spliced history is the first half of one and the second half of another, at all places. Near
    neighbours alone would not tell: a street where hardly anything happens is full of them. That
    the second half of a history follows from its first is what makes a rhythm.
    """
    count, half = traces_GWMS.shape[2], traces_GWMS.shape[3] // 2
    ones = torch.arange(0, count, max(1, count // _MOST_SPLICED))
    others = ones[torch.randperm(len(ones), generator=torch.Generator().manual_seed(seed))]
    real, other = traces_GWMS[:, :, ones], traces_GWMS[:, :, others]
    spliced = torch.cat([real[..., :half], other[..., half:]], dim=-1)
    near_both = near_MM[ones] | near_MM[others]
    parts_NGW = (_around(_nearest(part, traces_GWMS, near_both)) for part in (real, spliced))
    usual_NGW, broken_NGW = (part[~np.isnan(part).any(axis=(1, 2))] for part in parts_NGW)
    if not len(usual_NGW):
        return 0.0
    place = fit_places(usual_NGW, two_sided=False)
    usual, broken = (clip_statistic(place.strangeness(part)) for part in (usual_NGW, broken_NGW))
    return float((broken > np.quantile(usual, _STRANGER_THAN)).mean())


def _nearest(queries_GWNS: Tensor, traces_GWMS: Tensor, left_out_NM: Tensor) -> Tensor:
    """Return the distance to the nearest trace at the same cell, GWN; infinite where all are left
    out, NaN where the query is."""
    some_left_out = bool(left_out_NM.any())
    # |q|^2 + |t|^2 - 2 q.t is one product of matrices, a third of the time of differences. In 32
    # bits it leaves a hundredth of a grey level to chance, so that a clip has another score in
    # another batch; in 64 bits a hundred-thousandth. A cell at a time: the bank stays in 32.
    cells = []
    for queries_NS, stored_MS in zip(
        queries_GWNS.flatten(0, 1).double(), traces_GWMS.flatten(0, 1), strict=True
    ):
        traces_MS = stored_MS.double()
        apart_NM = torch.addmm(traces_MS.square().sum(1), queries_NS, traces_MS.T, alpha=-2)
        if some_left_out:
            apart_NM.masked_fill_(left_out_NM, torch.inf)
        cells.append(apart_NM.amin(dim=1) + queries_NS.square().sum(1))
    squares = torch.stack(cells).reshape(*queries_GWNS.shape[:2], -1)
    return squares.clamp_min(0.0).sqrt().float()


def _around(nearest_GWN: Tensor) -> NDArray[np.float32]:
    """Return the root mean square over each cell and its neighbours, NGW; NaN where one is not
    known.

    What breaks a rhythm is larger than a cell, and noise is not: the arm of the rendered line that
    halts is at 8.6 instead of 3.7 (-log10 p).
    """
    squares_N1GW = nearest_GWN.permute(2, 0, 1).unsqueeze(1).square()
    mean = F.avg_pool2d(squares_N1GW, 3, stride=1, padding=1, count_include_pad=False)
    values_NGW = mean.squeeze(1).sqrt().cpu().numpy()
    return np.where(np.isfinite(values_NGW), values_NGW, np.nan).astype(np.float32)


def _numbers(moments: Sequence[Moment]) -> tuple[Tensor, Tensor]:
    # Fifteen hexadecimal digits of the name fit into an int64.
    segments = [int(moment.segment_id[:15], 16) for moment in moments]
    return torch.tensor(segments), torch.tensor([moment.media_us for moment in moments])
