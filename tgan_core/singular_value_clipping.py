"""Keeps every singular value of the critic's reshaped weights at or below one (section 4.2).

min(S, 1) applied to the singular values is the nearest matrix, by Frobenius norm, with spectral
norm at most 1. It only touches the directions whose value is above 1, and there the Gram matrix
A A^T = U S^2 U^T is well conditioned: its eigenvectors do what a singular value decomposition
does, several times faster and on any device.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tgan_core.critic import Critic
from tgan_core.errors import NonFiniteError

__all__ = ["ClippingReport", "clip_critic_", "clip_singular_values"]

SLACK = 1e-6
"""Values up to 1 + SLACK are left alone, so that clipping twice is clipping once."""
AT_ONE = 1e-3
"""A singular value above 1 - AT_ONE counts as being at one."""
LARGEST_FOR_FLOAT32 = 2.0
"""Up to this singular value the Gram matrix is formed in float32, beyond it in float64."""
LARGEST_FOR_GRAM = 1e3
"""Beyond it squaring would drown the small values; a trained critic never gets there."""
LOWEST_GAIN = 0.01
"""Lower bound of a batch norm's gain as a share of the running deviation (authors' code)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClippingReport:
    """What the critic's spectrum looked like when it was clipped."""

    share_at_one: float
    """Share of all singular values that are at one afterwards, 0 to 1."""
    largest_before: float
    """Largest singular value before; for a matrix of Frobenius norm <= 1, at most that norm."""


@torch.no_grad()
def clip_singular_values(matrix_OI: Tensor) -> Tensor:
    """U min(S, 1) V^T; the very same tensor when no singular value is above one.

    Any size and rank, any finite norm. Raises NonFiniteError for a NaN or an infinity.
    """
    clipped_OI, _ = _clip(matrix_OI, "matrix")
    return clipped_OI


@torch.no_grad()
def clip_critic_(critic: Critic) -> ClippingReport:
    """Clips the weight of every convolution and bounds the gain of every batch norm, in place.

    A gain is held in [0.01 s, s] with s the running deviation, so that batch norm multiplies by
    at most one. Biases stay as they are. Raises NonFiniteError before anything is written.
    """
    clipped, spectra = [], []
    for name, part in critic.named_modules():
        if isinstance(part, nn.Conv3d):
            matrix_OI = part.weight.flatten(1)
            clipped_OI, spectrum = _clip(matrix_OI, f"critic.{name}.weight")
            spectra.append((spectrum, min(matrix_OI.shape)))
            if clipped_OI is not matrix_OI:
                clipped.append((part.weight, clipped_OI))
    for weight, clipped_OI in clipped:
        weight.copy_(clipped_OI.view(weight.shape))
    for part in critic.modules():
        if isinstance(part, nn.BatchNorm3d) and part.running_var is not None:
            deviation_C = part.running_var.sqrt()
            part.weight.clamp_(LOWEST_GAIN * deviation_C, deviation_C)
    at_one = sum(int((spectrum >= 1 - AT_ONE).sum()) for spectrum, _ in spectra)
    return ClippingReport(
        share_at_one=at_one / sum(count for _, count in spectra),
        largest_before=max(float(spectrum.max()) for spectrum, _ in spectra),
    )


def _clip(matrix_OI: Tensor, name: str) -> tuple[Tensor, Tensor]:
    """The clipped matrix and the singular values before, as far as they had to be computed."""
    largest_entry = float(matrix_OI.abs().amax())
    if not largest_entry < float("inf"):
        raise NonFiniteError(name)
    # Entries can be finite while their squares overflow: the norm is taken in float64.
    if largest_entry > LARGEST_FOR_GRAM:
        return _clip_by_svd(matrix_OI)
    work_OI = matrix_OI if matrix_OI.dtype == torch.float64 else matrix_OI.float()
    norm = work_OI.norm()
    if float(norm) <= 1.0:
        return matrix_OI, norm[None]
    if min(matrix_OI.shape) == 1:
        return (work_OI / norm).to(matrix_OI.dtype), norm[None]
    # The smaller side gives the smaller Gram matrix.
    wide = work_OI.shape[0] <= work_OI.shape[1]
    work_OI = work_OI if wide else work_OI.T
    with _exact_products(work_OI.device.type):
        gram_OO = work_OI @ work_OI.T
        values, vectors_OO = torch.linalg.eigh(gram_OO)
        largest = float(values[-1].clamp_min(0).sqrt())
        if largest > LARGEST_FOR_GRAM:
            return _clip_by_svd(matrix_OI)
        if largest > LARGEST_FOR_FLOAT32 and work_OI.dtype != torch.float64:
            work_OI = work_OI.double()
            values, vectors_OO = torch.linalg.eigh(work_OI @ work_OI.T)
        spectrum = values.clamp_min(0).sqrt()
        above = int((spectrum > 1 + SLACK).sum())
        if above == 0:
            return matrix_OI, spectrum
        vectors_OK = vectors_OO[:, -above:]  # eigenvalues come in ascending order
        surplus_K = 1 - spectrum[-above:].reciprocal()
        # multi_dot picks the cheaper order: it depends on how many values are above one.
        surplus_OI = torch.linalg.multi_dot([vectors_OK * surplus_K, vectors_OK.T, work_OI])
        clipped_OI = work_OI - surplus_OI
    return (clipped_OI if wide else clipped_OI.T).to(matrix_OI.dtype), spectrum


def _clip_by_svd(matrix_OI: Tensor) -> tuple[Tensor, Tensor]:
    u_OK, s_K, vh_KI = torch.linalg.svd(matrix_OI.double(), full_matrices=False)
    return ((u_OK * s_K.clamp_max(1.0)) @ vh_KI).to(matrix_OI.dtype), s_K


@contextmanager
def _exact_products(device_type: str) -> Iterator[None]:
    """Matrix products without TF32 and without autocast, whatever the caller has chosen."""
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.autocast(device_type, enabled=False):
            yield
    finally:
        torch.set_float32_matmul_precision(precision)
