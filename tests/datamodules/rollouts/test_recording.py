"""Episodes frame by frame."""

from dataclasses import replace

import numpy as np
import pytest

from datamodules.rollouts.recording import record_episodes, state_names
from envs.physics.base import Array
from envs.physics.mujoco_cpu import MujocoCpu
from envs.task.episodes import join_episodes
from envs.task.observations import Observation
from envs.wrist.movement import KINDS
from tests.assisting import HAND, sampler


class Counting:
    """Acts with the number of the step, in hundredths; out of [-1, 1] for the last joint."""

    def start(self, num_worlds: int) -> None:
        pass

    def act(self, observation: Observation, step: int) -> Array:
        action = np.full((len(observation), 18), 0.01 * step)
        action[:, -1] = 3.0
        return action


def test_frames_are_what_was_there_before_each_action() -> None:
    episodes = join_episodes(
        [sampler(seed=seed, num_steps=steps).sample(1) for seed, steps in ((0, 3), (1, 5), (2, 4))]
    )
    recorded = list(record_episodes(Counting(), episodes, MujocoCpu(), num_worlds=2, num_threads=0))
    assert [len(each) for each in recorded] == [3, 5, 4]
    for world, each in enumerate(recorded):
        assert each.state.shape == (len(each), len(state_names(HAND)))
        np.testing.assert_allclose(each.state[0, :18], HAND.open_pose, atol=1e-6)
        # the wrist, in the last seven columns, is on its path, while it is free, and not yet where the step takes it
        wrist_w, path_w = each.state[:, -7:-4], episodes.wrist_pose_w[world, : len(each) + 1, :3]
        lag, ahead = (np.linalg.norm(wrist_w - path, axis=1) for path in (path_w[:-1], path_w[1:]))
        assert (lag[:2] < 0.1 * ahead[:2]).all()
        assert lag[0] == pytest.approx(0.0, abs=1e-6)
        np.testing.assert_allclose(each.object_pose_w[0], episodes.object_pose_w[world], atol=1e-6)
        np.testing.assert_allclose(each.action[:, 0], 0.01 * np.arange(len(each)))
        np.testing.assert_array_equal(each.action[:, -1], 1.0)
        assert each.reward.sum() == float(each.is_success)
        assert each.task == f"lift the {episodes.grasp_objects[world].family}"


def test_no_world_is_refused() -> None:
    with pytest.raises(ValueError, match="num_worlds is 0, expected at least 1"):
        next(record_episodes(Counting(), sampler().sample(1), MujocoCpu(), num_worlds=0))


def test_where_the_wrist_passes_by_the_task_is_to_leave_the_object_alone() -> None:
    episodes = sampler(num_steps=3).sample(2)
    episodes = replace(episodes, kind=np.array([KINDS.index("pass_by"), KINDS.index("grasp")]))
    passing, grasp = record_episodes(Counting(), episodes, MujocoCpu(), num_threads=0)
    families = [thing.family for thing in episodes.grasp_objects]
    assert (passing.task, grasp.task) == (f"leave the {families[0]} alone", f"lift the {families[1]}")
    assert (passing.is_success, grasp.is_success) == (True, False)  # fingers that hardly move touch nothing in time
