"""Means and ratios over episodes or grasps that come in groups (objects) of families, with 95 % intervals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Row = dict[str, Any]
"""An `Estimate` as plain numbers, for JSON: mean, low, high and n; interval_over_families where there is one."""

Made = TypeVar("Made")

_RESAMPLES = 2000

ENOUGH_FAMILIES = 5
"""Families from which on an interval over them means something."""


@dataclass(frozen=True)
class FamilyInterval:
    """A 95 % interval over families, for what is claimed of families that nobody has seen, and their number."""

    low: float
    high: float
    families: int


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval and the number of values behind it, and its interval over families if known."""

    mean: float
    low: float
    high: float
    n: int
    over_families: FamilyInterval | None = None

    def as_dict(self) -> Row:
        """Plain numbers, for JSON."""
        row: Row = {"mean": self.mean, "low": self.low, "high": self.high, "n": self.n}
        return row | ({} if self.over_families is None else {"interval_over_families": asdict(self.over_families)})


def estimate(
    values: NDArray[np.floating],
    groups: NDArray[np.integer],
    *,
    families: NDArray[np.str_] | None = None,
    below: NDArray[np.floating] | None = None,
    is_rate: bool = False,
    seed: int = 0,
) -> Estimate:
    """Mean of values (N,), with a bootstrap interval that resamples whole groups (objects), not single values.

    Grasps of one object succeed and fail together; treating them as independent would make intervals too narrow. A
    rate (``is_rate``, values 0 or 1) of exactly 0 or 1 gets the rule-of-three bound over its groups, since no resample
    can vary.

    With ``below`` (N,) the ratio sum(values) / sum(below), both over the same resampled groups: what a hard object
    costs both does not widen the interval. Resamples without anything below are left out, and so are groups without
    from the rule of three.

    With ``families`` (N,), one for each group, a second interval that resamples families, and groups within each drawn
    one; none with a single family. Of few families it is too narrow, as intervals of the bootstrap are: by a seventh
    with 12, by more than a third with 5 (normal quantile and divisor F, against Student's t and F - 1).

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
    _, first, index = np.unique(groups, return_index=True, return_inverse=True)
    sums = [np.bincount(index, weights=column) for column in columns]
    count = len(sums[0])
    draws = np.random.default_rng(seed).integers(count, size=(_RESAMPLES, count))
    mean = float(columns[0].mean()) if below is None else float(sums[0].sum() / sums[1].sum())
    extreme, has_below = mean if is_rate and mean in (0.0, 1.0) else None, sums[1] > 0.0
    resampled = [column[draws].sum(axis=1) for column in sums]
    low, high = _interval(resampled[0], resampled[1], int(has_below.sum()), extreme)
    over_families = None
    if families is not None:
        names, family = np.unique(families[first], return_inverse=True)
        if len(names) > 1:
            times = _times_drawn(tuple(family.tolist()), seed)
            bounds = _interval(times @ sums[0], times @ sums[1], len(set(family[has_below])), extreme)
            over_families = FamilyInterval(*bounds, families=len(names))
    return Estimate(mean=mean, low=low, high=high, n=columns.shape[1], over_families=over_families)


def _interval(
    above: NDArray[np.float64], under: NDArray[np.float64], count: int, extreme: float | None
) -> tuple[float, float]:
    """Low and high of the resampled ratios above / under (R,); the rule of three for an extreme rate of ``count``."""
    if extreme is not None:
        reach = min(1.0, 3.0 / count)
        return (1.0 - reach, 1.0) if extreme == 1.0 else (0.0, reach)
    low, high = np.quantile(above[under != 0.0] / under[under != 0.0], [0.025, 0.975])
    return float(low), float(high)


@lru_cache(maxsize=2)
def _times_drawn(family: tuple[int, ...], seed: int) -> NDArray[np.float64]:
    """How often each of G groups is in each resample (R, G) of families, and of groups within each family drawn.

    A family drawn m times gives m times as many draws of its groups as it has, each on its own. Measures of the same
    groups share the draws.

    Args:
        family: number of each group's family, 0, 1, ...
        seed: decides the draws.
    """
    rng, of_group = np.random.default_rng([seed, 1]), np.array(family)
    count = int(of_group.max()) + 1
    drawn = rng.multinomial(count, np.full(count, 1.0 / count), size=_RESAMPLES)
    times = np.zeros((_RESAMPLES, len(of_group)))
    for number in range(count):
        own = np.flatnonzero(of_group == number)
        times[:, own] = rng.multinomial(drawn[:, number] * len(own), np.full(len(own), 1.0 / len(own)))
    return times


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


def estimates(
    values: Mapping[str, NDArray[np.floating]],
    groups: NDArray[np.integer],
    families: NDArray[np.str_] | None = None,
) -> dict[str, Row]:
    """Estimate of every measure of values (N,) each; groups and families (N,) of objects. Success is a rate."""
    return {
        name: estimate(column, groups, families=families, is_rate="success" in name).as_dict()
        for name, column in values.items()
    }


def families_note(families: Mapping[str, int]) -> str:
    """What is to be known of intervals over families, from their number by split: names splits with few of them."""
    few = [f"{split} has {count}" for split, count in families.items() if count < ENOUGH_FAMILIES]
    warning = f"; too few of them to rely on: {', '.join(few)}" if few else ""
    return f"95 %, bootstrap over families and over objects within each{warning}"


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
