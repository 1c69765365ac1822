"""Which episodes a policy runs, and of which splits."""

from pathlib import Path

import numpy as np
import pytest

from callbacks.assist.runs import EpisodeLimit, SplitRuns, present_splits
from datamodules.grasps.grasp_file import save_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from datamodules.rollouts.module import RolloutDataModule
from envs.task.episodes import Episodes
from tests.assisting import made_up_targets, sampler

pytestmark = pytest.mark.usefixtures("fast_objects")


def planned(count: int = 2) -> list[Episodes]:
    """Three grasps of a can and two of a box, as many times as there are seeds."""
    return [sampler(seed=seed).of_rows(np.arange(5)) for seed in range(count)]


def test_a_limit_takes_some_poses_of_every_object() -> None:
    episodes = planned()
    first, second = EpisodeLimit(poses=1).rows(episodes)
    assert [len(first), len(second)] == [2, 2]
    assert set(episodes[0].object_index[first].tolist()) == {0, 1}
    two = EpisodeLimit(poses=2).rows(episodes)
    assert all(set(few) < set(more) for few, more in zip((first, second), two, strict=True))
    assert [rows.tolist() for rows in EpisodeLimit(poses=9).rows(episodes)] == [[0, 1, 2, 3, 4]] * 2


def test_which_pose_is_taken_differs_from_seed_to_seed() -> None:
    chosen = {tuple(rows.tolist()) for rows in EpisodeLimit(poses=1).rows(planned(8))}
    assert len(chosen) > 2


def test_a_limit_takes_some_seeds() -> None:
    assert [len(rows) for rows in EpisodeLimit(seeds=1).rows(planned(3))] == [5, 0, 0]


def test_rows_are_counted_through_all_seeds() -> None:
    runs = SplitRuns(made_up_targets(), planned())
    assert runs.limit("oracle", EpisodeLimit(poses=1)) == 4
    rows = runs.rows_of("oracle")
    assert rows.tolist() == sorted(rows.tolist())
    assert ((rows < 5).sum(), (rows >= 5).sum()) == (2, 2)
    assert runs.rows_of("ours").tolist() == list(range(10))
    labels = runs.labels().rows(rows)
    assert labels.seeds.tolist() == [0, 0, 1, 1]
    assert sorted(labels.families.tolist()) == ["box", "box", "can", "can"]


def test_pictures_are_of_the_episodes_that_the_policy_ran() -> None:
    runs = SplitRuns(made_up_targets(), planned())
    assert len(runs.pictured()) == 5
    runs.limit("ours", EpisodeLimit(poses=1))
    assert len(runs.pictured()) == 2


@pytest.mark.parametrize("options", [{"poses": 0}, {"seeds": 0}])
def test_a_limit_of_nothing_is_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"a limit has (poses|seeds) 0; allowed are 1 and more, or null for all"):
        EpisodeLimit(**options)


def test_only_splits_with_grasps_are_measured(tiny_grasps: GraspSet, tmp_path: Path) -> None:
    path = tmp_path / "third.npz"
    save_grasp_set(tiny_grasps.split("unseen_families"), path)
    data = RolloutDataModule(path=str(path), reachable_only=False)
    assert present_splits(data, ("unseen_instances", "unseen_families")) == ["unseen_families"]
    with pytest.raises(ValueError, match=r"third\.npz has grasps of unseen_families, none of which .*unseen_instances"):
        present_splits(data, ("unseen_instances",))
