"""Generalised advantage estimation."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Advantages:
    """What PPO learns from, for T steps in E worlds.

    Attributes:
        advantage: how much better an action was than the critic expected (T, E).
        target: what the critic should have said, advantage + value (T, E).
    """

    advantage: Tensor
    target: Tensor


def generalised_advantages(
    reward: Tensor, value: Tensor, last_value: Tensor, is_terminal: Tensor, *, gamma: float, lam: float
) -> Advantages:
    """GAE(gamma, lambda) of a rollout (Schulman et al. 2016, eq. 16).

    A_t = delta_t + gamma lambda (1 - d_t) A_{t+1},   delta_t = r_t + gamma (1 - d_t) V_{t+1} - V_t,

    with d_t = 1 where the episode really ended at step t: nothing follows, V_{t+1} counts as 0. A rollout that stops
    although the episode would go on (truncated) has d = 0 at its last step and continues with ``last_value``.

    Args:
        reward: (T, E).
        value: V of the observation before each step (T, E).
        last_value: V of the observation after the last step (E,); without effect where that step is terminal.
        is_terminal: d, (T, E) bool.
        gamma: discount in [0, 1].
        lam: lambda in [0, 1]; 0 trusts the critic, 1 the observed return.
    Returns:
        Advantages and targets without gradient.
    Raises:
        ValueError: shapes that do not fit, is_terminal not bool, gamma or lam outside [0, 1].
    """
    _check(reward, value, last_value, is_terminal)
    for name, number in (("gamma", gamma), ("lam", lam)):
        if not 0.0 <= number <= 1.0:
            raise ValueError(f"{name} is {number}; allowed is [0, 1].")
    value, last_value = value.detach(), last_value.detach()
    next_value = torch.cat([value[1:], last_value[None]])
    # masked_fill and not a product: where nothing follows, a NaN in what comes after must not matter
    delta = reward - value + gamma * next_value.masked_fill(is_terminal, 0.0)
    advantage = torch.empty_like(value)
    following = torch.zeros_like(last_value)
    for step in reversed(range(len(reward))):
        following = delta[step] + gamma * lam * following.masked_fill(is_terminal[step], 0.0)
        advantage[step] = following
    return Advantages(advantage=advantage, target=advantage + value)


def standardised(advantage: Tensor) -> Tensor:
    """(advantage - mean) / std over all entries, same shape; zeros when all are equal."""
    return (advantage - advantage.mean()) / (advantage.std(correction=0) + 1.0e-8)


def _check(reward: Tensor, value: Tensor, last_value: Tensor, is_terminal: Tensor) -> None:
    shape = tuple(reward.shape)
    if len(shape) != 2 or shape[0] == 0:
        raise ValueError(f"reward has shape {shape}; expected (T, E) with at least one step.")
    for name, tensor in (("value", value), ("is_terminal", is_terminal)):
        if tensor.shape != shape:
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}; expected {shape}, as reward.")
    if last_value.shape != shape[1:]:
        raise ValueError(f"last_value has shape {tuple(last_value.shape)}; expected {shape[1:]}.")
    if is_terminal.dtype != torch.bool:
        raise ValueError(f"is_terminal has type {is_terminal.dtype}; expected torch.bool.")
