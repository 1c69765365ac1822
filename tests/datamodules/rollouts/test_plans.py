"""Which grasps are evaluated, and with which movements."""

import numpy as np
import pytest

from datamodules.rollouts.plans import PosesPlan, SpreadPlan, planned_episodes
from envs.task.targets import GraspTargets
from envs.wrist.patterns import WristPatterns, generate_patterns


def test_all_grasps_come_equally_often_give_or_take_one(targets: GraspTargets) -> None:
    count = 2 * len(targets) + 3
    rows = SpreadPlan(count).rows(targets, seed=0)
    times = np.bincount(rows, minlength=len(targets))
    assert len(rows) == count
    assert times.sum() == count
    assert set(times) == {2, 3}


def test_a_subset_is_fixed_by_its_seed(targets: GraspTargets) -> None:
    plan = SpreadPlan(3)
    np.testing.assert_array_equal(plan.rows(targets, 1), plan.rows(targets, 1))
    assert any(plan.rows(targets, 1).tolist() != plan.rows(targets, seed).tolist() for seed in range(2, 6))


def test_every_object_gives_its_most_diverse_grasps_once(targets: GraspTargets) -> None:
    rows = PosesPlan(2).rows(targets, seed=3)
    assert len(set(rows.tolist())) == len(rows)
    assert np.bincount(targets.object_index[rows]).tolist() == [2] * len(targets.grasp_objects)
    every = PosesPlan(100).rows(targets, seed=3)
    assert sorted(every.tolist()) == list(range(len(targets)))


def test_some_objects_give_what_they_give_among_all(targets: GraspTargets) -> None:
    every, some = (PosesPlan(2, max_objects=most).rows(targets, seed=0) for most in (None, 1))
    first = targets.object_index.min()
    assert some.tolist() == [row for row in every.tolist() if targets.object_index[row] == first]
    assert PosesPlan(2, max_objects=100).rows(targets, seed=0).tolist() == every.tolist()


def test_episodes_are_the_same_for_the_same_seed_only(targets: GraspTargets) -> None:
    patterns = generate_patterns()
    first, again, other = (
        planned_episodes(PosesPlan(1), targets, patterns, is_training=False, seed=seed) for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(first.wrist_pose_w, again.wrist_pose_w)
    np.testing.assert_array_equal(first.grasp_row, other.grasp_row)
    assert np.abs(first.wrist_pose_w - other.wrist_pose_w).max() > 0.01


@pytest.mark.parametrize(("is_training", "part"), [(True, "train"), (False, "test")])
def test_movements_come_from_the_objects_own_part(
    targets: GraspTargets, is_training: bool, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    split = WristPatterns.split

    def noted(self: WristPatterns, name: str) -> WristPatterns:
        asked.append(name)
        return split(self, name)  # type: ignore[arg-type]

    monkeypatch.setattr(WristPatterns, "split", noted)
    planned_episodes(SpreadPlan(1), targets, generate_patterns(), is_training=is_training, seed=0)
    assert asked == [part]


def test_empty_plans_are_refused() -> None:
    with pytest.raises(ValueError, match="num_episodes is 0; an evaluation needs at least 1"):
        SpreadPlan(0)
    with pytest.raises(ValueError, match="poses is 0 and max_objects None; an evaluation needs at least 1 grasp of 1"):
        PosesPlan(0)
    with pytest.raises(ValueError, match="max_objects 0"):
        PosesPlan(1, max_objects=0)
