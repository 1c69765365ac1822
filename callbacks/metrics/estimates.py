"""Means and ratios over episodes or grasps that come in groups (objects), with 95 % intervals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Row = dict[str, float | int]
"""An `Estimate` as plain numbers, for JSON."""

Made = TypeVar("Made")

_RESAMPLES = 2000


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval and the number of values behind it."""

    mean: float
    low: float
    high: float
    n: int

    def as_dict(self) -> Row:
        """Plain numbers, for JSON."""
        return asdict(self)


def estimate(
    values: NDArray[np.floating],
    groups: NDArray[np.integer],
    *,
    below: NDArray[np.floating] | None = None,
    is_rate: bool = False,
    seed: int = 0,
) -> Estimate:
    """Mean of values (N,), with a bootstrap interval that resamples whole groups (objects), not single values.

    Grasps of one object succeed and fail together; treating them as independent would make intervals too narrow. A
    rate (``is_rate``, values 0 or 1) of exactly 0 or 1 gets the rule-of-three bound over its groups, since no resample
    can vary.

    With ``below`` (N,) the ratio sum(values) / sum(below), both over the same resampled groups: what a hard object
    costs both does not widen the interval. Resamples without anything below are left out.

    Four lines of numpy and not `scipy.stats.bootstrap`, which gives the same to 5e-15 from the same draws, but refuses
    a single group and has no interval where a resample has nothing below.

    Raises:
        ValueError: no values, other numbers of them, values that are not finite, or a sum below of zero.
    """
    divisor = np.ones(len(values)) if below is None else below
    if len(values) == 0 or not len(values) == len(divisor) == len(groups):
        raise ValueError(
            f"estimate got {len(values)} values, {len(divisor)} below and {len(groups)} groups; expected the same "
            "number of each, at least one"
        )
    columns = np.stack([values, divisor]).astype(np.float64)
    if not np.isfinite(columns).all() or columns[1].sum() == 0.0:
        raise ValueError(
            f"estimate got {int((~np.isfinite(columns)).sum())} values that are not finite and a sum of "
            f"{columns[1].sum():g} below; give finite values, and some below that are not 0"
        )
    _, index = np.unique(groups, return_inverse=True)
    sums = [np.bincount(index, weights=column) for column in columns]
    count = len(sums[0])
    draws = np.random.default_rng(seed).integers(count, size=(_RESAMPLES, count))
    above, under = (column[draws].sum(axis=1) for column in sums)
    low, high = np.quantile(above[under != 0.0] / under[under != 0.0], [0.025, 0.975])
    mean = float(columns[0].mean()) if below is None else float(sums[0].sum() / sums[1].sum())
    if is_rate and mean in (0.0, 1.0):
        reach = min(1.0, 3.0 / count)
        low, high = (1.0 - reach, 1.0) if mean == 1.0 else (0.0, reach)
    return Estimate(mean=mean, low=float(low), high=float(high), n=columns.shape[1])


def over_seeds(means: Sequence[float]) -> Estimate:
    """Mean of the seeds' means (S,), with the 95 % interval of Student's t with S - 1 degrees of freedom.

    Raises:
        ValueError: fewer than two seeds.
    """
    if len(means) < 2:
        raise ValueError(f"an interval over seeds needs at least 2 of them, got {len(means)}")
    data = np.asarray(means, dtype=np.float64)
    reach = float(stats.t.ppf(0.975, len(data) - 1) * data.std(ddof=1) / np.sqrt(len(data)))
    mean = float(data.mean())
    return Estimate(mean=mean, low=mean - reach, high=mean + reach, n=len(data))


def estimates(values: Mapping[str, NDArray[np.floating]], groups: NDArray[np.integer]) -> dict[str, Row]:
    """Estimate of every measure of values (N,) each; groups (N,) are objects. A measure of success is a rate."""
    return {name: estimate(column, groups, is_rate="success" in name).as_dict() for name, column in values.items()}


def by_label(labels: NDArray[np.str_], made_of_rows: Callable[[NDArray[np.bool_]], Made]) -> dict[str, Made]:
    """Something made of each label's rows, for instance of each family's; labels (N,), rows as a mask (N,)."""
    return {label: made_of_rows(labels == label) for label in sorted(set(labels.tolist()))}


def estimates_by_label(
    values: Mapping[str, NDArray[np.floating]], groups: NDArray[np.integer], labels: NDArray[np.str_]
) -> dict[str, dict[str, Row]]:
    """The estimates of each label's grasps, for instance by family or type; labels (N,)."""
    return by_label(
        labels, lambda rows: estimates({name: column[rows] for name, column in values.items()}, groups[rows])
    )


def count_causes(cause: NDArray[np.int64], names: Sequence[str]) -> dict[str, int]:
    """Number of trials or episodes (N,) by cause, all of ``names``."""
    return {name: int((cause == index).sum()) for index, name in enumerate(names)}
