"""Ratios with intervals."""

import numpy as np
import pytest

from callbacks.metrics.ratio import estimate_ratio


def test_a_ratio_is_that_of_the_sums() -> None:
    row = estimate_ratio(np.array([1.0, 0.0, 1.0]), np.array([1.0, 1.0, 0.0]), np.array([0, 1, 2]))
    assert (row.mean, row.n) == (1.0, 3)  # 2 / 2, not the mean of single ratios
    assert row.low < 1.0 < row.high


def test_what_costs_both_alike_does_not_widen_the_interval() -> None:
    below = np.repeat([1.0, 0.0], 20)
    row = estimate_ratio(0.5 * below, below, np.arange(40))
    assert (row.low, row.mean, row.high) == (0.5, 0.5, 0.5)


def test_whole_objects_are_resampled() -> None:
    above, below = np.tile([1.0, 0.0], 50), np.ones(100)
    single = estimate_ratio(above, below, np.arange(100))
    # halves of one object each: ten objects that succeed and ten that fail as a whole vary more than a hundred
    few = estimate_ratio(np.repeat([1.0, 0.0], 50), below, np.arange(100) // 5)
    assert few.high - few.low > 1.8 * (single.high - single.low)  # sqrt(5) = 2.2


@pytest.mark.parametrize(
    ("above", "below", "message"),
    [
        ([], [], "got 0 values above, 0 below and 2 groups; expected the same"),
        ([1.0, np.nan], [1.0, 1.0], "got 1 values that are not finite"),
        ([1.0, 1.0], [0.0, 0.0], "a sum of 0 below"),
    ],
)
def test_senseless_values_are_refused(above: list[float], below: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        estimate_ratio(np.array(above), np.array(below), np.array([0, 1]))
