"""Flat observations and presets of the reward."""

import gymnasium
import numpy as np
import pytest

from envs.gym.wrappers import (
    FlatObservation,
    NotedSuccesses,
    RewardPreset,
    VectorFlatObservation,
    VectorRewardPreset,
)
from envs.task.rewards import PRESETS
from tests.gym import STEPS, PassingBy, tiny_env, tiny_vector_env

GROUPS = ("command", "wrist_history")


def test_groups_stand_side_by_side_in_the_order_asked_for() -> None:
    env = FlatObservation(tiny_env(), GROUPS)
    row, _ = env.reset(seed=0)
    inside, _ = tiny_env().reset(seed=0)
    assert row in env.observation_space
    np.testing.assert_array_equal(row, np.concatenate([inside["command"], inside["wrist_history"].ravel()]))
    # everything: 18 joints, 4 coupled, 5 and 4 poses, 1024 points, 18 commands
    assert FlatObservation(tiny_env()).observation_space.shape == (18 + 4 + 35 + 28 + 3072 + 18,)


def test_rows_of_many_worlds_and_of_their_last_steps() -> None:
    env = VectorFlatObservation(tiny_vector_env(2, "SameStep"), GROUPS)
    rows, _ = env.reset(seed=0)
    assert rows in env.observation_space
    for _ in range(STEPS):
        rows, *_, infos = env.step(env.action_space.sample())
    assert rows in env.observation_space
    assert all(row in env.single_observation_space for row in infos["final_obs"])


def test_a_group_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="observation group 'joints' is not observed; available: command, coupled"):
        FlatObservation(tiny_env(), ["joints"])
    with pytest.raises(ValueError, match="no observation group is named"):
        FlatObservation(tiny_env(), [])
    with pytest.raises(TypeError, match="the observation space is Box, expected Dict"):
        FlatObservation(FlatObservation(tiny_env()))


def test_a_preset_changes_what_is_paid() -> None:
    env = RewardPreset(FlatObservation(tiny_env(), GROUPS), "ppo_goal")
    env.reset(seed=0)
    assert set(env.step(np.zeros(18))[4]["terms"]) == set(PRESETS["ppo_goal"])
    vector = VectorRewardPreset(tiny_vector_env(), "ppo_goal")
    vector.reset(seed=0)
    infos = vector.step(np.zeros((2, 18)))[4]
    assert {name for name in infos["terms"] if not name.startswith("_")} == set(PRESETS["ppo_goal"])
    with pytest.raises(ValueError, match="reward preset 'papr' is unknown; available: default, paper"):
        RewardPreset(tiny_env(), "papr")


def test_a_reward_of_the_primitive_needs_one() -> None:
    env = RewardPreset(tiny_env(), "paper")
    env.reset(seed=0)
    with pytest.raises(ValueError, match="reward term 'following' needs a_p, which was not given"):
        env.step(np.zeros(18))


def test_environments_of_others_are_refused() -> None:
    with pytest.raises(TypeError, match="is no environment of this project"):
        RewardPreset(gymnasium.make("CartPole-v1"), "paper")


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_successes_are_noted_once_an_episode(mode: str) -> None:
    env = NotedSuccesses(tiny_vector_env(2, mode))
    env.reset(seed=0)
    assert env.first_and_last() == {}
    told: list[bool] = []
    with_objects: list[int] = []
    for _ in range(2 * STEPS + 1):
        objects = env.unwrapped.worlds.env.episodes.object_index.tolist()
        *_, infos = env.step(np.zeros((2, 18)))
        infos = infos.get("final_info", infos)
        told += infos["is_success"].tolist() if "is_success" in infos else []
        with_objects += objects if "is_success" in infos else []
    assert (env.successes, env.objects) == (told, with_objects)
    assert len(told) == 4


def test_the_first_and_the_last_fifth_of_the_episodes_are_told_with_their_objects() -> None:
    env = NotedSuccesses(tiny_vector_env(2))
    env.successes, env.objects = [False] * 2 + [True] * 7 + [False], [4, 4, 3, 3, 3, 3, 3, 3, 1, 2]
    told = {name: (successes.tolist(), objects.tolist()) for name, (successes, objects) in env.first_and_last().items()}
    assert told == {"first": ([0.0, 0.0], [4, 4]), "last": ([1.0, 0.0], [1, 2])}


def test_a_movement_past_an_object_is_noted_as_no_success() -> None:
    env = NotedSuccesses(tiny_vector_env(2, source=PassingBy))
    env.reset(seed=0)
    for _ in range(STEPS):
        *_, infos = env.step(np.zeros((2, 18)))
    assert infos["is_success"].tolist() == [True, False]  # left alone, and not lifted
    assert env.successes == [False]
