"""Rates: how often something comes, and what a count can say of that."""

from __future__ import annotations

__all__ = ["poisson_interval"]

_CONFIDENCE = 0.95


def poisson_interval(count: float, exposure: float) -> tuple[float, float]:
    """Return the exact 95 % interval (Garwood 1936) of a rate at which `count` things were seen in
    `exposure`, in things a unit of exposure.

    A mean count over several seeds need not be whole; the gamma quantiles hold for it too.
    """
    edge = (1.0 - _CONFIDENCE) / 2.0
    from scipy.special import gammaincinv  # slow to import: only once it is needed

    # The gamma quantile of scipy.stats, which takes seconds to import.
    low = float(gammaincinv(count, edge)) if count > 0 else 0.0
    return low / exposure, float(gammaincinv(count + 1.0, 1.0 - edge)) / exposure
