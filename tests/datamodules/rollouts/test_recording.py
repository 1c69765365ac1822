"""Episodes frame by frame."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from datamodules.rollouts.recording import record_episodes, state_names
from envs.hand.hand import Hand
from envs.physics.base import Array, Given, PhysicsBackend, PhysicsState
from envs.physics.mujoco_cpu import MujocoCpu
from envs.physics.mujoco_worlds import MujocoCpuPhysics
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


class Hanging(MujocoCpuPhysics):
    """The object of each world tells to hang 10 cm below the wrist, from so many control steps on."""

    def __init__(self, hand: Hand, since: list[int]) -> None:
        super().__init__(hand, len(since), num_threads=0)
        self._since, self._num_steps = np.array(since), 0

    def step(self, active: Given | None = None) -> None:
        super().step(active)
        self._num_steps += 1

    def state(self) -> PhysicsState:
        state = super().state()
        below_w = state.wrist_pose_w[:, :3] - [0.0, 0.0, 0.1]
        object_w = state.object_pose_w.copy()
        object_w[:, :3] = np.where((self._num_steps >= self._since)[:, None], below_w, object_w[:, :3])
        return replace(state, object_pose_w=object_w)


@dataclass(frozen=True)
class HangingSince(MujocoCpu):
    """Makes them."""

    since: tuple[int, ...] = ()

    def make(self, hand: Hand, num_worlds: int, *, num_threads: int | None = None) -> PhysicsBackend:
        return Hanging(hand, list(self.since))


def test_an_object_that_only_the_second_try_lifts_is_lifted() -> None:
    # the wrist rises by 15 cm until step 14, comes down, and rises again from step 24 to 36
    height = np.interp(np.arange(37), [0, 2, 14, 20, 24, 36], [0.3, 0.3, 0.45, 0.3, 0.3, 0.45])
    episodes = sampler().sample(3)
    wrist_w = np.repeat(episodes.wrist_pose_w[:, :1], 37, axis=1)
    wrist_w[:, :, 2] = height
    steps = {"num_steps": 14, "arrival_step": 1, "lift_step": 2, "retry_lift_step": 24, "retry_steps": 36, "kind": 0}
    episodes = replace(episodes, wrist_pose_w=wrist_w, **{name: np.full(3, step) for name, step in steps.items()})
    recorded = list(record_episodes(Counting(), episodes, HangingSince(since=(1, 22, 99)), num_threads=0))
    assert [len(each) for each in recorded] == [14, 36, 36]
    assert [each.is_success for each in recorded] == [True, True, False]
    assert [each.reward[-1] for each in recorded] == [1.0, 1.0, 0.0]
    assert not any(each.reward[:-1].any() for each in recorded)
