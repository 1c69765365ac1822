"""What a gradient step minimises, by hand."""

import torch

from envs.hand.shadow import shadow_hand
from lightning_modules.composition import ScaleAndResidual
from lightning_modules.networks.actor_critic import PolicyOutput
from lightning_modules.ppo.exploration import IndependentNoise
from lightning_modules.ppo.memory import PolicyMemory
from lightning_modules.ppo.objectives import imitation_objective, means, ppo_objective
from lightning_modules.ppo.samples import Samples

COUNT = 5
ROWS = torch.tensor([0, 2, 3])


def samples(noise: IndependentNoise, mean: torch.Tensor) -> Samples:
    generator = torch.Generator().manual_seed(0)
    before = torch.zeros(COUNT, 36)
    drawn = noise.sample(mean, before, generator)
    steps = PolicyMemory(
        primitive_action=torch.rand(COUNT, 18, generator=generator),
        vectors=torch.zeros(COUNT, 1), feature=torch.zeros(COUNT, 1), privileged=torch.zeros(COUNT, 0),
        action=drawn.action.detach(), mean=mean, noise_before=before, log_prob=drawn.log_prob.detach(),
        value=torch.zeros(COUNT),
    )  # fmt: skip
    return Samples(
        steps=steps,
        advantage=torch.tensor([1.0, 9.0, -2.0, 4.0, 9.0]),
        target=torch.tensor([1.0, 9.0, 2.0, 3.0, 9.0]),
        gate=torch.tensor([0.0, 9.0, 1.0, 1.0, 9.0]),
        grip=torch.tensor([0.0, 9.0, 0.0, 0.5, 9.0]),
    )


def test_an_unchanged_policy_pays_the_advantages_the_critic_and_the_entropy() -> None:
    noise, mean = IndependentNoise(36, std=0.5), torch.zeros(COUNT, 36)
    given, law = samples(noise, mean), noise.frozen()
    output = PolicyOutput(mean=mean[ROWS], value=torch.zeros(3))
    found = ppo_objective(
        given, ROWS, output, noise, law, clip=0.2, value_coefficient=2.0, entropy_coefficient=0.1
    )  # fmt: skip
    # ratio 1: surrogate -(1 - 2 + 4) / 3 = -1; critic (1 + 4 + 9) / 3
    torch.testing.assert_close(found.loss, -1.0 + 2.0 * 14.0 / 3.0 - 0.1 * noise.entropy())
    expected = {"policy_loss": -1.0, "value_loss": 14.0 / 3.0, "clipped": 0.0, "kl": 0.0}
    for name, value in expected.items():
        assert abs(found.numbers[name] - value) < 1e-4


def test_advice_that_is_followed_costs_the_critic_alone() -> None:
    noise, mean = IndependentNoise(36, std=0.5), torch.zeros(COUNT, 36)
    given = samples(noise, mean)
    closing = torch.tensor(shadow_hand().closing).float()
    # a_s = gate, a_r = grip * closing
    followed = torch.cat([given.gate[ROWS, None].expand(-1, 18), given.grip[ROWS, None] * closing], dim=1)
    found = imitation_objective(
        given, ROWS, PolicyOutput(followed, given.target[ROWS] + 1.0), ScaleAndResidual(), value_coefficient=3.0
    )
    torch.testing.assert_close(found.loss, torch.tensor(3.0))
    assert found.numbers == {"imitation_loss": 0.0, "value_loss": 1.0}


def test_numbers_are_averaged_by_name() -> None:
    assert means([{"a": 1.0, "b": 0.0}, {"a": 3.0, "b": 1.0}]) == {"a": 2.0, "b": 0.5}
