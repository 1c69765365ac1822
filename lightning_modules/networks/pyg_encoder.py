"""PointNet++ out of PyTorch Geometric's parts: the plain formulation of `PointNet2Encoder`, to build variants from."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch_geometric.nn import MLP, PointNetConv, global_max_pool

from envs.geometry.point_grouping import CloudGrouping, GroupingLevel, GroupingSpec
from envs.ranges import POSITIVE, check_numbers
from lightning_modules.networks.point_encoders import (
    PAPER_LEVELS,
    PointEncoder,
    PointNet2Encoder,
    SetAbstractionSize,
    check_points,
    check_sizes,
    complete_grouping,
    grouping_spec_of,
)
from lightning_modules.networks.point_ops import flat_index


class PointNetConvEncoder(PointEncoder):
    """`PointNet2Encoder` with PointNetConv for its levels, MLP and global_max_pool, of the paper's sizes by default.

    Groups are the edges: from each neighbour to its centre. With the same weights (`take_weights_of`) the feature is
    the same. Every layer runs on every edge, which takes more time and memory (benchmarks/gf_training.py --pyg).

    Args:
        levels: set abstraction levels, fine to coarse; PAPER_LEVELS when None.
        global_widths: MLP over the last level's centres, before the maximum.
        feature_widths: MLP after it; the last is the feature's size.
        input_scale: 1/m, brings decimetres in the hand frame to about 1.

    Raises:
        ValueError: no level, or too few widths.
    """

    def __init__(
        self,
        levels: Sequence[SetAbstractionSize] | None = None,
        global_widths: Sequence[int] = (256, 512, 1024),
        feature_widths: Sequence[int] = (1024, 512),
        input_scale: float = 10.0,
    ) -> None:
        super().__init__()
        levels = PAPER_LEVELS if levels is None else levels
        check_sizes(type(self).__name__, levels, global_widths, feature_widths)
        check_numbers({"input_scale": input_scale}, {"input_scale": POSITIVE})
        self.grouping_spec: GroupingSpec = grouping_spec_of(levels)
        self.radii = [size.radius for size in levels]
        self.input_scale = input_scale
        # a message is [scale x_j, f_j, (x_j - c_i) / radius]
        starts = [6, *(6 + size.widths[-1] for size in levels)]
        self.levels = nn.ModuleList(
            PointNetConv(MLP([start, *size.widths], norm=None), add_self_loops=False)
            for start, size in zip(starts, levels, strict=False)
        )
        self.global_mlp = MLP([3 + levels[-1].widths[-1], *global_widths], norm=None)
        self.norm = nn.LayerNorm(global_widths[-1])
        self.last_mlp = MLP([global_widths[-1], *feature_widths], norm=None)
        self.feature_dim = feature_widths[-1]

    def forward(self, points_h: Tensor, grouping: CloudGrouping | None = None) -> Tensor:
        """Features (B, feature_dim) of clouds (B, N, 3); see PointEncoder."""
        check_points(points_h)
        groups = complete_grouping(self.grouping_spec, points_h, grouping)
        num_clouds, num_points = points_h.shape[:2]
        places, features = points_h.flatten(0, 1), points_h.new_zeros((num_clouds * num_points, 0))
        for convolution, radius, level in zip(self._convolutions(), self.radii, groups.levels, strict=True):
            seen = torch.cat([self.input_scale * places, features], dim=1)
            centres = places[flat_index(level.centre_index, num_points)]
            edges = edges_of(level, num_points)
            features = convolution((seen, None), (places / radius, centres / radius), edges).relu()
            places, num_points = centres, level.centre_index.shape[1]
        hidden = self.global_mlp(torch.cat([self.input_scale * places, features], dim=1))
        cloud = torch.arange(num_clouds, device=places.device).repeat_interleave(num_points)
        pooled = global_max_pool(hidden, cloud, num_clouds)
        feature: Tensor = self.last_mlp(self.norm(pooled).relu())
        return feature

    @torch.no_grad()
    def take_weights_of(self, encoder: PointNet2Encoder) -> None:
        """Compute what ``encoder`` computes.

        Raises:
            ValueError: it has other sizes.
        """
        mlps = [convolution.local_nn for convolution in self._convolutions()]
        own = [layer for mlp in (*mlps, self.global_mlp, self.last_mlp) for layer in mlp.lins]
        given = [module for module in encoder.modules() if isinstance(module, nn.Linear)]
        if [layer.weight.shape for layer in own] != [layer.weight.shape for layer in given]:
            raise ValueError(
                f"the encoders have layers of {[tuple(layer.weight.shape) for layer in given]} and "
                f"{[tuple(layer.weight.shape) for layer in own]}; give both the same levels and widths"
            )
        for layer, like in zip(own, given, strict=True):
            layer.load_state_dict(like.state_dict())
        for mlp in mlps:  # PointNetConv puts the relative position last, in ours it comes first
            mlp.lins[0].weight.copy_(mlp.lins[0].weight.roll(-3, dims=1))
        self.norm.load_state_dict(encoder.feature_mlp[0].state_dict())

    def _convolutions(self) -> list[PointNetConv]:
        return [convolution for convolution in self.levels if isinstance(convolution, PointNetConv)]


def edges_of(level: GroupingLevel, num_points: int) -> Tensor:
    """Edges (2, B M K) from neighbours to centres; points and centres are numbered through all clouds."""
    num_clouds, num_centres, max_neighbours = level.neighbour_index.shape
    centre = torch.arange(num_clouds * num_centres, device=level.neighbour_index.device)
    return torch.stack([flat_index(level.neighbour_index, num_points), centre.repeat_interleave(max_neighbours)])
