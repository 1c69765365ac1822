"""What a gradient step minimises, by hand."""

import itertools

import pytest
import torch

from envs.hand.shadow import shadow_hand
from lightning_modules.composition import ScaleAndResidual
from lightning_modules.networks.actor_critic import PolicyOutput
from lightning_modules.ppo.exploration import IndependentNoise
from lightning_modules.ppo.memory import PolicyMemory
from lightning_modules.ppo.objectives import (
    Evaluate,
    Objective,
    advice_objective,
    imitation_objective,
    means,
    ppo_objective,
)
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
        follows=torch.zeros(COUNT, dtype=torch.bool),
    )


def test_an_unchanged_policy_pays_the_advantages_the_critic_and_the_entropy() -> None:
    noise, mean = IndependentNoise(36, std=0.5), torch.zeros(COUNT, 36)
    given, law = samples(noise, mean), noise.frozen()
    found = ppo_objective(
        given, ROWS, lambda rows: PolicyOutput(mean[rows], torch.zeros(len(rows))), lambda rows: mean[rows], noise, law,
        clip=0.2, value_coefficient=2.0, entropy_coefficient=0.1,
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
        shadow_hand(), given, ROWS, lambda rows: PolicyOutput(followed, given.target[rows] + 1.0), ScaleAndResidual(),
        value_coefficient=3.0,
    )  # fmt: skip
    torch.testing.assert_close(found.loss, torch.tensor(3.0))
    assert found.numbers == {"imitation_loss": 0.0, "value_loss": 1.0}


def test_advice_alone_asks_for_means_and_not_for_values() -> None:
    given = samples(IndependentNoise(36, std=0.5), torch.zeros(COUNT, 36))
    closing = torch.tensor(shadow_hand().closing).float()
    followed = torch.cat([given.gate[ROWS, None].expand(-1, 18), given.grip[ROWS, None] * closing], dim=1)
    mean = (followed + 0.5).requires_grad_()
    found = advice_objective(shadow_hand(), given, ROWS, lambda _: mean, ScaleAndResidual())
    torch.testing.assert_close(found.loss, torch.tensor(0.25))
    assert found.numbers == {"imitation_loss": 0.25}
    found.loss.backward()
    torch.testing.assert_close(mean.grad, torch.full((3, 36), 2.0 * 0.5 / (3 * 36)))


def test_numbers_are_averaged_by_name() -> None:
    assert means([{"a": 1.0, "b": 0.0}, {"a": 3.0, "b": 1.0}]) == {"a": 2.0, "b": 0.5}


def two_steps(noise: IndependentNoise) -> Samples:
    """Two steps in eight worlds; every draw is -1 or +1, in all combinations, which has a Gaussian's first moments.

    The return is the second action, so the advantage of either step is a_1; its mean is 0.
    """
    draws = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=3)))  # (8, 3): n_-1, eps_0, eps_1
    zero, std = torch.zeros(8, 1), float(noise.std().detach())
    first = noise.apply_draw(zero, std * draws[:, :1], draws[:, 1:2])
    second = noise.apply_draw(zero, first.noise, draws[:, 2:])

    def by_world(*steps: torch.Tensor) -> torch.Tensor:
        return torch.stack(steps, dim=1).flatten(0, 1).detach()

    action, log_prob = by_world(first.action, second.action), by_world(first.log_prob, second.log_prob)
    nothing = torch.zeros(16, 1)
    memory = PolicyMemory(
        primitive_action=nothing, vectors=nothing, feature=nothing, privileged=nothing, action=action, mean=nothing,
        noise_before=by_world(std * draws[:, :1], first.noise), log_prob=log_prob, value=nothing[:, 0],
    )  # fmt: skip
    advantage = second.action.detach()[:, 0].repeat_interleave(2)
    follows = torch.tensor([False, True]).repeat(8)
    return Samples(memory, advantage, advantage, nothing[:, 0], nothing[:, 0], follows)


def surrogate(given: Samples, noise: IndependentNoise, rows: torch.Tensor, evaluate: Evaluate) -> Objective:
    """The objective without the critic's part and the bonus."""
    return ppo_objective(
        given, rows, evaluate, lambda rows: evaluate(rows).mean, noise, noise.frozen(), clip=0.2, value_coefficient=0.0,
        entropy_coefficient=0.0,
    )  # fmt: skip


@pytest.mark.parametrize("rows", [torch.arange(16), torch.arange(15, -1, -1), torch.arange(16).roll(7)])
def test_an_action_gets_no_credit_for_what_the_noise_brings_later(rows: torch.Tensor) -> None:
    noise = IndependentNoise(1, std=0.5, correlation=0.7, learn=False)
    means = torch.zeros(2, requires_grad=True)

    def evaluate(rows: torch.Tensor) -> PolicyOutput:
        return PolicyOutput(means[rows % 2, None], torch.zeros(len(rows)))

    loss = surrogate(two_steps(noise), noise, rows, evaluate).loss
    (gradient,) = torch.autograd.grad(loss, means)
    # E[a_1] = mu_1: its derivatives are 0 by mu_0 and 1 by mu_1. Half of that, with the sign of a loss, because the
    # loss is a mean over both steps. With n_0 for a given the first would be -rho / 2 = -0.35.
    torch.testing.assert_close(gradient, torch.tensor([0.0, -0.5]), atol=1e-5, rtol=0.0)


def test_the_divergence_is_that_of_sequences() -> None:
    noise = IndependentNoise(1, std=0.5, correlation=0.7, learn=False)

    def shifted(rows: torch.Tensor) -> PolicyOutput:
        return PolicyOutput(torch.full((len(rows), 1), 0.1), torch.zeros(len(rows)))

    found = surrogate(two_steps(noise), noise, torch.arange(16), shifted)
    # centres move by 0.1 in the first step and 0.1 - rho 0.1 in the second: d^2 / (2 (1 - rho^2) std^2), their mean
    expected = (0.1**2 + 0.03**2) / 2.0 / (2.0 * 0.51 * 0.25)
    assert found.numbers["kl"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("own", "looked_at"), [([2, 3, 8], [[2, 3, 8]]), ([3, 8], [[3, 8], [2]]), ([8, 2], [[8, 2]])])
def test_a_step_before_is_looked_at_again_only_where_it_does_not_stand_ahead(
    own: list[int], looked_at: list[list[int]]
) -> None:
    asked: list[list[int]] = []

    def evaluate(rows: torch.Tensor) -> PolicyOutput:
        asked.append(rows.tolist())
        return PolicyOutput(torch.zeros(len(rows), 1), torch.zeros(len(rows)))

    noise = IndependentNoise(1, std=0.5, correlation=0.7)
    surrogate(two_steps(noise), noise, torch.tensor(own), evaluate)
    assert asked == looked_at  # 3 follows 2, 8 and 2 are first steps
