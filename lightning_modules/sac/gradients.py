"""Gradients of soft actor-critic with a vector of values: critics, policy and temperature, each of its own loss."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lightning_modules.networks.worker_threads import map_in_threads
from lightning_modules.sac.networks import IBSActor, TwinCritic
from lightning_modules.sac.pool import Pool
from lightning_modules.sac.targets import actor_loss, critic_loss, squashed, temperature_loss, value_targets


@dataclass(frozen=True)
class Learner:
    """What learns, and the critics that are followed slowly."""

    actor: IBSActor
    critic: TwinCritic
    target_critic: TwinCritic
    log_alpha: nn.Parameter

    def parameters(self) -> list[nn.Parameter]:
        """All that is learnt: the critics', the policy's, the temperature's."""
        return [*self.critic.parameters(), *self.actor.parameters(), self.log_alpha]


class Gradients(NamedTuple):
    """Of each of `Learner.parameters`, and numbers for the log."""

    of: list[Tensor]
    numbers: dict[str, float]


def gradients(learner: Learner, batch: Pool, noise: Tensor, gamma: float) -> Gradients:
    """The critics' loss reaches the critics alone, those of policy and temperature what these own.

    Args:
        learner: what learns.
        batch: steps (B).
        noise: standard normal numbers of the actions after and in these steps (2, B, J + 1).
        gamma: discount.
    """
    actor, critic, target_critic, log_alpha = learner.actor, learner.critic, learner.target_critic, learner.log_alpha
    before, after, alpha = batch.before, batch.after, log_alpha.exp().detach()
    with torch.no_grad():
        chosen = squashed(actor(after.points, after.state), noise[0])
        following = target_critic(target_critic.situation(after.points, after.state), chosen.action)
        target = value_targets(batch.rewards, batch.ends, following, chosen.log_prob, alpha=alpha, gamma=gamma)
    situation = critic.situation(before.points, before.state)
    of_critic = critic_loss(critic(situation, batch.action), target)
    own = squashed(actor(before.points, before.state), noise[1])
    of_actor = actor_loss(critic(situation.detach(), own.action), own.log_prob, alpha)
    of_temperature = temperature_loss(log_alpha, own.log_prob, -float(batch.action.shape[1]))
    found = torch.autograd.grad(of_critic, list(critic.parameters()))
    found += torch.autograd.grad(of_actor + of_temperature, [*actor.parameters(), log_alpha])
    numbers = {
        "critic_loss": float(of_critic.detach()), "actor_loss": float(of_actor.detach()),
        "temperature": float(alpha), "value": float(target.sum(1).mean()),
        "log_prob": float(own.log_prob.detach().mean()),
    }  # fmt: skip
    return Gradients(list(found), numbers)


def gradients_by_halves(
    learner: Learner,
    pool: Pool,
    rows: Tensor,
    noise: Tensor,
    gamma: float,
    context: Callable[[], AbstractContextManager[None]],
) -> Gradients:
    """Of the steps ``rows`` (B,) of a pool: both halves side by side where there are threads for it.

    The sums are the same however many threads there are.

    Args:
        learner, noise, gamma: see `gradients`.
        pool: the steps.
        rows: which of them.
        context: the precision of a training step, which belongs to a thread.
    """
    device = learner.log_alpha.device

    def of_half(half: tuple[Tensor, Tensor]) -> Gradients:
        with context():
            return gradients(learner, pool.rows(half[0], device), half[1].to(device), gamma)

    halves = list(zip(rows.chunk(2), noise.chunk(2, 1), strict=True))
    found = map_in_threads(of_half, halves) if device.type == "cpu" else [of_half(half) for half in halves]
    return _mean(found, [len(half) / len(rows) for half, _ in halves])


def _mean(parts: Sequence[Gradients], shares: Sequence[float]) -> Gradients:
    of = [
        torch.stack([share * each for share, each in zip(shares, column, strict=True)]).sum(0)
        for column in zip(*(part.of for part in parts), strict=True)
    ]
    numbers = {
        name: sum(share * part.numbers[name] for share, part in zip(shares, parts, strict=True))
        for name in parts[0].numbers
    }
    return Gradients(of, numbers)
