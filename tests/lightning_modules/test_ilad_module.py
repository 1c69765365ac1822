"""ILAD clones demonstrations, then is held to them; what its losses are is held by ppo/test_demonstration_losses.py."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from datamodules.baselines.demonstrations import Origin, demonstrate
from lightning_modules.composition import Direct, ResidualOnly
from lightning_modules.ilad_module import ILADModule
from lightning_modules.networks.actor_critic import PolicyInput
from lightning_modules.networks.point_encoders import PointNetEncoder
from lightning_modules.ppo.demonstrated import DemonstratedSamples, demonstrated_samples
from lightning_modules.ppo.demonstration_losses import (
    DemonstrationLoss,
    GraspGFDemonstrationLoss,
    OriginalDemonstrationLoss,
)
from lightning_modules.ppo.exploration import StructuredNoise
from lightning_modules.ppo.samples import samples_of
from tests.assisting import made_up_targets, sampler
from tests.lightning_modules.made_up_rollouts import rollout


def ilad(**settings: Any) -> ILADModule:
    given = {
        "primitive": None,
        "composition": Direct(),
        "encoder": PointNetEncoder(widths=(4, 8), feature_widths=(8,)),
        "exploration": StructuredNoise(18),
        "bottleneck": 4,
        "hidden_widths": (16,),
        "cloning_learning_rate": 3.0e-3,
        **settings,
    }
    torch.manual_seed(0)
    return ILADModule(**given)


@pytest.fixture(scope="module")
def shown() -> DemonstratedSamples:
    targets = made_up_targets()
    return demonstrated_samples(
        demonstrate(sampler(targets), Origin("", "", 0.025), num_tuples=300, begin=0.5), targets, ilad().inputs
    )


def first_weight(part: nn.Module) -> nn.Parameter:
    return next(part.parameters())


def error(module: ILADModule, shown: DemonstratedSamples) -> float:
    rows = torch.arange(len(shown))
    with torch.no_grad():
        return float((module._demonstrated_mean(shown, rows) - shown.action).square().mean())


def test_tuples_of_an_episode_stand_together(shown: DemonstratedSamples) -> None:
    assert shown.episode.tolist() == sorted(shown.episode.tolist())
    assert not shown.action[0].any()  # open for half of the way
    assert shown.action[49].any()


def test_cloning_comes_near_the_demonstrations(shown: DemonstratedSamples) -> None:
    module = ilad(cloning_epochs=8)
    module.network.vector_norm.update(shown.vectors)
    before, critic = error(module, shown), first_weight(module.network.critic).clone()
    module = ilad(cloning_epochs=8)
    module._clone(shown)
    assert error(module, shown) < 0.6 * before
    assert torch.equal(first_weight(module.network.critic), critic)  # a value is not what is demonstrated


def test_a_minibatch_is_held_to_demonstrations_and_fits_the_action_value(shown: DemonstratedSamples) -> None:
    module = ilad()
    module._shown = shown
    samples = samples_of(rollout(module, lambda steps: steps.action.mean(dim=-1)), gamma=0.9, lam=0.9)
    beside = module._beside(samples)
    found = beside(torch.arange(32))
    found.loss.backward()
    assert int(module.demonstrated) == 1
    for learning in (module.network.actor, module.action_value):
        gradient = first_weight(learning).grad
        assert gradient is not None
        assert gradient.abs().sum() > 0.0
    assert {"demonstration_loss", "demonstrated_error", "action_value_loss"} == set(found.numbers)


@pytest.mark.parametrize(("form", "k"), [(GraspGFDemonstrationLoss, 7), (OriginalDemonstrationLoss, 3)])
def test_minibatches_or_rollouts_are_counted_as_the_form_says(
    form: type[DemonstrationLoss], k: int, shown: DemonstratedSamples
) -> None:
    given: list[int] = []

    class Noting(form):  # type: ignore[misc, valid-type]
        def weights(self, k: int) -> tuple[float, float]:
            given.append(k)
            return (1.0, 1.0)

    module = ilad(demonstration_loss=Noting())
    module._shown = shown
    module.updates += 3
    module.demonstrated += 7
    samples = samples_of(rollout(module, lambda steps: steps.action.mean(dim=-1)), gamma=0.9, lam=0.9)
    module._beside(samples)(torch.arange(32))
    assert given == [k]


def test_what_the_critic_alone_sees_is_normalised_before_it_learns_though_the_policy_has_cloned(
    shown: DemonstratedSamples,
) -> None:
    network = ilad(critic_groups=("goal_joints",)).network
    network.vector_norm.update(shown.vectors)
    mean = network.vector_norm.mean.clone()
    privileged = 3.0 + torch.randn(64, network.privileged_norm.size)
    network.begin_norms(PolicyInput(shown.vectors[:64] + 1.0, torch.zeros(64, 8), privileged))
    torch.testing.assert_close(network.privileged_norm.mean.float(), privileged.mean(dim=0))
    assert torch.equal(network.vector_norm.mean, mean)  # the policy that acted is the one that learns


def test_the_action_value_learns_at_the_rate_of_the_critic() -> None:
    module = ilad(critic_learning_rate=0.5)
    policy, critic = module.configure_optimizers().param_groups
    ids = [{id(parameter) for parameter in group["params"]} for group in (policy, critic)]
    own = {id(parameter) for parameter in module.action_value.parameters()}
    assert own <= ids[1]
    assert not own & ids[0]
    assert critic["lr"] == 0.5


@pytest.mark.parametrize("settings", [{"encoder": None}, {"composition": ResidualOnly()}])
def test_parts_that_cannot_read_demonstrations_are_refused(settings: dict[str, Any], primitive: Path) -> None:
    with pytest.raises(
        ValueError, match=r"demonstrations are clouds and actions of the hand: give it an encoder of its"
    ):
        ilad(primitive=str(primitive), **settings)


@pytest.mark.parametrize(
    ("name", "value", "needed"),
    [
        ("num_tuples", 0, "at least 1"),
        ("closing_begin", 1.0, r"a number in \[0, 1\)"),
        ("demonstration_batch", 0, "at least 1"),
        ("cloning_epochs", -1, "at least 0"),
        ("cloning_learning_rate", 0.0, "a finite number above 0"),
        ("gamma", 1.5, r"a number in \[0, 1\]"),  # of PPO
    ],
)
def test_a_number_with_which_nothing_is_learnt_is_named(name: str, value: float, needed: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} is {value}; {needed} is needed$"):
        ilad(**{name: value})
