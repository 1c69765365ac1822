"""From an object cloud in the hand frame to one feature vector: PointNet and PointNet++.

No BatchNorm: its statistics would couple the grasps of a batch, differ between training and the control loop, where
one cloud comes at a time, and lag behind averaged (EMA) weights. One LayerNorm on the pooled vector keeps its scale.
"""

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from envs.geometry.point_grouping import CloudGrouping, GroupingLevel, GroupingLevelSpec, GroupingSpec
from envs.ranges import POSITIVE, check_numbers
from lightning_modules.networks.point_ops import flat_index, max_over_neighbours
from lightning_modules.networks.worker_threads import map_without_grad


class PointEncoder(nn.Module, abc.ABC):
    """A network (B, N, 3) -> (B, feature_dim) that does not depend on the order of the points.

    Attributes:
        feature_dim: size of the feature.
        grouping_spec: what has to be grouped beforehand; None when the encoder needs no grouping.
    """

    feature_dim: int
    grouping_spec: GroupingSpec | None

    @abc.abstractmethod
    def forward(self, points_h: Tensor, grouping: CloudGrouping | None = None) -> Tensor:
        """Features (B, feature_dim) of clouds in the hand frame, (B, N, 3) metres.

        Args:
            grouping: precomputed neighbours of these clouds; computed here, slowly, when needed and None.
        Raises:
            ValueError: points_h is not (B, N, 3), or the grouping describes another number of clouds.
        """


@dataclass(frozen=True)
class SetAbstractionSize:
    """One PointNet++ level: centres, radius in metres, neighbours, and the widths of its MLP."""

    num_centres: int
    radius: float
    max_neighbours: int
    widths: tuple[int, ...]


COMPACT_LEVELS = (SetAbstractionSize(128, 0.04, 16, (32, 32, 64)), SetAbstractionSize(32, 0.1, 16, (64, 64, 128)))
"""An encoder that trains on two CPU cores: about 38 MFLOP forward (tuned: benchmarks/gf_training.py)."""

PAPER_LEVELS = (SetAbstractionSize(512, 0.04, 32, (64, 64, 128)), SetAbstractionSize(256, 0.1, 16, (128, 128, 256)))
"""The sizes of the released code, about 1.3 GFLOP forward."""


class MaxMLP(nn.Module):
    """MLP on every row, then the maximum over the rows of each group.

    No activation at the end: the caller's relu(max(x)) equals max(relu(x)) and touches group_size times fewer values.
    The last bias is added after the maximum for the same reason.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.before = nn.ModuleList(_linears(widths[:-1]))
        self.last = nn.Linear(widths[-2], widths[-1])

    def forward(self, rows: Tensor, group_size: int) -> Tensor:
        """Largest values (G, widths[-1]) of rows (G * group_size, widths[0])."""
        for layer in self.before:
            rows = layer(rows).relu_()
        values = nn.functional.linear(rows, self.last.weight).view(-1, group_size, self.last.out_features)
        return max_over_neighbours(values) + self.last.bias


class SetAbstraction(nn.Module):
    """MLP over each neighbourhood, then the maximum over its neighbours (PointNet++ Sec. 3.3).

    The MLP sees [(x_j - c_i) / radius, scale x_j, f_j]. Its first layer is linear, so it is applied to the N points and
    the M centres apart and subtracted after gathering: K times less work than on all M K neighbours, same result.
    Absolute coordinates are an input because the grasp depends on where in the hand frame the surface lies.
    """

    def __init__(self, size: SetAbstractionSize, in_features: int, input_scale: float) -> None:
        super().__init__()
        self.radius = size.radius
        self.input_scale = input_scale
        self.first = nn.Linear(6 + in_features, size.widths[0])
        self.rest = MaxMLP(size.widths)

    def forward(self, points: Tensor, features: Tensor | None, level: GroupingLevel) -> tuple[Tensor, Tensor]:
        """Centres (B, M, 3) and their features (B, M, widths[-1]), from points (B, N, 3) and features (B, N, F)."""
        num_clouds, num_points, _ = points.shape
        num_centres, max_neighbours = level.neighbour_index.shape[1:]
        centres = points.reshape(-1, 3).index_select(0, flat_index(level.centre_index, num_points))
        relative, absolute, other = self.first.weight.split([3, 3, self.first.in_features - 6], dim=1)
        relative = relative / self.radius
        # W [(x_j - c_i) / r, s x_j, f_j] + b = (W_r / r + s W_a) x_j + W_f f_j + b - (W_r / r) c_i
        on_points = nn.functional.linear(points, relative + self.input_scale * absolute, self.first.bias)
        if features is not None:
            on_points = on_points + nn.functional.linear(features, other)
        on_centres = nn.functional.linear(centres, -relative)
        rows = flat_index(level.neighbour_index, num_points)
        gathered = on_points.flatten(0, 1).index_select(0, rows).view(-1, max_neighbours, on_points.shape[-1])
        # Rows stay two-dimensional: changing a view in place makes autograd copy every gradient.
        hidden = (gathered + on_centres[:, None]).relu_().flatten(0, 1)
        pooled = self.rest(hidden, max_neighbours).relu()
        return centres.view(num_clouds, num_centres, 3), pooled.view(num_clouds, num_centres, -1)


class PointNet2Encoder(PointEncoder):
    """Single-scale PointNet++: set abstraction levels, a global MLP with maximum, and a feature MLP."""

    def __init__(
        self,
        levels: Sequence[SetAbstractionSize] | None = None,
        global_widths: Sequence[int] = (128, 256, 512),
        feature_widths: Sequence[int] = (512,),
        input_scale: float = 10.0,
        clouds_per_chunk: int = 8,
    ) -> None:
        """Sizes; the defaults are compact, those of the paper are in ``score_network.paper_score_network``.

        Args:
            levels: set abstraction levels, fine to coarse; COMPACT_LEVELS when None.
            global_widths: MLP over the last level's centres, before the maximum.
            feature_widths: MLP after it; the last is the feature's size.
            input_scale: 1/m, brings decimetres in the hand frame to about 1.
            clouds_per_chunk: clouds that pass through at once on a CPU, so that activations stay in its cache
                (tuned: benchmarks/gf_training.py; 64 at once is a sixth slower on AVX2).
        Raises:
            ValueError: no level, too few widths or one below 1, input_scale not above 0, or clouds_per_chunk below 1.
        """
        super().__init__()
        levels = COMPACT_LEVELS if levels is None else levels
        check_sizes(type(self).__name__, levels, global_widths, feature_widths)
        check_numbers({"input_scale": input_scale}, {"input_scale": POSITIVE})
        if clouds_per_chunk < 1:
            raise ValueError(f"clouds_per_chunk is {clouds_per_chunk}; at least 1 is needed.")
        self.grouping_spec: GroupingSpec = grouping_spec_of(levels)
        self.input_scale = input_scale
        self.clouds_per_chunk = clouds_per_chunk
        in_features = [0, *(size.widths[-1] for size in levels)]
        self.levels = nn.ModuleList(
            SetAbstraction(size, width, input_scale) for size, width in zip(levels, in_features, strict=False)
        )
        self.global_mlp = MaxMLP([3 + in_features[-1], *global_widths])
        self.feature_mlp = _feature_mlp(global_widths[-1], feature_widths)
        self.feature_dim = feature_widths[-1]

    def forward(self, points_h: Tensor, grouping: CloudGrouping | None = None) -> Tensor:
        """Features (B, feature_dim) of clouds (B, N, 3); see PointEncoder."""
        check_points(points_h)
        grouping = complete_grouping(self.grouping_spec, points_h, grouping)
        if torch.compiler.is_exporting():  # no chunks: their number would be part of the graph
            return self.feature_mlp(self._pool(points_h, grouping.levels))
        chunk = self.clouds_per_chunk if points_h.device.type == "cpu" else max(1, points_h.shape[0])
        parts = list(zip(points_h.split(chunk), (part.levels for part in grouping.split(chunk)), strict=True))
        if torch.is_grad_enabled() or points_h.device.type != "cpu":
            pooled = [self._pool(points, levels) for points, levels in parts]
        else:
            pooled = map_without_grad(lambda part: self._pool(*part), parts)
        return self.feature_mlp(torch.cat(pooled))

    def _pool(self, points_h: Tensor, levels: Sequence[GroupingLevel]) -> Tensor:
        """Global maximum (B, global_widths[-1]), before its activation."""
        points, features = self.levels[0](points_h, None, levels[0])
        for abstraction, level in zip(list(self.levels)[1:], levels[1:], strict=True):
            points, features = abstraction(points, features, level)
        hidden = torch.cat([self.input_scale * points, features], dim=-1)
        pooled: Tensor = self.global_mlp(hidden.flatten(0, 1), hidden.shape[1])
        return pooled


class PointNetEncoder(PointEncoder):
    """PointNet: one MLP for every point, the maximum over the cloud, and a feature MLP (Qi et al. 2017).

    Only the points that win the maximum of some channel carry gradient. In training all points run through once
    without recording, then the winners alone again with it: the same result and gradient in half the time and a
    fraction of the memory (tuned: 1024 points, widths 64-128-512, AVX2).
    """

    grouping_spec = None

    def __init__(
        self,
        widths: Sequence[int] = (64, 128, 512),
        feature_widths: Sequence[int] = (512,),
        input_scale: float = 10.0,
    ) -> None:
        """widths: MLP per point, before the maximum. feature_widths: MLP after it. input_scale: 1/m.

        Raises:
            ValueError: an empty list of widths, a width below 1, or an input_scale that is not above 0.
        """
        super().__init__()
        if not widths or not feature_widths or min(*widths, *feature_widths) < 1:
            raise ValueError(
                f"PointNetEncoder got widths {widths} and feature_widths {feature_widths}; it needs at least one "
                "width in every MLP, of at least 1."
            )
        check_numbers({"input_scale": input_scale}, {"input_scale": POSITIVE})
        self.input_scale = input_scale
        self.before = nn.ModuleList(_linears([3, *widths[:-1]]))
        self.last = nn.Linear([3, *widths][-2], widths[-1])
        self.feature_mlp = _feature_mlp(widths[-1], feature_widths)
        self.feature_dim = feature_widths[-1]

    def forward(self, points_h: Tensor, grouping: CloudGrouping | None = None) -> Tensor:
        """Features (B, feature_dim) of clouds (B, N, 3); the grouping is not used."""
        check_points(points_h)
        points = self.input_scale * points_h
        if torch.compiler.is_exporting():
            return self.feature_mlp(self._values(points).amax(1))
        if not torch.is_grad_enabled():
            largest = map_without_grad(lambda clouds: self._values(clouds).amax(1), points.split(8))
            return self.feature_mlp(torch.cat(largest))
        with torch.no_grad():
            winner = torch.cat(map_without_grad(lambda clouds: self._values(clouds).max(1).indices, points.split(8)))
        rows, position = torch.unique(flat_index(winner, points.shape[1]), return_inverse=True)
        values = self._values(points.flatten(0, 1).index_select(0, rows))  # (R, C)
        pooled = values.gather(0, position.view_as(winner))
        return self.feature_mlp(pooled)

    def _values(self, points: Tensor) -> Tensor:
        """Per-point values (..., C) of scaled points (..., 3), before the last activation."""
        rows = points.reshape(-1, 3)
        for layer in self.before:
            rows = layer(rows).relu_()
        values: Tensor = self.last(rows)
        return values.view(*points.shape[:-1], -1)


def _linears(widths: Sequence[int]) -> list[nn.Linear]:
    return [nn.Linear(a, b) for a, b in pairwise(widths)]


def _feature_mlp(in_width: int, widths: Sequence[int]) -> nn.Sequential:
    """LayerNorm, then for each width ReLU and linear: the feature itself is not rectified."""
    modules: list[nn.Module] = [nn.LayerNorm(in_width)]
    for layer in _linears([in_width, *widths]):
        modules += [nn.ReLU(), layer]
    return nn.Sequential(*modules)


def check_sizes(
    name: str, levels: Sequence[SetAbstractionSize], global_widths: Sequence[int], feature_widths: Sequence[int]
) -> None:
    """Refuse a PointNet++ without a level, with too few widths, or with one below 1."""
    every = [*global_widths, *feature_widths, *(width for size in levels for width in size.widths)]
    is_short = not levels or not global_widths or not feature_widths or any(len(size.widths) < 2 for size in levels)
    if is_short or min(every) < 1:
        raise ValueError(
            f"{name} got levels {levels}, global_widths {global_widths} and feature_widths {feature_widths}; it needs "
            "at least one level, two widths in each level's MLP and one in the others, of at least 1."
        )


def grouping_spec_of(levels: Sequence[SetAbstractionSize]) -> GroupingSpec:
    """What set abstraction levels want to be grouped."""
    return GroupingSpec(tuple(GroupingLevelSpec(size.num_centres, size.radius, size.max_neighbours) for size in levels))


def complete_grouping(spec: GroupingSpec, points_h: Tensor, grouping: CloudGrouping | None) -> CloudGrouping:
    """The grouping that was given, or that of these clouds when None.

    Raises:
        ValueError: it is of another number of clouds or levels.
    """
    if grouping is None:
        return spec.build(points_h)
    if grouping.num_clouds != points_h.shape[0] or len(grouping.levels) != len(spec.levels):
        raise ValueError(
            f"the grouping has {len(grouping.levels)} levels of {grouping.num_clouds} clouds, the network "
            f"{len(spec.levels)} levels and the batch {points_h.shape[0]} clouds; build it with grouping_spec."
        )
    return grouping


def check_points(points_h: Tensor) -> None:
    """Refuse what is not a batch of clouds."""
    if points_h.ndim != 3 or points_h.shape[-1] != 3:
        raise ValueError(f"points_h has shape {tuple(points_h.shape)}; expected (B, N, 3) in metres, hand frame.")
    if not points_h.is_floating_point():
        raise ValueError(f"points_h has dtype {points_h.dtype}; expected a floating-point tensor of metres.")
