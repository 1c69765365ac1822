"""What can be wrong with a residual policy and what it stands on is named."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from envs.task.observations import OBSERVATION_GROUPS
from lightning_modules.composition import Direct
from lightning_modules.networks.point_encoders import PointNetEncoder
from lightning_modules.ppo.exploration import IndependentNoise
from lightning_modules.residual_ppo_module import ResidualPPOModule
from tests.assisting import made_up_observation
from tests.lightning_modules.made_up_rollouts import MadeUpRollouts, Make, fit, wants_scale


@pytest.mark.parametrize(
    ("name", "value", "needed"),
    [
        ("epochs", 0, "at least 1"),
        ("minibatch_size", 0, "at least 1"),
        ("gamma", 1.01, r"a number in \[0, 1\]"),
        ("gamma", math.nan, r"a number in \[0, 1\]"),
        ("lam", -0.1, r"a number in \[0, 1\]"),
        ("clip", 0.0, r"a number in \(0, 1\)"),
        ("clip", 1.0, r"a number in \(0, 1\)"),
        ("value_coefficient", -1.0, "a finite number of at least 0"),
        ("entropy_coefficient", math.inf, "a finite number"),
        ("max_grad_norm", 0.0, "a number above 0"),
        ("learning_rate", 0.0, "a finite number above 0"),
        ("critic_learning_rate", 0.0, "a finite number above 0"),
        ("imitation_rollouts", -1, "at least 0"),
        ("imitation_dropout", -0.1, r"a number in \[0, 1\)"),
        ("imitation_dropout", 1.0, r"a number in \[0, 1\)"),
        ("imitation_coefficient", -1.0, "a finite number of at least 0"),
        ("seed", -1, "at least 0"),
    ],
)
def test_a_number_with_which_nothing_is_learnt_is_named(make: Make, name: str, value: float, needed: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} is {value}; {needed} is needed$"):
        make(**{name: value})


@pytest.mark.parametrize(("name", "value"), [("imitation_epochs", 0), ("imitation_learning_rate", 0.0)])
def test_numbers_of_imitation_count_where_there_is_some(make: Make, name: str, value: float) -> None:
    make(**{name: value})
    with pytest.raises(ValueError, match=f"{name} is {value}; .* is needed"):
        make(imitation_rollouts=1, **{name: value})


def test_infinity_is_no_limit_of_gradients(make: Make, tmp_path: Path) -> None:
    module = make(max_grad_norm=math.inf)
    before = module.network.actor[0].weight.detach().clone()
    fit(module, MadeUpRollouts(1, wants_scale()), tmp_path)
    assert not torch.equal(module.network.actor[0].weight, before)
    assert bool(module.network.actor[0].weight.isfinite().all())


def test_an_unknown_critic_group_is_named(make: Make) -> None:
    with pytest.raises(ValueError, match=r"observation group 'contact' is unknown; available: joint_pos, .*contacts"):
        make(critic_groups=("contact",))


def test_exploration_of_another_size_than_the_action_is_named(make: Make) -> None:
    with pytest.raises(
        ValueError, match="exploration is made for 18 numbers, composition for 36 of the hand shadow; set"
    ):
        make(exploration=IndependentNoise(18))


def test_a_policy_that_became_nan_is_named(make: Make) -> None:
    module = make()
    with torch.no_grad():
        module.network.actor[0].weight.fill_(torch.nan)
    [acting] = module.begin([3], 50, torch.Generator())
    with pytest.raises(ValueError, match="the policy's output is NaN although all its inputs are finite: its weights"):
        acting.step(made_up_observation(3, 0, tuple(OBSERVATION_GROUPS)), torch.ones(3, dtype=torch.bool))


def test_a_broken_input_is_named(make: Make) -> None:
    module, seen = make(), made_up_observation(3, 0, tuple(OBSERVATION_GROUPS))
    seen["coupled_pos"][1, 2] = torch.nan
    [acting] = module.begin([3], 50, torch.Generator())
    # column 18 + 2 of the vectors
    with pytest.raises(ValueError, match="the policy's output is NaN: input vectors is nan at row 1, column 20"):
        acting.step(seen, torch.ones(3, dtype=torch.bool))


def test_a_missing_primitive_is_named(make: Make, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.ckpt does not exist; train one with"):
        ResidualPPOModule(str(tmp_path / "none.ckpt"))


def altered(path: Path, primitive: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    content = torch.load(primitive, weights_only=True)
    change(content)
    torch.save(content, path)
    return path


def other_size(content: dict[str, Any]) -> None:
    content["hyper_parameters"]["joint_width"] = 24


def other_state(content: dict[str, Any]) -> None:
    content["hyper_parameters"]["joint_state"] = {
        "class_path": "lightning_modules.diffusion.joint_state.SinCosJoints", "init_args": {},
    }  # fmt: skip


def other_hand(content: dict[str, Any]) -> None:
    """Weights for 22 joints."""
    for name, value in content["state_dict"].items():
        if 18 in value.shape:
            shape = [22 if size == 18 else size for size in value.shape]
            content["state_dict"][name] = torch.zeros(shape)


@pytest.mark.parametrize("change", [other_size, other_state, other_hand])
def test_a_primitive_whose_weights_do_not_fit_is_named(
    change: Callable[[dict[str, Any]], None], primitive: Path, tmp_path: Path
) -> None:
    path = altered(tmp_path / "odd.ckpt", primitive, change)
    # torch's own text has several lines
    message = (
        r"odd\.ckpt does not describe a ScoreMatchingModule of this version: [\s\S]*size mismatch[\s\S]*retrain it"
    )
    with pytest.raises(ValueError, match=message):
        ResidualPPOModule(str(path))


def test_a_checkpoint_that_is_no_primitive_is_named(make: Make, tmp_path: Path) -> None:
    module = make()
    path = tmp_path / "policy.ckpt"
    torch.save({"state_dict": module.state_dict(), "hyper_parameters": {"epochs": 4, "gamma": 0.9}}, path)
    with pytest.raises(ValueError, match=r"policy\.ckpt does not describe a ScoreMatchingModule"):
        ResidualPPOModule(str(path))


def test_an_encoder_that_does_not_fit_its_checkpoint_is_named(make: Make, primitive: Path) -> None:
    with pytest.raises(ValueError, match=r"gf\.ckpt \(PointNetEncoder\) does not fit the policy's PointNetEncoder: "):
        make(encoder=PointNetEncoder((8, 24), (16,)), encoder_checkpoint=str(primitive))


def test_parts_that_do_not_go_together_without_a_primitive_are_named(make: Make) -> None:
    own = PointNetEncoder((8, 16), (8,))
    noise = IndependentNoise(18)
    with pytest.raises(ValueError, match="composition ScaleAndResidual uses a primitive and there is none; set model"):
        make(primitive=None, encoder=own)
    with pytest.raises(ValueError, match="there is no feature of the cloud to share; give the policy an encoder"):
        make(primitive=None, composition=Direct(), exploration=noise)
    with pytest.raises(ValueError, match="Direct has no use for; set imitation_rollouts and imitation_coeff"):
        make(composition=Direct(), exploration=noise, imitation_rollouts=1)
    with pytest.raises(ValueError, match="composition Direct has no use for"):
        make(composition=Direct(), exploration=noise, imitation_coefficient=1.0)
    with pytest.raises(ValueError, match="does without a primitive; none can act alone"):
        make(primitive=None, composition=Direct(), exploration=noise, encoder=own).primitive_policy()
