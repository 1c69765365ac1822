"""Which splits are looked at: those of a test that there are, development for everything else."""

import logging

import pytest

from datamodules.grasps.grasp_set import concatenate
from datamodules.grasps.splits import development_or, present_splits
from envs.conventions import UNSEEN_SPLITS
from tests.datamodules.grasps.examples import made_up_set

FAMILIES = made_up_set("stapler_00000", "unseen_families", 2)
DEVELOPED = concatenate([FAMILIES, made_up_set("trowel_00000", "development", 1)], {})


def test_splits_with_grasps_stand_in_the_order_of_all_splits() -> None:
    assert DEVELOPED.splits == ("development", "unseen_families")
    assert DEVELOPED.rows(DEVELOPED.object_index == 0).splits == ("unseen_families",)  # listed, without a grasp


def test_only_splits_with_grasps_are_measured() -> None:
    assert present_splits(FAMILIES, "third.npz", UNSEEN_SPLITS) == ("unseen_families",)
    with pytest.raises(ValueError, match=r"third\.npz has grasps of unseen_families, none of which .*unseen_instances"):
        present_splits(FAMILIES, "third.npz", ("unseen_instances",))


def test_development_is_looked_at_where_there_is_one(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert development_or(DEVELOPED, "developed.npz", ("unseen_families",)) == ("development",)
    assert caplog.messages == []


def test_what_is_looked_at_in_its_place_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            assert development_or(FAMILIES, "some_set.npz", ["unseen_families"]) == ("unseen_families",)
    assert caplog.messages == ["some_set.npz has no development objects; looked at in their place: unseen_families"]
