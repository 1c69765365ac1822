"""Which points of a cloud PointNet++ looks at together: farthest-point centres and their neighbours.

Only distances between points decide, so a grouping survives every rigid motion of its cloud: it is computed once per
object (`envs.geometry.object_clouds`) and reused wherever the object and the wrist go. (A point whose distance from a
centre equals the radius to within rounding may fall on either side after a motion; the network's output then moves by
as little as that point.)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_CPU_CHUNK = 16
"""Clouds grouped at once: their distances stay below 70 MB at 512 centres of 1024 points."""

_DEVICE_CHUNK = 128
"""The same on an accelerator, which waits for its calls and not for its memory."""


@dataclass(frozen=True)
class GroupingLevelSpec:
    """One level of grouping: how many centres, how far they see (metres), and how many neighbours they keep."""

    num_centres: int
    radius: float
    max_neighbours: int

    def __post_init__(self) -> None:
        if self.num_centres < 1 or self.max_neighbours < 1:
            raise ValueError(
                f"grouping level has num_centres {self.num_centres} and max_neighbours {self.max_neighbours}; "
                "both must be at least 1."
            )
        if not (math.isfinite(self.radius) and self.radius > 0.0):
            raise ValueError(f"grouping radius is {self.radius} m; it must be finite and above 0.")


@dataclass(frozen=True)
class GroupingLevel:
    """Indices of one level, each into the points of the level before (the cloud itself for the first).

    centre_index is (B, M) and neighbour_index (B, M, K), both int64.
    """

    centre_index: Tensor
    neighbour_index: Tensor


@dataclass(frozen=True)
class CloudGrouping:
    """The grouping of B clouds, level by level; invariant under rigid motion of each cloud."""

    levels: tuple[GroupingLevel, ...]

    @property
    def num_clouds(self) -> int:
        """Number of clouds B that the grouping describes."""
        return self.levels[0].centre_index.shape[0]

    def put(self, rows: Tensor, other: "CloudGrouping") -> None:
        """Write another grouping over that of the clouds ``rows``: their numbers (R,) or a mask (B,)."""
        for level, new in zip(self.levels, other.levels, strict=True):
            level.centre_index[rows] = new.centre_index.to(level.centre_index)
            level.neighbour_index[rows] = new.neighbour_index.to(level.neighbour_index)

    def split(self, count: int) -> list["CloudGrouping"]:
        """The groupings of each ``count`` clouds in turn; the last may hold fewer."""
        parts = [zip(lv.centre_index.split(count), lv.neighbour_index.split(count), strict=True) for lv in self.levels]
        return [CloudGrouping(tuple(GroupingLevel(*index) for index in part)) for part in zip(*parts, strict=True)]

    @staticmethod
    def cat(groupings: Sequence["CloudGrouping"]) -> "CloudGrouping":
        """One grouping of all clouds of ``groupings``, one after the other."""
        return CloudGrouping(
            tuple(
                GroupingLevel(
                    torch.cat([lv.centre_index for lv in levels]), torch.cat([lv.neighbour_index for lv in levels])
                )
                for levels in zip(*(g.levels for g in groupings), strict=True)
            )
        )


@dataclass(frozen=True)
class GroupingSpec:
    """What to group: the levels from fine to coarse. ``build`` does it."""

    levels: tuple[GroupingLevelSpec, ...]

    def build(self, points: Tensor) -> CloudGrouping:
        """Group every cloud of a batch.

        Args:
            points: (B, N, 3), metres, any frame.
        Returns:
            One level of indices per level of the spec, on the device of ``points``.
        Raises:
            ValueError: wrong shape, NaN or infinite coordinates, or fewer points than a level has centres.
        """
        _check_cloud(points)
        # float64: the decision "inside the radius" should not depend on where in the world the cloud lies.
        parts = points.detach().double().split(_CPU_CHUNK if points.device.type == "cpu" else _DEVICE_CHUNK)
        return CloudGrouping.cat([self._build(part) for part in parts])

    def _build(self, points: Tensor) -> CloudGrouping:
        levels, current = [], points
        for level in self.levels:
            centre_index = farthest_point_sample(current, level.num_centres)
            centres = current.gather(1, centre_index[..., None].expand(-1, -1, 3))
            neighbour_index = ball_query(current, centres, level.radius, level.max_neighbours)
            levels.append(GroupingLevel(centre_index, neighbour_index))
            current = centres
        return CloudGrouping(tuple(levels))


def farthest_point_sample(points: Tensor, count: int) -> Tensor:
    """Indices of ``count`` points, each as far as possible from those before it (PointNet++ Sec. 3.2).

    Starts at index 0, so the result is deterministic; equal distances go to the lower index.

    Args:
        points: (B, N, 3), metres.
    Returns:
        (B, count) int64, in the order of selection.
    Raises:
        ValueError: wrong shape, NaN or infinite coordinates, count below 1 or above N.
    """
    _check_cloud(points)
    num_clouds, num_points, _ = points.shape
    if not 1 <= count <= num_points:
        raise ValueError(
            f"farthest_point_sample was asked for {count} of {num_points} points; allowed are 1 to {num_points}. "
            "Give denser clouds or fewer centres."
        )
    coordinates = points.detach().transpose(1, 2).contiguous()  # (B, 3, N)
    chosen = torch.zeros(num_clouds, count, dtype=torch.long, device=points.device)
    # Squared distance of every point to the nearest point chosen so far.
    nearest = torch.full((num_clouds, num_points), math.inf, dtype=points.dtype, device=points.device)
    for i in range(1, count):
        last = coordinates.gather(2, chosen[:, i - 1, None, None].expand(-1, 3, 1))
        nearest = torch.minimum(nearest, (coordinates - last).square_().sum(1))
        chosen[:, i] = nearest.argmax(1)
    return chosen


def ball_query(points: Tensor, centres: Tensor, radius: float, max_neighbours: int) -> Tensor:
    """The ``max_neighbours`` points nearest to each centre among those within ``radius``, nearest first.

    PointNet++ takes the first in index order instead. The project's clouds, and the centres of every later level, are
    in farthest-point order: the first K in a ball then come from the first few dozen points of the cloud whatever the
    ball, and the rest of the surface goes unseen (docs/deviations.md). Nearest points use all of it and do not depend
    on the order. A ball with fewer points is padded with its first one; an empty ball holds the nearest point.

    Args:
        points: (B, N, 3), metres.
        centres: (B, M, 3), metres, same frame.
        radius: metres, above 0; a point at exactly this distance counts.
        max_neighbours: K, at least 1; may exceed N.
    Returns:
        (B, M, K) int64 indices into ``points``.
    Raises:
        ValueError: wrong shapes, NaN or infinite coordinates, radius or K not positive.
    """
    _check_cloud(points)
    _check_cloud(centres)
    spec = GroupingLevelSpec(centres.shape[1], radius, max_neighbours)
    # The matrix-product form of cdist loses the millimetres of small balls far from the origin.
    distance = torch.cdist(centres.detach(), points.detach(), compute_mode="donot_use_mm_for_euclid_dist")
    count = min(spec.max_neighbours, points.shape[1])
    nearest = distance.topk(count, dim=-1, largest=False, sorted=True)
    first = nearest.indices[..., :1]
    index = torch.where(nearest.values <= spec.radius, nearest.indices, first)
    return torch.cat([index, first.expand(-1, -1, spec.max_neighbours - count)], dim=-1)


def _check_cloud(points: Tensor) -> None:
    """Raise ValueError unless ``points`` is a finite floating-point tensor (B, N, 3) with N of at least 1."""
    if points.ndim != 3 or points.shape[-1] != 3 or points.shape[1] < 1:
        raise ValueError(f"point clouds have shape {tuple(points.shape)}; expected (B, N, 3) with N >= 1.")
    if not points.is_floating_point():
        raise ValueError(f"point clouds have dtype {points.dtype}; expected float32 or float64 metres.")
    finite = torch.isfinite(points).all(-1)
    if not bool(finite.all()):
        cloud, point = (~finite).nonzero()[0].tolist()
        raise ValueError(
            f"point {point} of cloud {cloud} is {points[cloud, point].tolist()}; coordinates must be finite metres. "
            "Check the mesh or the pose that the cloud came from."
        )
