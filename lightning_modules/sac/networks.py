"""Policy and critics of IBS: each has an encoder of the surface of its own."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch_geometric.nn import MLP

from envs.bisector.points import BisectorPoints
from lightning_modules.networks.ibs_encoder import IBSEncoder
from lightning_modules.sac.targets import Gaussian, Values

LOG_STD_RANGE = (-5.0, 2.0)
"""Logarithms of the policy's standard deviations; the original goes down to -20, where exploration is long over."""

STOP_SCALE = 0.025
"""The critics see the stop action so much smaller (She et al. 2022, released code)."""


class IBSActor(nn.Module):
    """The policy.

    Args:
        encoder: of the surface.
        state_dim: numbers that are seen besides it.
        action_dim: joints and the stop action.
        hidden_widths: of the layers; the original has 1024, 512, 512.
    """

    def __init__(self, encoder: IBSEncoder, state_dim: int, action_dim: int, hidden_widths: Sequence[int]) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = MLP([encoder.feature_dim + state_dim, *hidden_widths, 2 * action_dim], norm=None)

    def forward(self, points: BisectorPoints, state: Tensor) -> Gaussian:
        """Of B situations: surfaces, and states (B, S)."""
        mean, log_std = self.head(torch.cat([self.encoder(points), state], 1)).chunk(2, 1)
        return Gaussian(mean, log_std.clamp(*LOG_STD_RANGE))


class TwinCritic(nn.Module):
    """Two critics on one encoder.

    Args:
        encoder: of the surface.
        state_dim: numbers that are seen besides it.
        action_dim: joints and the stop action.
        num_values: 2 + P.
        hidden_widths: of the layers; the original has 1024, 512, 512.
    """

    def __init__(
        self, encoder: IBSEncoder, state_dim: int, action_dim: int, num_values: int, hidden_widths: Sequence[int]
    ) -> None:
        super().__init__()
        self.encoder = encoder
        widths = [encoder.feature_dim + state_dim + action_dim, *hidden_widths, num_values]
        self.first, self.second = MLP(widths, norm=None), MLP(widths, norm=None)

    def situation(self, points: BisectorPoints, state: Tensor) -> Tensor:
        """What is known before the action (B, F + S); the costly part, which several actions may share."""
        return torch.cat([self.encoder(points), state], 1)

    def forward(self, situation: Tensor, action: Tensor) -> Values:
        """Of actions (B, J + 1), the stop action last, in situations (B, F + S)."""
        seen = torch.cat([situation, action[:, :-1], STOP_SCALE * action[:, -1:]], 1)
        return Values(self.first(seen), self.second(seen))
