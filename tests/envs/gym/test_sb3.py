"""Worlds as Stable-Baselines3 wants them."""

import numpy as np
import pytest

pytest.importorskip("stable_baselines3", reason="stable_baselines3 is not installed; the extra dev has it")

from envs.gym.sb3 import SB3Worlds
from envs.gym.wrappers import NotedSuccesses, VectorFlatObservation
from tests.gym import STEPS, PassingBy, settings, tiny_vector_env

GROUPS = ("joint_pos", "wrist_history")


def test_an_end_tells_its_last_observation_return_and_success() -> None:
    env = SB3Worlds(VectorFlatObservation(tiny_vector_env(2, "SameStep", settings("ppo")), GROUPS))
    env.seed(3)
    first = env.reset()
    env.seed(3)
    np.testing.assert_array_equal(env.reset(), first)
    assert (env.reset() != first).any()  # a seed is used once
    total = np.zeros(2)
    for step in range(STEPS):
        seen, reward, done, infos = env.step(np.zeros((2, 18), dtype=np.float32))
        total += reward
        assert done.tolist() == [step == STEPS - 1] * 2
        assert done.all() or infos == [{}, {}]
    for world, info in enumerate(infos):
        assert info["episode"]["r"] == pytest.approx(total[world], abs=1e-5)
        assert info["episode"]["l"] == STEPS
        assert info["TimeLimit.truncated"] is False
        assert isinstance(info["is_success"], bool)
        assert info["terminal_observation"] in env.observation_space
        # the hand begins anew elsewhere
        assert (info["terminal_observation"] != seen[world]).any()
    *_, infos = env.step(np.zeros((2, 18), dtype=np.float32))
    assert infos == [{}, {}]
    assert env.get_attr("num_envs") == [2, 2]
    assert env.env_is_wrapped(object, indices=[1]) == [False]


def test_the_success_rate_is_that_of_grasps() -> None:
    worlds = tiny_vector_env(2, "SameStep", settings("ppo"), source=PassingBy)
    noted = NotedSuccesses(VectorFlatObservation(worlds, GROUPS))
    env = SB3Worlds(noted)
    env.reset()
    for _ in range(STEPS):
        *_, infos = env.step(np.zeros((2, 18), dtype=np.float32))
    assert "is_success" not in infos[0]  # the wrist came for no grasp: Stable-Baselines3 leaves the episode out
    assert [infos[1]["is_success"]] == noted.successes


def test_steps_that_are_none_would_be_learnt_from() -> None:
    with pytest.raises(ValueError, match="expected SAME_STEP: autoreset_mode='SameStep'"):
        SB3Worlds(tiny_vector_env(2, "NextStep"))
