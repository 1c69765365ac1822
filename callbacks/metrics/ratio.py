"""95 % intervals of ratios of sums over episodes that come in groups."""

import numpy as np
from numpy.typing import NDArray

from callbacks.metrics.intervals import Estimate


def estimate_ratio(
    above: NDArray[np.floating],
    below: NDArray[np.floating],
    groups: NDArray[np.integer],
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> Estimate:
    """sum(above) / sum(below) over values (N,) each, with a bootstrap interval that resamples whole groups (objects).

    Both sums are taken over the same resampled groups: what a hard object costs both does not widen the interval.
    ``n`` is N. Resamples without anything below are left out.

    Raises:
        ValueError: no values, other numbers of them, values that are not finite, or a sum below of zero.
    """
    if len(above) == 0 or not len(above) == len(below) == len(groups):
        raise ValueError(
            f"estimate_ratio got {len(above)} values above, {len(below)} below and {len(groups)} groups; expected the "
            "same number of each, at least one"
        )
    columns = np.stack([above, below]).astype(np.float64)
    if not np.isfinite(columns).all() or columns[1].sum() == 0.0:
        raise ValueError(
            f"estimate_ratio got {int((~np.isfinite(columns)).sum())} values that are not finite and a sum of "
            f"{columns[1].sum():g} below; give finite values, and some below that are not 0"
        )
    _, index = np.unique(groups, return_inverse=True)
    sums = np.stack([np.bincount(index, weights=column) for column in columns])
    draws = np.random.default_rng(seed).integers(sums.shape[1], size=(resamples, sums.shape[1]))
    drawn = sums[:, draws].sum(axis=2)
    drawn = drawn[:, drawn[1] != 0.0]
    low, high = np.quantile(drawn[0] / drawn[1], [0.025, 0.975])
    return Estimate(mean=float(sums[0].sum() / sums[1].sum()), low=float(low), high=float(high), n=columns.shape[1])
