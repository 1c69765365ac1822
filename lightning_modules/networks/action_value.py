"""Q(s, a): the return of an action, from what the policy sees."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class ActionValue(nn.Module):
    """An MLP with ELU on [vectors, LayerNorm(feature), action].

    Args:
        vector_dim: D.
        feature_dim: F.
        action_dim: A.
        hidden_widths: of the layers.
    """

    def __init__(self, vector_dim: int, feature_dim: int, action_dim: int, hidden_widths: Sequence[int]) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(feature_dim)
        widths = [vector_dim + feature_dim + action_dim, *hidden_widths]
        hidden = [part for sizes in itertools.pairwise(widths) for part in (nn.Linear(*sizes), nn.ELU())]
        self.layers = nn.Sequential(*hidden, nn.Linear(widths[-1], 1))

    def forward(self, vectors: Tensor, feature: Tensor, action: Tensor) -> Tensor:
        """Values (B,) of vectors (B, D), features (B, F) and actions (B, A)."""
        value: Tensor = self.layers(torch.cat([vectors, self.norm(feature), action], dim=1))
        return value.squeeze(1)
