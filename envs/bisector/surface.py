"""The interaction bisector surface: where hand and scene are equally far, found from coarse to fine.

Every node of a grid whose distance to the surface is at most half a cell, to first order, is moved onto it. Distances
change by at most 1 m a metre and their difference f by at most 2: a block whose half diagonal is r holds such a node
only if |f| <= cell + 2 r at its centre. So all nodes are found that evaluating all of them would find.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from envs.bisector.distances import Distances, Scene, homogeneous
from envs.bisector.hand_shapes import PlacedShapes
from envs.bisector.points import BisectorPoints, join_hands

RADIUS = 0.16
"""Metres around the centre in front of the palm (She et al. 2022)."""

NODES = 41
"""Nodes along each axis: 8 mm apart."""

CELL = 2.0 * RADIUS / (NODES - 1)

_SLACK = 0.25 * CELL
"""Distances to objects are interpolated, and steeper here and there than true ones."""

CHUNK = 8
"""Hands at once: what belongs to them stays in the cache."""


class BisectorSurface:
    """Finds bisector surfaces of hands.

    Args:
        centre_h: centre of the sphere in which they are looked for, hand frame, m.
    """

    def __init__(self, centre_h: Sequence[float]) -> None:
        # 11 blocks of 4 nodes a side: 3 more than the grid has, which lie outside of the sphere
        side = (torch.arange(math.ceil(NODES / 4)) * 4 + 1.5) * CELL - RADIUS
        blocks = torch.cartesian_prod(side, side, side)
        levels, self._children = [blocks[_within(blocks, 4)]], []
        corners = torch.cartesian_prod(*(3 * [torch.tensor([-1.0, 1.0])]))
        for size, reach in ((2, 1.0), (1, 0.5)):
            parts = levels[-1][:, None] + reach * CELL * corners
            inside = _within(parts, size)
            # rows of the parts of each block in the level below; -1 outside of the sphere
            self._children.append(torch.where(inside, inside.flatten().cumsum(0).view_as(inside) - 1, -1))
            levels.append(parts[inside])
        self._levels = [homogeneous(points + torch.tensor(centre_h)) for points in levels]

    @property
    def nodes_h(self) -> Tensor:
        """All nodes within the sphere, hand frame, m (N, 3)."""
        return self._levels[-1][:, :3]

    @torch.no_grad()
    def find(self, shapes: PlacedShapes, scene: Scene) -> BisectorPoints:
        """The surfaces of B hands; a hand that is far from everything may have no point."""
        count = len(scene.table_h)
        parts = []
        for begin in range(0, count, CHUNK):
            end = min(begin + CHUNK, count)
            own = shapes.rows(begin, end)
            distances = Distances(own, scene.part(begin, end))
            hand, node = self._candidates(distances)
            parts.append(self._on_surface(own, distances, hand, node, end - begin))
        return join_hands(parts)

    def _candidates(self, distances: Distances) -> tuple[Tensor, Tensor]:
        """Nodes with |f| <= cell: their hands and rows (M,)."""
        sides = distances.sides(self._levels[0])
        count = len(sides.hand)
        hand, row = ((sides.hand - sides.scene).abs() <= _bound(4)).nonzero(as_tuple=True)
        for children, points, size in zip(self._children, self._levels[1:], (2, 1), strict=True):
            row = children[row].flatten()
            inside = row >= 0
            hand, row = hand.repeat_interleave(8)[inside], row[inside]
            padded, slot = _padded(row, hand, count)
            sides = distances.sides(points[padded])
            near = ((sides.hand - sides.scene).abs() <= _bound(size))[hand, slot]
            hand, row = hand[near], row[near]
        return hand, row

    @torch.no_grad()
    def find_by_all_nodes(self, shapes: PlacedShapes, scene: Scene) -> BisectorPoints:
        """The same by evaluating every node: what `find` has to agree with."""
        distances = Distances(shapes, scene)
        sides = distances.sides(self._levels[-1])
        hand, row = ((sides.hand - sides.scene).abs() <= CELL).nonzero(as_tuple=True)
        return self._on_surface(shapes, distances, hand, row, len(scene.table_h))

    def _on_surface(
        self, shapes: PlacedShapes, distances: Distances, hand: Tensor, row: Tensor, num_hands: int
    ) -> BisectorPoints:
        """Nodes, rows (M,), of hands (M,), moved by -f grad f / |grad f|^2 where that is half a cell at most."""
        rows, slot = _padded(row, hand, num_hands)
        padded = self._levels[-1][rows]
        of_hand, of_scene = distances.nearest_hand(padded), distances.nearest_scene(padded)
        slope = (of_hand.gradient - of_scene.gradient)[hand, slot]
        gap = (of_hand.distance - of_scene.distance)[hand, slot]
        steepness = slope.square().sum(1).sqrt()
        keep = gap.abs() <= 0.5 * CELL * steepness
        hand, slot, slope, gap, steepness = (each[keep] for each in (hand, slot, slope, gap, steepness))
        step = -(gap / steepness.square().clamp_min(1e-12))[:, None] * slope
        at_hand, at_scene = of_hand.gradient[hand, slot], of_scene.gradient[hand, slot]
        shape = of_hand.shape[hand, slot]
        return BisectorPoints(
            hand_index=hand,
            position_h=padded[hand, slot, :3] + step,
            to_hand=-at_hand,
            to_scene=-at_scene,
            hand_distance=of_hand.distance[hand, slot] + (at_hand * step).sum(1),
            scene_distance=of_scene.distance[hand, slot] + (at_scene * step).sum(1),
            is_palm_side=(shapes.palmar[hand, shape] * at_hand).sum(1) > 0.0,
            is_object=of_scene.is_object[hand, slot],
            part=shapes.part[shape],
            num_hands=num_hands,
        )


def _bound(size: int) -> float:
    """|f| at the centre of a block of size^3 nodes up to which one of these may have |f| <= cell, m."""
    return CELL + (2.0 * _half_diagonal(size) + _SLACK) * (size > 1)


def _half_diagonal(size: int) -> float:
    """From the centre of a block of size^3 nodes to its outermost ones, m."""
    return 0.5 * (size - 1) * CELL * math.sqrt(3.0)


def _within(points: Tensor, size: int) -> Tensor:
    """Whether blocks of size^3 nodes around points (..., 3), from the centre, reach into the sphere (...) bool."""
    return points.norm(dim=-1) <= RADIUS + _half_diagonal(size) + 1e-6


def _padded(row: Tensor, hand: Tensor, num_hands: int) -> tuple[Tensor, Tensor]:
    """Rows (M,), sorted by hand (M,), as (B, P) with 0 where a hand has fewer, and their places there (M,)."""
    counts = torch.bincount(hand, minlength=num_hands)
    slot = torch.arange(len(hand)) - (counts.cumsum(0) - counts)[hand]
    padded = row.new_zeros(num_hands, max(1, int(counts.max())))
    padded[hand, slot] = row
    return padded, slot
