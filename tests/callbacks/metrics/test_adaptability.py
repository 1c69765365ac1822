"""How many poses of an object are grasped."""

import numpy as np
import pytest

from callbacks.metrics.adaptability import adaptability


def test_objects_are_counted_by_grasped_poses() -> None:
    # objects 0, 1, 2 with two poses each, object 3 with one
    groups = np.array([0, 0, 1, 1, 2, 2, 3])
    success = np.array([1, 1, 1, 0, 0, 0, 1], dtype=bool)
    found = adaptability(success, groups, np.zeros(7, dtype=np.int64), poses=2)
    assert (found["poses"], found["objects"], found["left_out"]) == (2, 3, 1)
    assert {k: row["mean"] for k, row in found["all"].items()} == pytest.approx({"0": 1 / 3, "1": 1 / 3, "2": 1 / 3})
    # among the two that were grasped at all, as the paper counts
    assert {k: row["mean"] for k, row in found["grasped"].items()} == {"1": 0.5, "2": 0.5}
    assert found["all"]["1"]["low"] <= 1 / 3 <= found["all"]["1"]["high"]


def test_every_seed_counts_an_object_anew() -> None:
    groups, seeds = np.zeros(4, dtype=np.int64), np.array([0, 0, 1, 1])
    found = adaptability(np.array([1, 1, 1, 0], dtype=bool), groups, seeds, poses=2)
    # 2 of 2 with the first seed, 1 of 2 with the second: not 3 of 4
    assert {k: row["mean"] for k, row in found["all"].items()} == {"0": 0.0, "1": 0.5, "2": 0.5}
    assert found["objects"] == 1


def test_shares_of_objects_have_an_interval_over_their_families() -> None:
    groups, seeds = np.array([0, 0, 1, 1, 2]), np.zeros(5, dtype=np.int64)
    families = np.array(["mug", "mug", "box", "box", "pear"])  # the pear has one pose, and its family does not count
    found = adaptability(np.array([1, 1, 1, 0, 1], dtype=bool), groups, seeds, 2, families)
    for row in (found["all"]["2"], found["grasped"]["2"]):
        assert row["interval_over_families"]["families"] == 2
        assert row["interval_over_families"]["low"] == 0.0  # the boxes twice
        assert row["interval_over_families"]["high"] == 1.0  # the mugs twice
    alone = adaptability(np.array([1, 1, 1, 0, 1], dtype=bool), groups, seeds, 2)
    assert "interval_over_families" not in alone["all"]["2"]


def test_nothing_grasped_has_no_shares_of_the_grasped() -> None:
    found = adaptability(np.zeros(2, dtype=bool), np.zeros(2, dtype=np.int64), np.zeros(2, dtype=np.int64), poses=2)
    assert found["all"]["0"]["mean"] == 1.0
    assert "grasped" not in found


def test_a_share_of_none_or_all_of_the_grasped_is_not_certain() -> None:
    success = np.array([1, 1, 1, 1, 0, 0], dtype=bool)  # two objects at both poses, one at none
    families = np.array(["mug", "mug", "box", "box", "pear", "pear"])
    found = adaptability(success, np.arange(6) // 2, np.zeros(6, dtype=np.int64), 2, families)["grasped"]
    for row in (found["1"], found["1"]["interval_over_families"]):
        assert (row["low"], row["high"]) == (0.0, 1.0)  # three over the two that were grasped, at most 1
    assert (found["2"]["mean"], found["2"]["low"]) == (1.0, 0.0)


def test_no_object_with_all_poses_has_no_shares() -> None:
    found = adaptability(np.ones(2, dtype=bool), np.array([0, 1]), np.zeros(2, dtype=np.int64), poses=5)
    assert found == {"poses": 5, "objects": 0, "left_out": 2}
