"""The terms of the PPO objective, one value a sample; the caller weighs them and takes means (Schulman et al. 2017)."""

import torch
from torch import Tensor


def clipped_surrogate(log_prob: Tensor, old_log_prob: Tensor, advantage: Tensor, *, clip: float) -> Tensor:
    """Clipped policy loss (Schulman et al. 2017, eq. 7, with the sign of a loss).

    -min(ratio * A, clip(ratio, 1 - clip, 1 + clip) * A)  with  ratio = exp(log_prob - old_log_prob).

    Args:
        log_prob: log-density of the actions under the present policy (B,).
        old_log_prob: under the policy that took them (B,).
        advantage: A, usually standardised (B,).
        clip: largest change of the ratio that is rewarded; 0.2 in the released code.
    Returns:
        (B,) losses.
    Raises:
        ValueError: shapes that differ, or clip outside (0, 1).
    """
    if not 0.0 < clip < 1.0:
        raise ValueError(f"clip is {clip}; allowed is (0, 1.0).")
    _check_same(log_prob=log_prob, old_log_prob=old_log_prob, advantage=advantage)
    ratio = (log_prob - old_log_prob).exp()
    return -torch.minimum(ratio * advantage, ratio.clamp(1.0 - clip, 1.0 + clip) * advantage)


def clipped_share(log_prob: Tensor, old_log_prob: Tensor, *, clip: float) -> Tensor:
    """Share of the samples whose ratio has left [1 - clip, 1 + clip], a scalar; for the log."""
    _check_same(log_prob=log_prob, old_log_prob=old_log_prob)
    ratio = (log_prob - old_log_prob).exp()
    return ((ratio - 1.0).abs() > clip).float().mean()


def value_loss(value: Tensor, target: Tensor) -> Tensor:
    """(value - target)^2, (B,); value and target (B,). Raises ValueError when their shapes differ."""
    _check_same(value=value, target=target)
    return (value - target).square()


def explained_variance(value: Tensor, target: Tensor) -> Tensor:
    """1 - var(target - value) / var(target), a scalar, for the log: 1 is a perfect critic, 0 a constant one.

    0 when the targets do not vary.
    """
    _check_same(value=value, target=target)
    spread = target.var(correction=0)
    share = 1.0 - (target - value).var(correction=0) / spread
    return torch.where(spread > 0.0, share, torch.zeros_like(spread))


def _check_same(**given: Tensor) -> None:
    """One dimension each: (B, 1) against (B,) would broadcast to (B, B) without a word."""
    shapes = {name: tuple(value.shape) for name, value in given.items()}
    if len(set(shapes.values())) > 1 or any(value.ndim != 1 for value in given.values()):
        raise ValueError(f"shapes are {shapes}; expected (B,) for all.")
