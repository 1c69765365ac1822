"""What one gradient step of the residual policy minimises: imitation of a teacher, or the clipped objective of PPO."""

from dataclasses import dataclass

import torch
from torch import Tensor

from envs.hand.shadow import shadow_hand
from lightning_modules.composition import Composition
from lightning_modules.networks.actor_critic import PolicyOutput
from lightning_modules.ppo.exploration import Exploration
from lightning_modules.ppo.losses import clipped_share, clipped_surrogate, value_loss
from lightning_modules.ppo.samples import Samples


@dataclass(frozen=True)
class Objective:
    """A scalar to descend, and its parts as numbers for the log."""

    loss: Tensor
    numbers: dict[str, float]


def imitation_objective(
    samples: Samples, rows: Tensor, output: PolicyOutput, composition: Composition, *, value_coefficient: float
) -> Objective:
    """|a - (gate * a_p + grip * closing)|^2, mean over joints and samples, plus the critic's loss.

    The states are those that the learning policy visits, the advice is the teacher's (Ross et al. 2011).

    Args:
        samples: of a rollout with a teacher.
        rows: the samples of this step (B,).
        output: of the present policy for them.
        composition: makes the action a of the hand; taken unclamped, so that it has a gradient everywhere.
        value_coefficient: weight of the critic's loss.
    """
    a_p = samples.steps.primitive_action[rows]
    closing = torch.tensor(shadow_hand().closing).to(a_p)
    advice = samples.gate[rows, None] * a_p + samples.grip[rows, None] * closing
    imitation = (composition.unclamped(a_p, output.mean) - advice).square().mean()
    critic = value_loss(output.value, samples.target[rows]).mean()
    numbers = {"imitation_loss": float(imitation.detach()), "value_loss": float(critic.detach())}
    return Objective(imitation + value_coefficient * critic, numbers)


def ppo_objective(
    samples: Samples,
    rows: Tensor,
    output: PolicyOutput,
    exploration: Exploration,
    noise_law: Tensor,
    *,
    clip: float,
    value_coefficient: float,
    entropy_coefficient: float,
) -> Objective:
    """Clipped surrogate, critic's loss and entropy bonus (Schulman et al. 2017, eq. 9); numbers hold the KL, too.

    Args:
        samples: of a rollout.
        rows: the samples of this step (B,).
        output: of the present policy for them.
        exploration: present noise.
        noise_law: `Exploration.frozen` as it was when the samples were collected (A, A).
        clip: largest useful change of the probability ratio.
        value_coefficient: weight of the critic's loss.
        entropy_coefficient: weight of the entropy bonus.
    """
    steps, old = samples.steps, samples.steps.log_prob[rows]
    log_prob = exploration.log_prob(steps.action[rows], output.mean, steps.noise_before[rows])
    surrogate = clipped_surrogate(log_prob, old, samples.advantage[rows], clip=clip).mean()
    critic = value_loss(output.value, samples.target[rows]).mean()
    bonus = entropy_coefficient * exploration.entropy()
    with torch.no_grad():
        numbers = {
            "policy_loss": float(surrogate),
            "value_loss": float(critic),
            "clipped": float(clipped_share(log_prob, old, clip=clip)),
            "kl": float(exploration.kl(steps.mean[rows], output.mean, noise_law).mean()),
        }
    return Objective(surrogate + value_coefficient * critic - bonus, numbers)


def means(numbers: list[dict[str, float]]) -> dict[str, float]:
    """Mean of every number over the steps."""
    return {name: sum(each[name] for each in numbers) / len(numbers) for name in numbers[0]}
