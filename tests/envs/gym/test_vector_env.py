"""Many worlds: Gymnasium's two kinds of autoreset, held against its own vector of single environments."""

import weakref
from itertools import combinations
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_reset_seed_determinism
from gymnasium.utils.passive_env_checker import data_shares_objects
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.vector.utils import batch_space

from envs.gym.single_env import AssistEnv
from envs.gym.vector_env import AssistVectorEnv
from envs.gym.worlds import WorldSettings
from envs.physics.mujoco_worlds import MujocoCpuPhysics
from envs.task.episodes import Episodes, EpisodeSampler, join_episodes
from envs.task.rewards import RewardSettings
from envs.task.settings import TaskSettings
from tests.assisting import HAND, sampler
from tests.gym import STEPS, settings, sources, tiny_vector_env

LENGTHS = (4, 7)
"""Control steps of the episodes of the first and of the second world."""


class InTurn:
    """Episodes of each of two worlds from samplers of their own, so that it does not matter which one asks first.

    Worlds end in the order of LENGTHS, and together after 28 steps, which no test here takes.
    """

    def __init__(self, order: list[int]) -> None:
        self._samplers = [sampler(seed=world, num_steps=steps) for world, steps in enumerate(LENGTHS)]
        self._order = iter(order)

    def sample(self, count: int) -> Episodes:
        return join_episodes([self._samplers[next(self._order)].sample(1) for _ in range(count)])


def told() -> WorldSettings:
    return WorldSettings(RewardSettings.preset("ppo"), TaskSettings(), privileged=("remaining",), picture_size=32)


def ours(mode: str) -> AssistVectorEnv:
    # ends: world 0 after 4, 8, 12, ... steps, world 1 after 7, 14, ...; next-step adds one to each
    order = [0, 1, 0, 1, 0, 0, 1]
    return AssistVectorEnv(MujocoCpuPhysics(HAND, 2, num_threads=0), lambda _: InTurn(order), told(), mode)


def theirs(mode: str) -> SyncVectorEnv:
    def single(world: int) -> AssistEnv:
        def source(_: int) -> EpisodeSampler:
            return sampler(seed=world, num_steps=LENGTHS[world])

        return AssistEnv(MujocoCpuPhysics(HAND, 1, num_threads=0), source, told())

    return SyncVectorEnv([lambda: single(0), lambda: single(1)], autoreset_mode=mode)


def assert_told_alike(mine: dict[str, Any], other: dict[str, Any]) -> None:
    """Equal where the masks say that something is told."""
    assert mine.keys() == other.keys()
    for name in (name for name in mine if f"_{name}" in mine):
        mask = mine[f"_{name}"]
        np.testing.assert_array_equal(mask, other[f"_{name}"], err_msg=name)
        if isinstance(mine[name], dict):
            assert_told_alike(mine[name], other[name])
        elif name == "final_obs":
            for world in np.flatnonzero(mask):
                for group, value in mine[name][world].items():
                    np.testing.assert_allclose(value, other[name][world][group], atol=1e-6, err_msg=group)
        else:
            np.testing.assert_allclose(mine[name][mask], other[name][mask], atol=1e-6, err_msg=name)


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_worlds_fare_as_gymnasiums_vector_of_single_environments(mode: str) -> None:
    """Observations, rewards, ends and infos, over ends that fall into different steps."""
    mine, other = ours(mode), theirs(mode)
    first = mine.reset(seed=0), other.reset(seed=0)
    assert_told_alike(first[0][1], first[1][1])
    rng = np.random.default_rng(0)
    ends = []
    for _ in range(12):
        actions = rng.uniform(-1.0, 1.0, (2, 18)).astype(np.float32)
        (seen, reward, terminated, truncated, infos), expected = mine.step(actions), other.step(actions)
        for name, value in seen.items():
            np.testing.assert_allclose(value, expected[0][name], atol=1e-6, err_msg=name)
        np.testing.assert_allclose(reward, expected[1], atol=1e-6)
        np.testing.assert_array_equal(terminated, expected[2])
        np.testing.assert_array_equal(truncated, expected[3])
        assert_told_alike(infos, expected[4])
        ends.append(terminated.tolist())
    # next-step: an episode of 4 steps takes 5; same-step: 4
    expected_ends = {"NextStep": ([3, 8], [6]), "SameStep": ([3, 7, 11], [6])}[mode]
    assert tuple(np.flatnonzero(np.array(ends)[:, world]).tolist() for world in (0, 1)) == expected_ends


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_a_vector_is_what_gymnasium_expects(mode: AutoresetMode) -> None:
    env = tiny_vector_env(3, mode.value, settings(privileged=("remaining",)))
    assert isinstance(env, gymnasium.vector.VectorEnv)
    assert env.metadata["autoreset_mode"] is mode
    assert env.observation_space == batch_space(env.single_observation_space, 3)
    assert env.action_space == batch_space(env.single_action_space, 3)
    check_reset_seed_determinism(env)
    env.reset(seed=2)
    for _ in range(STEPS + 2):
        seen, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        assert seen in env.observation_space
        assert reward.dtype == np.float64
        assert terminated.dtype == truncated.dtype == np.bool_
        assert reward.shape == terminated.shape == truncated.shape == (3,)


def test_what_was_returned_stays_as_it_was() -> None:
    """Over the ends of episodes; Gymnasium's own check of this takes single environments alone."""
    env = tiny_vector_env(2, "SameStep", settings(privileged=("remaining",)))
    calls = [env.reset(seed=0), *(env.step(env.action_space.sample()) for _ in range(STEPS + 1))]
    for one, two in combinations(calls, 2):
        assert not data_shares_objects((one[0], one[-1]), (two[0], two[-1]))


def test_a_picture_of_each_world() -> None:
    env = tiny_vector_env(2, render_mode="rgb_array")
    env.reset(seed=0)
    pictures = env.render()
    assert pictures is not None
    assert [picture.shape for picture in pictures] == [(32, 32, 3)] * 2
    assert tiny_vector_env(2).render() is None


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_closed_worlds_are_given_up_and_say_so(mode: str) -> None:
    physics = MujocoCpuPhysics(HAND, 2, num_threads=0)
    env, alive = AssistVectorEnv(physics, sources, settings(), mode, "rgb_array"), weakref.ref(physics)
    del physics
    env.reset(seed=0)
    for _ in range(STEPS + 1):
        env.step(env.action_space.sample())
    env.close()
    assert alive() is None
    for call in (env.reset, env.render, lambda: env.step(env.action_space.sample())):
        with pytest.raises(RuntimeError, match="the environment was closed; make another one"):
            call()
    env.close()
