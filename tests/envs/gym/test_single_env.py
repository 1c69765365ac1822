"""One world under Gymnasium's own checks."""

import warnings
import weakref

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from envs.gym.single_env import AssistEnv
from envs.physics.mujoco_worlds import MujocoCpuPhysics
from envs.task.observations import POLICY_GROUPS, group_shape
from tests.assisting import HAND
from tests.gym import STEPS, settings, sources, tiny_env, tiny_vector_env


def test_gymnasiums_checker_has_nothing_to_say() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # without a registered specification no other render modes can be tried; tests/datamodules has one
        warnings.filterwarnings("ignore", message=".*alternative render modes.*")
        check_env(tiny_env(settings(privileged=("contacts", "remaining"), watch_contacts=True), "rgb_array"))


def test_an_episode_ends_with_its_lift_and_says_how_it_went() -> None:
    env = tiny_env(settings(privileged=("remaining",), watch_contacts=True))
    observation, info = env.reset(seed=3)
    assert {name: value.shape for name, value in observation.items()} == {
        name: group_shape(name, HAND) for name in POLICY_GROUPS
    }
    assert info["remaining"][0] == 1.0
    steps = [env.step(env.action_space.sample()) for _ in range(STEPS)]
    assert [step[2:4] for step in steps] == [(False, False)] * (STEPS - 1) + [(True, False)]
    last = steps[-1][4]
    assert last["is_success"] is False
    assert isinstance(last["cause"], str)
    assert last["rise"] == pytest.approx(0.0, abs=0.01)
    assert "is_success" not in steps[0][4]
    for step in steps:
        assert step[1] == pytest.approx(sum(step[4]["terms"].values()), abs=1e-6)
    with pytest.raises(RuntimeError, match="there is no episode, or it is over; call reset"):
        env.step(env.action_space.sample())


def test_privileged_groups_are_told_to_those_who_ask_alone() -> None:
    _, info = tiny_env().reset(seed=0)
    assert info == {}
    with pytest.raises(ValueError, match="observation group 'joint_pos' is not privileged"):
        tiny_env(settings(privileged=("joint_pos",)))


def test_a_closed_environment_gives_its_world_up_and_says_so() -> None:
    physics = MujocoCpuPhysics(HAND, 1, num_threads=0)
    env, alive = AssistEnv(physics, sources, settings(), "rgb_array"), weakref.ref(physics)
    del physics
    env.reset(seed=0)
    env.step(env.action_space.sample())
    env.close()
    assert alive() is None  # and with it threads, a worker, or memory of a device
    for call in (env.reset, env.render, lambda: env.step(env.action_space.sample())):
        with pytest.raises(RuntimeError, match="the environment was closed; make another one"):
            call()
    env.close()


def test_a_picture_shows_the_hand_come_near() -> None:
    env = tiny_env(render_mode="rgb_array")
    env.reset(seed=1)
    first = env.render()
    for _ in range(STEPS - 1):
        env.step(np.zeros(18))
    later = env.render()
    assert first is not None
    assert later is not None
    assert first.shape == (32, 32, 3)
    assert (first != later).any()
    assert tiny_env().render() is None


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="render_mode is 'human', expected rgb_array or None"):
        tiny_env(render_mode="human")
    with pytest.raises(ValueError, match="autoreset_mode is 'Disabled', expected one of NextStep, SameStep"):
        tiny_vector_env(mode="Disabled")
    with pytest.raises(ValueError, match="options have a reset_mask"):
        tiny_vector_env().reset(options={"reset_mask": np.ones(2, dtype=bool)})
