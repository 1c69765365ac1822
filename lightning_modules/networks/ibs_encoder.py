"""Encoder of bisector surfaces: what each part of the hand is near to, and the whole (She et al. 2022)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch_geometric.nn import MLP

from envs.bisector.points import BisectorPoints
from envs.bisector.surface import RADIUS
from lightning_modules.networks.point_ops import max_over_segments

NUM_COLUMNS = 13
"""Numbers of a point: position, both directions, both distances, the palm's side or not, object or table."""

_DISTANCE_SCALE = 0.05
"""Metres by which distances are divided."""


class IBSEncoder(nn.Module):
    """Features of surfaces (B, `feature_dim`): maximum and minimum over the points of each part, maximum over all.

    One network sees each point for the parts, another one for the whole. The nearest part decides only where a point is
    pooled. A part without points, or a hand without any, has zeros. The order of points does not matter.

    Args:
        centre_h: centre of the surfaces' sphere, hand frame, m.
        num_parts: palm and fingers.
        part_widths: layers of the network of the parts; the original has 64, 128, 128.
        whole_widths: of that of the whole; the original has 64, 128, 512.

    Raises:
        ValueError: no widths.
    """

    centre_h: Tensor

    def __init__(
        self,
        centre_h: Sequence[float],
        num_parts: int,
        part_widths: Sequence[int] = (64, 64),
        whole_widths: Sequence[int] = (64, 128),
    ) -> None:
        super().__init__()
        for name, widths in (("part_widths", part_widths), ("whole_widths", whole_widths)):
            if not widths or min(widths) < 1:
                raise ValueError(f"{name} of the IBS encoder are {list(widths)}; give at least one width above 0")
        self.num_parts = num_parts
        self.register_buffer("centre_h", torch.tensor(centre_h), persistent=False)
        self.of_parts = MLP([NUM_COLUMNS, *part_widths], norm=None)
        self.of_whole = MLP([NUM_COLUMNS, *whole_widths], norm=None)
        self.feature_dim = 2 * num_parts * part_widths[-1] + whole_widths[-1]

    def columns(self, points: BisectorPoints) -> Tensor:
        """What the networks see of each point (M, NUM_COLUMNS), scaled to about 1."""
        distances = torch.stack([points.hand_distance, points.scene_distance], 1) / _DISTANCE_SCALE
        flags = torch.stack([points.is_palm_side, points.is_object], 1).to(distances)
        position = (points.position_h - self.centre_h) / RADIUS
        return torch.cat([position, points.to_hand, points.to_scene, distances, flags], 1)

    def forward(self, points: BisectorPoints) -> Tensor:
        """Features (B, feature_dim) of the surfaces of B hands."""
        columns, count = self.columns(points), points.num_hands
        place, of_parts = points.hand_index * self.num_parts + points.part, self.of_parts(columns)
        largest, least = (sign * max_over_segments(sign * of_parts, place, count * self.num_parts) for sign in (1, -1))
        of_whole = max_over_segments(self.of_whole(columns), points.hand_index, count)
        return torch.cat([largest.view(count, -1), least.view(count, -1), of_whole], 1)
