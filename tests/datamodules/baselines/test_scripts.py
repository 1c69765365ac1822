"""Scripts close when they should, to what they should."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from datamodules.baselines.scripts import (
    SETTLING_STEPS,
    FixedStepClose,
    GoalOnArrival,
    NearestGoals,
    blind_script,
    closing_steps,
    oracle,
    scripted_close,
    stored_goals,
)
from envs.conventions import MAX_JOINT_STEP
from envs.hand.shadow import shadow_hand
from envs.rows import take_rows
from envs.task.episodes import Episodes
from envs.task.observations import Observation
from envs.task.targets import GraspTargets
from envs.wrist.movement import AUTOMATIC

HAND = shadow_hand()


def seen(joint_pos: np.ndarray) -> Observation:
    """An observation of the joints (E, 18), rad, and of nothing else."""
    joints = HAND.normalise(torch.as_tensor(joint_pos)).float()
    return Observation({"joint_pos": joints})


def test_fixed_step_waits_then_runs_at_full_speed_and_slows_down_at_the_goal() -> None:
    goal = HAND.open_pose.copy()
    goal[[1, 2]] += [0.5, 0.02]
    script = FixedStepClose(HAND, goal, step=20)
    observation = seen(np.tile(HAND.open_pose.copy(), (2, 1)))
    assert not script.act(observation, 19).any()
    action = script.act(observation, 20)
    # 0.5 rad are more than a step of 0.05: full speed; 0.02 rad are 0.4 of a step
    np.testing.assert_allclose(action[0, :3], [0.0, 1.0, 0.02 / MAX_JOINT_STEP], atol=1e-5)
    np.testing.assert_array_equal(action[0], action[1])


def test_a_step_before_the_episode_is_refused() -> None:
    with pytest.raises(ValueError, match=r"closing starts at step -1, expected at least 0"):
        FixedStepClose(HAND, HAND.open_pose.copy(), -1)


def test_wrong_goal_is_refused() -> None:
    with pytest.raises(ValueError, match=r"goal has shape \(17,\), expected \(18,\)"):
        FixedStepClose(HAND, np.zeros(17), 3)


def test_joints_start_on_arrival_unless_they_would_come_too_late(episodes: Episodes) -> None:
    goal = np.tile(HAND.open_pose.copy(), (2, 1))
    goal[:, 1] += 1.0  # 20 steps: at the latest from step 50 - 2 - 20 = 28
    goal[:, 2] += 0.1  # 2 steps: at the latest from step 46
    steps = closing_steps(goal, replace(take_rows(episodes, np.arange(2)), arrival_step=np.array([22, 40])))
    assert SETTLING_STEPS == 2
    assert steps[:, 1].tolist() == [22, 28]
    assert steps[:, 2].tolist() == [22, 40]
    assert steps[:, 0].tolist() == [22, 40]


def test_oracle_closes_to_the_stored_joints(episodes: Episodes) -> None:
    script = oracle()
    script.tell(replace(episodes, arrival_step=np.array([5, 5, 40, 40])))
    observation = seen(np.tile(HAND.open_pose.copy(), (4, 1)))
    assert not script.act(observation, 4).any()
    action = script.act(observation, 5)
    expected = ((episodes.goal_joint_pos - HAND.open_pose.copy()) / MAX_JOINT_STEP).clip(-1.0, 1.0)
    np.testing.assert_allclose(action[:2], expected[:2], atol=1e-4)
    assert not action[2:].any()
    assert stored_goals(episodes) is episodes.goal_joint_pos


def stood_still(count: int, num_steps: int = 50) -> dict[str, NDArray[np.int64]]:
    """Columns of episodes in which the wrist stands at the grasp from the start."""
    ends = ("num_steps", "retry_lift_step", "retry_steps")
    columns = {name: np.full(count, num_steps) for name in ends}
    return {
        **columns,
        "arrival_step": np.zeros(count, dtype=np.int64),
        "lift_step": np.full(count, AUTOMATIC),
        "kind": np.zeros(count, dtype=np.int64),
    }


def test_nearest_grasp_of_a_known_view_is_that_view(train: GraspTargets, episodes: Episodes) -> None:
    """The same object, wrist and joints under another object's name: its twin is found."""
    twin = replace(train.grasp_objects[0], name="twin")
    own = np.flatnonzero(train.object_index == 0)
    count = len(own)
    known = Episodes(
        hand=HAND,
        grasp_row=own,
        grasp_objects=[twin] * count,
        object_index=np.zeros(count, dtype=np.int64),
        object_pose_w=train.object_pose_w[own],
        wrist_pose_w=np.repeat(train.wrist_pose_w[own, None], 51, axis=1),
        goal_joint_pos=train.joint_pos[own],
        other_joint_pos=train.joint_pos[own],
        **stood_still(count),
    )
    nearest = NearestGoals(train)
    np.testing.assert_array_equal(nearest(known), train.joint_pos[own])


def test_nearest_grasp_is_never_one_of_the_same_object(train: GraspTargets) -> None:
    own = np.flatnonzero(train.object_index == 0)[:2]
    others = train.joint_pos[train.object_index == 1]
    known = Episodes(
        hand=HAND,
        grasp_row=own,
        grasp_objects=[train.grasp_objects[0]] * 2,
        object_index=np.zeros(2, dtype=np.int64),
        object_pose_w=train.object_pose_w[own],
        wrist_pose_w=np.repeat(train.wrist_pose_w[own, None], 51, axis=1),
        goal_joint_pos=train.joint_pos[own],
        other_joint_pos=train.joint_pos[own],
        **stood_still(2),
    )
    for joints in NearestGoals(train)(known):
        assert (joints == others).all(axis=1).any()


def test_nearest_grasp_needs_another_object(train: GraspTargets, episodes: Episodes) -> None:
    only = train.rows(np.flatnonzero(train.object_index == 0))
    same = replace(episodes, grasp_objects=[train.grasp_objects[0]] * len(episodes))
    with pytest.raises(ValueError, match=r"object '.*' can be compared with no other object"):
        NearestGoals(only)(same)


def test_constant_scripts_close_to_mean_and_limits(train: GraspTargets) -> None:
    np.testing.assert_allclose(scripted_close(train, 20).goal, train.joint_pos.mean(axis=0))
    assert scripted_close(train, 20).step == 20
    assert blind_script(HAND, 30).goal.max() > 1.5


def test_a_new_episode_has_new_goals(episodes: Episodes) -> None:
    script = GoalOnArrival(stored_goals)
    now = replace(episodes, arrival_step=np.zeros(4, dtype=np.int64))
    script.tell(now)
    script.tell(replace(now, goal_joint_pos=np.tile(HAND.open_pose.copy(), (4, 1))))
    np.testing.assert_allclose(script.act(seen(np.tile(HAND.open_pose.copy(), (4, 1))), 49), 0.0, atol=1e-5)
