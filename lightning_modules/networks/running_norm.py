"""Normalisation by statistics gathered so far, which change only when told to."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from datamodules.ranks import gathered


@dataclass(frozen=True)
class _Moments:
    """Number of vectors, their mean (D,) and their summed squared distances from it (D,); float64, on the CPU."""

    count: Tensor
    mean: Tensor
    squares: Tensor


class RunningNorm(nn.Module):
    """(x - mean) / sqrt(variance + eps) with the mean and variance of everything that `update` was given.

    The identity before the first update. Between collecting a rollout and learning from it the statistics have to stand
    still, or the same observation means two things: update between rollouts. They are part of the state_dict, in
    float64, because a float32 count stops growing at 16.8 million. Under several processes `update` takes what all of
    them were given, in the order of their ranks: the statistics are the same on each.

    Args:
        size: D, numbers in a vector.
        eps: added to the variance, in squared units of the vector.
    """

    count: Tensor
    mean: Tensor
    squares: Tensor

    def __init__(self, size: int, eps: float = 1.0e-4) -> None:
        super().__init__()
        self.size = size
        self.eps = eps
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("squares", torch.zeros(size, dtype=torch.float64))

    def variance(self) -> Tensor:
        """Population variance (D,); ones before the first update."""
        return torch.where(self.count > 0, self.squares / self.count.clamp_min(1.0), torch.ones_like(self.squares))

    @torch.no_grad()
    def update(self, x: Tensor) -> None:
        """Take vectors x (..., D) into the statistics (Chan, Golub and LeVeque 1979: merging of two samples).

        Raises:
            ValueError: x does not end with D, or holds values that are not finite.
        """
        self._check(x)
        rows = torch.atleast_2d(x).flatten(end_dim=-2).to(self.mean.dtype)
        if not bool(rows.isfinite().all()):
            row, column = (int(index) for index in (~rows.isfinite()).nonzero()[0])
            raise ValueError(
                f"column {column} of the vectors to normalise holds {rows[row, column].item()}, expected finite "
                "numbers; find the observation group, or the weights of the primitive or encoder, that it comes from"
            )
        for moments in gathered(_moments(rows)):
            self._merge(moments)

    def _merge(self, other: _Moments) -> None:
        count = other.count.to(self.count)
        if count == 0:
            return
        total = self.count + count
        shift = other.mean.to(self.mean) - self.mean
        self.squares += other.squares.to(self.mean) + shift.square() * (self.count * count / total)
        self.mean += shift * (count / total)
        self.count.copy_(total)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised vectors of the shape (..., D) and type of x."""
        self._check(x)
        scale = (self.variance() + self.eps).rsqrt()
        scale = torch.where(self.count > 0, scale, torch.ones_like(scale))
        return (x - self.mean.to(x)) * scale.to(x)

    def _check(self, x: Tensor) -> None:
        if x.ndim == 0 or x.shape[-1] != self.size:
            raise ValueError(f"vectors have shape {tuple(x.shape)}; expected (..., {self.size}).")


def _moments(rows: Tensor) -> _Moments:
    """Of rows (B, D), also when there is none."""
    mean = rows.mean(0) if len(rows) else torch.zeros_like(rows.sum(0))
    count = torch.tensor(float(len(rows)), dtype=torch.float64)
    return _Moments(count, mean.cpu(), (rows - mean).square().sum(0).cpu())
