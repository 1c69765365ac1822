"""What one gradient step of the residual policy minimises: imitation of a teacher, or the clipped objective of PPO."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from envs.hand.hand import Hand
from lightning_modules.composition import Composition
from lightning_modules.networks.actor_critic import PolicyOutput
from lightning_modules.ppo.exploration import Exploration
from lightning_modules.ppo.losses import clipped_share, clipped_surrogate, value_loss
from lightning_modules.ppo.samples import Samples

Evaluate = Callable[[Tensor], PolicyOutput]
"""What the present policy says about samples, by their rows (K,)."""

MeanOf = Callable[[Tensor], Tensor]
"""Its mean actions (K, A) there, without the critic."""


@dataclass(frozen=True)
class Objective:
    """A scalar to descend, and its parts as numbers for the log."""

    loss: Tensor
    numbers: dict[str, float]


def advice_objective(
    hand: Hand, samples: Samples, rows: Tensor, mean_of: MeanOf, composition: Composition
) -> Objective:
    """Squared distance of the mean actions to those of the advice, mean over numbers and samples.

    The states are those that the learning policy visits, the advice is the teacher's (Ross et al. 2011).

    Args:
        hand: the hand that closes.
        samples: of a rollout with a teacher.
        rows: the samples of this step (B,).
        mean_of: means of the present policy.
        composition: says which outputs follow the advice (`Composition.taught`).

    Raises:
        ValueError: samples of a policy without a primitive.
    """
    if samples.steps.primitive_action is None:
        raise ValueError("the samples hold no primitive action that a teacher could time; set imitation_rollouts to 0")
    a_p = samples.steps.primitive_action[rows]
    closing = torch.tensor(hand.closing).to(a_p)
    advice = composition.taught(a_p, samples.gate[rows, None], samples.grip[rows, None] * closing)
    imitation = (mean_of(rows) - advice).square().mean()
    return Objective(imitation, {"imitation_loss": float(imitation.detach())})


def imitation_objective(
    hand: Hand,
    samples: Samples,
    rows: Tensor,
    evaluate: Evaluate,
    composition: Composition,
    *,
    value_coefficient: float,
) -> Objective:
    """`advice_objective` plus the critic's loss.

    Args:
        hand, samples, rows, composition: see there.
        evaluate: the present policy.
        value_coefficient: weight of the critic's loss.

    Raises:
        ValueError: see there.
    """
    output = evaluate(rows)
    taught = advice_objective(hand, samples, rows, lambda _: output.mean, composition)
    critic = value_loss(output.value, samples.target[rows]).mean()
    return Objective(taught.loss + value_coefficient * critic, {**taught.numbers, "value_loss": float(critic.detach())})


def ppo_objective(
    samples: Samples,
    rows: Tensor,
    evaluate: Evaluate,
    mean_of: MeanOf,
    exploration: Exploration,
    noise_law: Tensor,
    *,
    clip: float,
    value_coefficient: float,
    entropy_coefficient: float,
) -> Objective:
    """Clipped surrogate, critic's loss and entropy bonus (Schulman et al. 2017, eq. 9); numbers hold the KL, too.

    Probabilities are those of whole sequences of actions: of each action given those before it, where the noise of the
    step before is what the present policy's mean leaves of that step's action.

    Args:
        samples: of a rollout.
        rows: the samples of this step (B,).
        evaluate: the present policy.
        mean_of: its means alone.
        exploration: present noise.
        noise_law: `Exploration.frozen` as it was when the samples were collected (A, A).
        clip: largest useful change of the probability ratio.
        value_coefficient: weight of the critic's loss.
        entropy_coefficient: weight of the entropy bonus.
    """
    steps, old = samples.steps, samples.steps.log_prob[rows]
    output = evaluate(rows)
    noise_before = steps.noise_before[rows]
    if exploration.state_dim > 0:
        noise_before = _noise_before(samples, rows, output.mean, mean_of)
    centre = exploration.centre(output.mean, noise_before)
    log_prob = exploration.log_prob(steps.action[rows], centre)
    surrogate = clipped_surrogate(log_prob, old, samples.advantage[rows], clip=clip).mean()
    critic = value_loss(output.value, samples.target[rows]).mean()
    bonus = entropy_coefficient * exploration.entropy()
    with torch.no_grad():
        centre_then = exploration.centre(steps.mean[rows], steps.noise_before[rows])
        numbers = {
            "policy_loss": float(surrogate),
            "value_loss": float(critic),
            "clipped": float(clipped_share(log_prob, old, clip=clip)),
            "kl": float(exploration.kl(centre_then, centre, noise_law).mean()),
        }
    return Objective(surrogate + value_coefficient * critic - bonus, numbers)


def _noise_before(samples: Samples, rows: Tensor, mean: Tensor, mean_of: MeanOf) -> Tensor:
    """Noise (B, A) in the step before each sample, under the present means.

    Rows that stay together hold most of the steps before; only the means (B, A) of the others are asked for.
    """
    noise = samples.steps.noise_before[rows].clone()
    follows = samples.follows[rows]
    has_it = follows.clone()
    has_it[:1] = False
    has_it[1:] &= rows[1:] == rows[:-1] + 1
    own, others = has_it.nonzero().squeeze(1), (follows & ~has_it).nonzero().squeeze(1)
    noise[own] = samples.steps.action[rows[own - 1]] - mean[own - 1]
    if len(others):
        before = rows[others] - 1
        noise[others] = samples.steps.action[before] - mean_of(before)
    return noise


def weighted(objective: Callable[[Tensor], Objective], coefficient: float, rows: Tensor) -> Objective:
    """The objective of these rows (B,), its loss times a coefficient."""
    found = objective(rows)
    return Objective(coefficient * found.loss, found.numbers)


def means(numbers: list[dict[str, float]]) -> dict[str, float]:
    """Mean of every number over the steps."""
    return {name: sum(each[name] for each in numbers) / len(numbers) for name in numbers[0]}
