"""Modules, primitives and data of one hand go together, those of two do not."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from envs.hand.registry import load_hand
from envs.hand.shadow import shadow_hand
from lightning_modules.diffusion.joint_state import JointVector
from lightning_modules.hand_guard import check_same_hand
from lightning_modules.networks.point_encoders import PointNetEncoder
from lightning_modules.ppo.exploration import StructuredNoise
from lightning_modules.residual_ppo_module import ResidualPPOModule
from lightning_modules.score_module import ScoreMatchingModule
from tests.hands import needs_ability_hand


def encoder() -> PointNetEncoder:
    return PointNetEncoder(widths=(8, 8), feature_widths=(8,))


def test_data_of_another_hand_is_refused() -> None:
    trainer = SimpleNamespace(datamodule=SimpleNamespace(hand=replace(shadow_hand(), name="other")))
    with pytest.raises(ValueError, match="the data is of the hand other, the model of the hand shadow; give data"):
        check_same_hand(shadow_hand(), trainer)


@pytest.mark.parametrize("datamodule", [None, SimpleNamespace(), SimpleNamespace(hand=shadow_hand())])
def test_data_of_the_same_or_of_no_hand_is_fine(datamodule: object) -> None:
    check_same_hand(shadow_hand(), SimpleNamespace(datamodule=datamodule))


@needs_ability_hand
def test_a_score_module_has_the_joints_of_its_hand() -> None:
    module = ScoreMatchingModule(hand="ability", encoder=encoder())
    assert module.hand is load_hand("ability")
    assert module.joint_state.dim == 6
    with pytest.raises(ValueError, match=r"joint_state is of 18 joints, the hand ability has 6; set joint_state\.num"):
        ScoreMatchingModule(hand="ability", encoder=encoder(), joint_state=JointVector())


@needs_ability_hand
def test_a_policy_has_the_numbers_of_its_hand_and_refuses_a_primitive_of_another() -> None:
    primitive = ScoreMatchingModule(hand="ability", encoder=encoder())
    module = ResidualPPOModule(primitive, hand="ability")
    assert module.network.action_dim == 12  # a_s and a_r
    assert module.exploration.directions.shape == (12, 2 * 6)  # the hand and five fingers, of either
    with pytest.raises(ValueError, match="the primitive is of the hand ability, the policy of the hand shadow"):
        ResidualPPOModule(primitive)


@needs_ability_hand
def test_structured_noise_goes_along_the_fingers_of_its_hand() -> None:
    noise = StructuredNoise(6, hand="ability")
    joints = load_hand("ability").joints
    # thumb_q1 opposes and does not close
    assert noise.directions[:, 0].tolist() == [float(name != "thumb_q1") for name in joints]
    assert noise.directions[:, 1].tolist() == [float(name == "index_q1") for name in joints]
    with pytest.raises(ValueError, match=r"knows 12 \(a_s and a_r\) and 6 \(one of them\) for the hand ability"):
        StructuredNoise(36, hand="ability")
