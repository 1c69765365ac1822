"""95 % intervals of means over grasps that come in groups."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval and the number of values behind it."""

    mean: float
    low: float
    high: float
    n: int

    def as_dict(self) -> dict[str, float | int]:
        """Plain numbers, for JSON."""
        return {"mean": self.mean, "low": self.low, "high": self.high, "n": self.n}


def estimate(
    values: NDArray[np.floating],
    groups: NDArray[np.integer],
    *,
    is_rate: bool = False,
    resamples: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Mean of values (G,) with a bootstrap interval that resamples whole groups (objects), not single grasps.

    Grasps of one object succeed and fail together; treating them as independent would make intervals too narrow. A
    rate (``is_rate``, values 0 or 1) of exactly 0 or 1 gets the rule-of-three bound over its groups, since no resample
    can vary.

    Raises:
        ValueError: no values, values that are not finite, or another number of groups.
    """
    if len(values) == 0 or len(values) != len(groups):
        raise ValueError(f"estimate got {len(values)} values and {len(groups)} groups; expected the same, at least one")
    data = np.asarray(values, dtype=np.float64)
    if not np.isfinite(data).all():
        raise ValueError(f"estimate got {int((~np.isfinite(data)).sum())} values that are not finite")
    _, index = np.unique(groups, return_inverse=True)
    sums = np.bincount(index, weights=data)
    counts = np.bincount(index)
    draws = np.random.default_rng(seed).integers(len(counts), size=(resamples, len(counts)))
    means = sums[draws].sum(axis=1) / counts[draws].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    mean = float(data.mean())
    if is_rate and mean in (0.0, 1.0):
        reach = min(1.0, 3.0 / len(counts))
        low, high = (1.0 - reach, 1.0) if mean == 1.0 else (0.0, reach)
    return Estimate(mean=mean, low=float(low), high=float(high), n=len(data))
