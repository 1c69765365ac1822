"""Diffusion time as a vector that a network can read."""

import math

import torch
from torch import Tensor, nn


class GaussianFourierTime(nn.Module):
    """[sin(2 pi w t), cos(2 pi w t)] with fixed random frequencies w ~ N(0, scale^2), then a linear layer and SiLU.

    The frequencies are a buffer: never trained, part of the checkpoint (Song et al. 2021, app. C; released GraspGF).
    """

    frequencies: Tensor

    def __init__(self, width: int = 512, scale: float = 30.0) -> None:
        """width: size of the embedding, even. scale: spread of the frequencies, 30 in the released code.

        Raises:
            ValueError: width odd or below 2, scale not positive.
        """
        super().__init__()
        if width < 2 or width % 2:
            raise ValueError(f"time width is {width}; it must be even (half sines, half cosines) and at least 2.")
        if not scale > 0.0:
            raise ValueError(f"time scale is {scale}; it must be above 0.")
        self.register_buffer("frequencies", torch.randn(width // 2) * scale)
        self.project = nn.Linear(width, width)

    def forward(self, t: Tensor) -> Tensor:
        """Embedding (..., width) of times t (...) in [0, 1]."""
        angle = 2.0 * math.pi * t[..., None] * self.frequencies
        return nn.functional.silu(self.project(torch.cat([angle.sin(), angle.cos()], dim=-1)))
