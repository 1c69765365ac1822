"""What soft actor-critic with a vector of values is made of, as pure functions (Haarnoja et al. 2018; She et al. 2022).

A vector of values has 2 + P numbers: of the grasp, of each of the P parts of the hand, and of the entropy to come. The
parts are paid at once and look no further; the policy maximises the sum.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

STEP_REWARD = -3.0
"""Of every control step, the last one included."""

STOP_REWARD = -1.0
"""Of a stop."""

Q1_REWARD = 1000.0
"""Of a stop, times the quality Q1 of the grasp (`lightning_modules.sac.grasp_quality`)."""

SUCCESS_REWARD = 150.0
"""Of a stop after which the object is lifted."""

CONTACT_REWARD = 0.25
"""Of each contact inside of a part."""

MOST_CONTACTS = 40
"""Contacts of a part that are paid at most."""

LEAST_CONTACTS = 3
"""Contacts of a part up to which they do not count, of whatever kind: points of the surface come by chance, too."""

COLLISION_REWARD = -25.0
"""Of a part that collides, in place of its contacts."""

LEAST_PARTS = 2
"""Parts that have to touch the object before the hand may stop."""


class Gaussian(NamedTuple):
    """Mean and logarithm of the standard deviation, before tanh (B, A)."""

    mean: Tensor
    log_std: Tensor


class Values(NamedTuple):
    """What both critics say (B, 2 + P)."""

    first: Tensor
    second: Tensor

    def lower(self) -> Tensor:
        """The smaller one of each value."""
        return torch.minimum(self.first, self.second)


@dataclass(frozen=True)
class Sampled:
    """Actions in (-1, 1) (B, A), and the logarithms of their densities (B,)."""

    action: Tensor
    log_prob: Tensor


def squashed(gaussian: Gaussian, noise: Tensor) -> Sampled:
    """tanh of a Gaussian (Haarnoja et al. 2018, app. C).

    a = tanh(z), z = mean + std noise; log p(a) = sum log N(z) - log(1 - tanh(z)^2), of which the last one is
    2 (log 2 - z - softplus(-2 z)).

    Args:
        gaussian: before tanh.
        noise: standard normal (B, A).
    """
    mean, log_std = gaussian
    before = mean + log_std.exp() * noise
    log_normal = -0.5 * noise.square() - log_std - 0.5 * math.log(2.0 * math.pi)
    log_slope = 2.0 * (math.log(2.0) - before - softplus(-2.0 * before))
    return Sampled(before.tanh(), (log_normal - log_slope).sum(1))


def grasp_rewards(stops: Tensor, q1: Tensor, success: Tensor) -> Tensor:
    """-3, and at the stop 1000 Q1 + 150 success - 1 (B,).

    Args:
        stops: the hand stops with this step (B,) bool.
        q1: quality of the grasp (B,).
        success: the lift that follows succeeds (B,), 0 or 1.
    """
    return STEP_REWARD + stops * (Q1_REWARD * q1 + SUCCESS_REWARD * success + STOP_REWARD)


def part_rewards(inside: Tensor, colliding: Tensor) -> Tensor:
    """0.25 min(40, contacts) of a part with more than 3 on its inside, -25 where more than 3 points collide (B, P).

    Args:
        inside: contacts on the inside of each part (B, P).
        colliding: colliding points (B, P).
    """
    paid = torch.where(inside > LEAST_CONTACTS, CONTACT_REWARD * inside.clamp_max(MOST_CONTACTS), 0.0)
    return torch.where(colliding > LEAST_CONTACTS, COLLISION_REWARD, paid)


def stops_now(stop: Tensor, draw: Tensor, touching: Tensor) -> Tensor:
    """Hands that stop (B,) bool: with the probability that the policy says, once two parts touch.

    Args:
        stop: stop action in [-1, 1]; below 0 nothing stops (B,).
        draw: uniform in [0, 1) (B,).
        touching: contacts of each part (B, P).
    """
    return (draw < stop) & ((touching > LEAST_CONTACTS).sum(1) >= LEAST_PARTS)


def value_targets(
    rewards: Tensor, ends: Tensor, following: Values, log_prob: Tensor, *, alpha: Tensor, gamma: float
) -> Tensor:
    """What the critics should say (B, 2 + P).

    grasp: r + gamma (1 - d) min Q'; parts: r; entropy: gamma (1 - d) (min Q' - alpha log pi').

    Args:
        rewards: of grasp and parts (B, 1 + P).
        ends: nothing follows (B,) bool.
        following: values of the next situation and an action of the policy there, by the target critics.
        log_prob: log-density of that action (B,).
        alpha: temperature, a scalar.
        gamma: discount.
    """
    later = gamma * (~ends).to(rewards)
    value = following.lower()
    grasp = rewards[:, 0] + later * value[:, 0]
    entropy = later * (value[:, -1] - alpha * log_prob)
    return torch.cat([grasp[:, None], rewards[:, 1:], entropy[:, None]], 1)


def critic_loss(values: Values, target: Tensor) -> Tensor:
    """Squared errors of both critics (B, 2 + P): means over the batch, summed over values and critics; a scalar."""
    return ((values.first - target).square() + (values.second - target).square()).mean(0).sum()


def actor_loss(values: Values, log_prob: Tensor, alpha: Tensor) -> Tensor:
    """mean(alpha log pi - sum of the smaller values), a scalar; values of the policy's own actions (B, 2 + P)."""
    return (alpha * log_prob - values.lower().sum(1)).mean()


def temperature_loss(log_alpha: Tensor, log_prob: Tensor, target_entropy: float) -> Tensor:
    """-log alpha (log pi + target entropy), mean over the batch: alpha grows where the policy is too sure."""
    return -(log_alpha * (log_prob.detach() + target_entropy)).mean()


@torch.no_grad()
def follow_slowly(target: nn.Module, source: nn.Module, tau: float) -> None:
    """target <- (1 - tau) target + tau source, weight by weight."""
    for slow, fast in zip(target.parameters(), source.parameters(), strict=True):
        slow.lerp_(fast, tau)


@torch.no_grad()
def descend_plainly(parameter: nn.Parameter, rate: float) -> None:
    """parameter <- parameter - rate gradient: the size of the gradient counts, which Adam would take out.

    Raises:
        ValueError: it has no gradient.
    """
    if parameter.grad is None:
        raise ValueError("the parameter has no gradient yet; call backward on its loss first")
    parameter.sub_(rate * parameter.grad)
