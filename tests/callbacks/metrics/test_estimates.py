"""Means and ratios with 95 % intervals over values that come in groups."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from callbacks.metrics.estimates import (
    FamilyInterval,
    by_label,
    count_causes,
    estimate,
    estimates,
    estimates_by_label,
    families_note,
)  # fmt: skip


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
    with pytest.raises(
        ValueError, match=r"estimate got 0 values, 0 below and 0 groups; expected the same number of each"
    ):
        estimate(np.zeros(0), np.zeros(0, dtype=int))
    with pytest.raises(ValueError, match=r"estimate got 2 values, 2 below and 3 groups"):
        estimate(np.zeros(2), np.zeros(3, dtype=int))
    with pytest.raises(ValueError, match=r"estimate got 1 values that are not finite"):
        estimate(np.array([0.0, np.nan]), np.array([0, 1]))


def test_a_ratio_is_that_of_the_sums() -> None:
    row = estimate(np.array([1.0, 0.0, 1.0]), np.array([0, 1, 2]), below=np.array([1.0, 1.0, 0.0]))
    assert (row.mean, row.n) == (1.0, 3)  # 2 / 2, not the mean of single ratios
    assert row.low < 1.0 < row.high


def test_what_costs_both_alike_does_not_widen_the_interval() -> None:
    below = np.repeat([1.0, 0.0], 20)
    row = estimate(0.5 * below, np.arange(40), below=below)
    assert (row.low, row.mean, row.high) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("values", "below", "message"),
    [
        ([1.0], [1.0], "got 1 values, 1 below and 2 groups; expected the same"),
        ([1.0, np.nan], [1.0, 1.0], "got 1 values that are not finite"),
        ([1.0, 1.0], [0.0, 0.0], "a sum of 0 below"),
    ],
)
def test_senseless_ratios_are_refused(values: list[float], below: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        estimate(np.array(values), np.array([0, 1]), below=np.array(below))


def test_intervals_are_those_of_scipy() -> None:
    rng = np.random.default_rng(0)
    above, below, groups = rng.random(60), rng.random(60), np.arange(60) // 3
    sums = [np.bincount(groups, weights=column) for column in (above, below)]
    found = stats.bootstrap(
        sums, lambda a, b, axis: a.sum(axis) / b.sum(axis), n_resamples=2000, paired=True, vectorized=True,
        method="percentile", rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    row = estimate(above, groups, below=below)
    assert (row.low, row.high) == pytest.approx((found.low, found.high), rel=1e-12)  # the same draws, summed otherwise


def test_rates_get_the_bound_of_rates_and_other_measures_do_not() -> None:
    groups = np.arange(30)
    found = estimates({"field_success": np.ones(30), "posture_rad": np.ones(30)}, groups)
    assert found["field_success"] == {"mean": 1.0, "low": 0.9, "high": 1.0, "n": 30}
    assert found["posture_rad"] == {"mean": 1.0, "low": 1.0, "high": 1.0, "n": 30}


def over_families(values: np.ndarray, groups: np.ndarray, families: np.ndarray, **more: Any) -> FamilyInterval:
    """The interval over families, which has to be there."""
    found = estimate(values, groups, families=families.astype(str), **more).over_families
    assert found is not None
    return found


def test_with_one_object_a_family_both_intervals_are_one() -> None:
    values, objects = np.random.default_rng(0).random(200), np.arange(200)
    found = over_families(values, objects, objects)
    one = estimate(values, objects)
    # other draws: the spread of a quantile of 2000 resamples is some 3 % of the width
    assert found.high - found.low == pytest.approx(one.high - one.low, rel=0.1)
    assert found.families == 200


def test_families_that_succeed_together_make_the_interval_wider() -> None:
    # 40 families of 10 objects; all objects of a family alike: their rates 0 and 1 in turn, variance 1/4
    families, objects = np.repeat(np.arange(40), 10), np.arange(400)
    found = over_families((families % 2).astype(float), objects, families)
    assert found.high - found.low == pytest.approx(2 * 1.96 * (0.25 / 40) ** 0.5, rel=0.1)
    one = estimate((families % 2).astype(float), objects)
    assert (found.high - found.low) / (one.high - one.low) == pytest.approx(10**0.5, rel=0.15)  # sqrt(400 / 40)


def test_objects_vary_within_families_too() -> None:
    # families alike, objects 0 and 1 in turn: variance 1/4 of each of 200 objects, none between families
    families, objects = np.repeat(np.arange(20), 10), np.arange(200)
    found = over_families((objects % 2).astype(float), objects, families)
    assert found.high - found.low == pytest.approx(2 * 1.96 * (0.25 / 200) ** 0.5, rel=0.1)


def test_families_and_objects_vary_together() -> None:
    # rates 0.2 and 0.8 in turn: between families 0.09 / 30, within them 0.16 / (30 * 20); episodes 3 an object
    families, objects = np.repeat(np.arange(30), 60), np.arange(1800) // 3
    rates = np.where(families % 2, 0.8, 0.2)
    values = (objects % 20 < 20 * rates).astype(float)
    found = over_families(values, objects, families)
    assert found.high - found.low == pytest.approx(2 * 1.96 * (0.09 / 30 + 0.16 / 600) ** 0.5, rel=0.1)


def test_a_ratio_has_an_interval_over_families_as_well() -> None:
    families, below = np.repeat(np.arange(8), 5), np.repeat([1.0, 0.0, 1.0, 1.0, 1.0], 8)
    found = over_families(0.5 * below, np.arange(40), families, below=below)
    assert (found.low, found.high) == (0.5, 0.5)


def test_all_successes_get_the_rule_of_three_over_families() -> None:
    found = over_families(np.ones(60), np.arange(60), np.repeat(np.arange(12), 5), is_rate=True)
    assert (found.low, found.high) == (1.0 - 3.0 / 12, 1.0)


def test_the_same_families_give_the_same_interval_and_leave_the_other_as_it_is() -> None:
    values, objects = np.random.default_rng(0).random(60), np.arange(60) // 2
    families = np.array(["mug", "box", "can"])[objects % 3]
    one = estimate(values, objects, families=families)
    assert one == estimate(values, objects, families=families)
    assert one.over_families == estimate(values, objects + 7, families=np.char.add("a_", families)).over_families
    assert one.over_families != estimate(values, objects, families=families, seed=1).over_families
    plain = estimate(values, objects).as_dict()
    row = one.as_dict()
    assert row.pop("interval_over_families") == vars(one.over_families)
    assert row == plain


def test_one_family_has_no_interval_over_families() -> None:
    found = estimates({"success": np.array([0.0, 1.0])}, np.array([0, 1]), np.array(["mug", "mug"]))
    assert "interval_over_families" not in found["success"]


def test_few_families_are_named() -> None:
    assert families_note({"unseen_families": 12}) == "95 %, bootstrap over families and over objects within each"
    assert families_note({"unseen_families": 4, "unseen_instances": 5}).endswith(
        "; too few of them to rely on: unseen_families has 4"
    )


def test_labels_split_values_and_groups_alike() -> None:
    values = {"grasp_success": np.array([1.0, 0.0, 1.0, 1.0])}
    found = estimates_by_label(values, np.array([0, 0, 1, 2]), np.array(["mug", "mug", "box", "box"]))
    assert list(found) == ["box", "mug"]
    assert found["mug"]["grasp_success"]["mean"] == 0.5
    assert found["mug"]["grasp_success"]["n"] == 2
    assert found["box"]["grasp_success"]["mean"] == 1.0


def test_causes_are_counted_by_label() -> None:
    cause, names = np.array([0, 1, 1]), ("success", "let_go", "diverged")
    assert count_causes(cause, names) == {"success": 1, "let_go": 2, "diverged": 0}
    parts = by_label(np.array(["mug", "mug", "box"]), lambda rows: count_causes(cause[rows], names))
    assert (parts["mug"]["let_go"], parts["box"]["let_go"], parts["box"]["success"]) == (1, 1, 0)
