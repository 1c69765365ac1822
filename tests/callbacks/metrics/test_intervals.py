"""95 % intervals over grasps that come in groups."""

import numpy as np
import pytest

from callbacks.metrics.intervals import estimate


def test_mean_and_count_are_those_of_the_values() -> None:
    found = estimate(np.array([0.0, 1.0, 1.0, 1.0]), np.array([0, 0, 1, 2]))
    assert found.mean == 0.75
    assert found.n == 4
    assert found.low <= 0.75 <= found.high
    assert found.as_dict() == {"mean": 0.75, "low": found.low, "high": found.high, "n": 4}


def test_grasps_that_succeed_together_make_the_interval_wider() -> None:
    # 20 objects of 10 grasps each, all or nothing: 20 independent values and not 200
    values = np.repeat(np.arange(20) % 2, 10).astype(float)
    grouped = estimate(values, np.repeat(np.arange(20), 10))
    single = estimate(values, np.arange(200))
    ratio = (grouped.high - grouped.low) / (single.high - single.low)
    assert ratio == pytest.approx(10**0.5, rel=0.2)  # standard errors differ by sqrt(200 / 20)


def test_width_is_that_of_the_normal_approximation_for_single_grasps() -> None:
    values = (np.arange(400) % 4 == 0).astype(float)
    found = estimate(values, np.arange(400))
    expected = 1.96 * (0.25 * 0.75 / 400) ** 0.5
    assert found.high - 0.25 == pytest.approx(expected, rel=0.15)  # quantiles move in steps of 1 / 400
    assert 0.25 - found.low == pytest.approx(expected, rel=0.15)


def test_unequal_groups_count_by_their_grasps() -> None:
    # resamples of {9 successes} and {1 failure}: both the first, one each, both the second
    found = estimate(np.array([1.0] * 9 + [0.0]), np.array([0] * 9 + [1]))
    assert found.mean == 0.9
    assert (found.low, found.high) == (0.0, 1.0)


def test_all_successes_get_the_rule_of_three_over_objects() -> None:
    found = estimate(np.ones(60), np.repeat(np.arange(30), 2), is_rate=True)
    assert (found.mean, found.low, found.high) == (1.0, 1.0 - 3.0 / 30, 1.0)
    none = estimate(np.zeros(60), np.repeat(np.arange(30), 2), is_rate=True)
    assert (none.mean, none.low, none.high) == (0.0, 0.0, 3.0 / 30)


def test_few_objects_bound_nothing() -> None:
    found = estimate(np.ones(8), np.repeat([0, 1], 4), is_rate=True)
    assert (found.low, found.high) == (0.0, 1.0)


def test_measures_that_are_no_rates_have_no_such_bound() -> None:
    assert estimate(np.ones(8), np.repeat([0, 1], 4)).low == 1.0


def test_the_same_values_give_the_same_interval() -> None:
    values, groups = np.random.default_rng(0).random(50), np.arange(50) // 3
    assert estimate(values, groups) == estimate(values, groups)
    assert estimate(values, groups) != estimate(values, groups, seed=1)


def test_names_of_groups_do_not_matter() -> None:
    values = np.random.default_rng(0).random(9)
    assert estimate(values, np.arange(9) // 3) == estimate(values, 100 + 7 * (np.arange(9) // 3))


def test_bad_values_are_refused() -> None:
    with pytest.raises(ValueError, match=r"estimate got 0 values and 0 groups; expected the same, at least one"):
        estimate(np.zeros(0), np.zeros(0, dtype=int))
    with pytest.raises(ValueError, match=r"estimate got 2 values and 3 groups"):
        estimate(np.zeros(2), np.zeros(3, dtype=int))
    with pytest.raises(ValueError, match=r"estimate got 1 values that are not finite"):
        estimate(np.array([0.0, np.nan]), np.array([0, 1]))
