"""The primitive in the loop of Gymnasium's environments."""

import warnings

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

from envs.gym.wrappers import FlatObservation, RewardPreset
from lightning_modules.composition import ScaleAndResidual
from lightning_modules.policy.gym_primitive import PrimitiveInTheLoop, VectorPrimitiveInTheLoop
from lightning_modules.primitive import GraspPrimitive
from tests.assisting import save_primitive
from tests.gym import STEPS, settings, tiny_env, tiny_vector_env


@pytest.fixture(scope="module")
def primitive(tmp_path_factory: pytest.TempPathFactory) -> GraspPrimitive:
    return GraspPrimitive.from_checkpoint(save_primitive(tmp_path_factory.mktemp("primitive") / "tiny.ckpt"))


def test_the_action_has_36_numbers_and_the_checker_has_nothing_to_say(primitive: GraspPrimitive) -> None:
    env = PrimitiveInTheLoop(tiny_env(settings("default")), primitive)
    assert env.action_space.shape == (36,)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="(?s).*(alternative render modes|unwrapped version).*")
        check_env(env)


def test_a_gate_of_one_and_no_residual_do_what_the_primitive_says(primitive: GraspPrimitive) -> None:
    """With a = a_p * a_s + a_r; and the reward for following is told a_p."""
    scale = ScaleAndResidual(scale_centre=0.75)
    env = PrimitiveInTheLoop(RewardPreset(tiny_env(), "paper"), primitive, composition=scale)
    before, _ = env.reset(seed=0)
    inside = tiny_env()
    inside.reset(seed=0)
    for _ in range(5):
        after, *_, info = env.step(np.repeat([0.25, 0.0], 18))  # on top of 0.75 and 0
        expected, *_ = inside.step(before["primitive_action"])
        np.testing.assert_array_equal(after["joint_pos"], expected["joint_pos"])
        before = after
    assert info["terms"]["following"] > 0.0  # due in the fifth step


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_many_worlds_see_what_one_sees_and_ends_have_every_group(primitive: GraspPrimitive, mode: str) -> None:
    env = VectorPrimitiveInTheLoop(tiny_vector_env(2, mode), primitive)
    seen, _ = env.reset(seed=0)
    assert seen in env.observation_space
    for _ in range(STEPS):
        seen, *_, infos = env.step(env.action_space.sample())
        assert seen in env.observation_space
    if mode == "SameStep":
        for final in infos["final_obs"]:
            assert final in env.single_observation_space
            # of the last step, not of the first of the next episode
            columns, row = env._loop._inputs.columns(primitive.hand, with_primitive=True), final["policy_inputs"]
            np.testing.assert_array_equal(row[columns["joint_pos"]], final["joint_pos"])
            np.testing.assert_array_equal(row[columns["primitive_action"]], final["primitive_action"])


def test_trainers_that_want_a_row_get_one(primitive: GraspPrimitive) -> None:
    env = FlatObservation(PrimitiveInTheLoop(tiny_env(), primitive), ["policy_inputs", "primitive_feature"])
    row, _ = env.reset(seed=0)
    assert row.shape == env.observation_space.shape
    with pytest.raises(TypeError, match="the observation space is Box, expected Dict; flatten it afterwards"):
        PrimitiveInTheLoop(env, primitive)


def test_a_centre_of_another_size_is_refused(primitive: GraspPrimitive) -> None:
    with pytest.raises(ValueError, match=r"centre has shape \(18,\), expected \(36,\)"):
        PrimitiveInTheLoop(tiny_env(), primitive, centre=[0.0] * 18)


def test_an_action_of_another_size_is_refused(primitive: GraspPrimitive) -> None:
    env = PrimitiveInTheLoop(tiny_env(), primitive)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"actions have shape \(1, 18\), expected \(1, 36\)"):
        env.step(np.zeros(18))


def test_environments_of_others_are_refused(primitive: GraspPrimitive) -> None:
    with pytest.raises(TypeError, match="is no environment of this project"):
        PrimitiveInTheLoop(gymnasium.make("CartPole-v1"), primitive)


def test_nothing_is_left_to_differentiate(primitive: GraspPrimitive) -> None:
    env = PrimitiveInTheLoop(tiny_env(), primitive)
    env.reset(seed=0)
    assert not env._loop._heading.action.requires_grad
    assert torch.is_grad_enabled()
