"""Signed distances to objects on grids, worked out once for each object."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, KDTree
from torch import Tensor

from envs.geometry.object_clouds import ObjectClouds
from envs.objects.grasp_object import GraspObject

NODES = 32
"""Nodes of a grid along each axis: 64 kB an object in 16 bits; 5 to 10 mm apart."""

MARGIN = 0.05
"""Metres around an object that its grid covers. Farther out the way to the grid is added: up to 4 mm too much."""


@dataclass(frozen=True)
class FieldValues:
    """Distances (B, P), m, negative inside, and their gradients (B, 3, P), object frame; None unless asked for."""

    distance: Tensor
    gradient: Tensor | None


class DistanceFields:
    """Signed distances to O objects; a grid is made when it is first asked for, and several threads may ask at once.

    Distances are to the nearest of an object's 4096 surface points, signed by its convex pieces, linear between nodes.

    Args:
        grasp_objects: the objects.
    """

    def __init__(self, grasp_objects: Sequence[GraspObject]) -> None:
        self.grasp_objects = tuple(grasp_objects)
        count = len(self.grasp_objects)
        with torch.inference_mode(False):
            # room costs nothing until it is written to
            self._values = torch.zeros(count * NODES**3, dtype=torch.float16)
            self._low = torch.zeros(count, 3)
            self._cell = torch.ones(count)
            self._is_built = torch.zeros(count, dtype=torch.bool)
        self._building = threading.Lock()

    def __len__(self) -> int:
        return len(self.grasp_objects)

    def prepare(self, rows: Tensor) -> None:
        """Make the grids of the objects ``rows`` (B,) that there are not yet; 30 to 100 ms each."""
        if bool(self._is_built[rows].all()):
            return
        with self._building:
            for row in rows[~self._is_built[rows]].unique().tolist():
                low, cell, values = signed_distances(self.grasp_objects[row])
                self._low[row], self._cell[row] = torch.tensor(low), cell
                self._values[row * NODES**3 : (row + 1) * NODES**3] = torch.tensor(values.ravel())
                self._is_built[row] = True  # last: who finds it may read without the lock

    def frames(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Lowest corner (B, 3) and distance of the nodes (B,) of the grids, m, object frame; prepared ones."""
        return self._low[rows], self._cell[rows]

    def at(self, rows: Tensor, nodes: Tensor, *, with_gradient: bool = False) -> FieldValues:
        """Distances at points.

        Args:
            rows: objects (B,), prepared.
            nodes: points in units of the grid, from its lowest corner (B, 3, P).
            with_gradient: gradients are wanted, too.
        """
        inside = nodes.clamp(0.0, NODES - 1.0)
        base = inside.floor().clamp_max_(NODES - 2.0)
        share = inside - base
        index = base.long()
        flat = ((rows[:, None] * NODES + index[:, 0]) * NODES + index[:, 1]) * NODES + index[:, 2]
        step = (NODES * NODES, NODES, 1)
        corner = [
            self._values.take(flat + (i * step[0] + j * step[1] + k)).float()
            for i in (0, 1) for j in (0, 1) for k in (0, 1)
        ]  # fmt: skip
        x, y, z = share.unbind(1)
        along_z = [torch.lerp(corner[2 * pair], corner[2 * pair + 1], z) for pair in range(4)]
        along_y = [torch.lerp(along_z[0], along_z[1], y), torch.lerp(along_z[2], along_z[3], y)]
        beyond, cell = nodes - inside, self._cell[rows][:, None]
        way = beyond.square().sum(1).sqrt_()
        distance = torch.lerp(along_y[0], along_y[1], x) + way * cell
        if not with_gradient:
            return FieldValues(distance, None)
        slope_z = [corner[2 * pair + 1] - corner[2 * pair] for pair in range(4)]
        slope = torch.stack(
            [
                along_y[1] - along_y[0],
                torch.lerp(along_z[1] - along_z[0], along_z[3] - along_z[2], x),
                torch.lerp(torch.lerp(slope_z[0], slope_z[1], y), torch.lerp(slope_z[2], slope_z[3], y), x),
            ],
            dim=1,
        )
        # where the way to the grid is added, towards what is nearest to its end there: d n + way, from the surface
        outwards = unit(slope, 1)
        at_border = (distance - way * cell)[:, None] * outwards + beyond * cell[:, None]
        gradient = torch.where(way[:, None] > 0.0, at_border, outwards)
        return FieldValues(distance, unit(gradient, 1))


def unit(vectors: Tensor, dim: int) -> Tensor:
    """Vectors of length 1, three numbers along ``dim``; on a CPU in a third of the time of torch's own function."""
    return vectors * vectors.square().sum(dim, keepdim=True).clamp_min_(1e-24).rsqrt_()


def signed_distances(thing: GraspObject) -> tuple[NDArray[np.float64], float, NDArray[np.float64]]:
    """Lowest corner (3,), distance of the nodes, m, and the object's signed distances (N, N, N), m, N = NODES.

    The grid is a cube around the object's box.
    """
    low, high = thing.vertices.min(axis=0) - MARGIN, thing.vertices.max(axis=0) + MARGIN
    cell = float((high - low).max()) / (NODES - 1)
    low = 0.5 * (low + high) - 0.5 * cell * (NODES - 1)
    axes = [low[axis] + cell * np.arange(NODES) for axis in range(3)]
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    distance = KDTree(thing.points).query(nodes)[0]
    within = np.zeros(len(nodes), dtype=bool)
    for piece in thing.pieces:
        near = np.flatnonzero(((nodes >= piece.min(axis=0)) & (nodes <= piece.max(axis=0))).all(axis=1))
        planes = ConvexHull(piece, qhull_options="QJ").equations
        within[near] |= (nodes[near] @ planes[:, :3].T + planes[:, 3] <= 0.0).all(axis=1)
    return low, cell, np.where(within, -distance, distance).reshape(NODES, NODES, NODES)


_OF_CLOUDS: WeakKeyDictionary[ObjectClouds, DistanceFields] = WeakKeyDictionary()


def fields_of(clouds: ObjectClouds) -> DistanceFields:
    """Distances to the objects whose clouds these are, made once for them and kept as long as they are.

    Raises:
        ValueError: nobody knows the objects.
    """
    if clouds.grasp_objects is None:
        raise ValueError(
            "these clouds do not say of which objects they are, whose shapes the bisector surface is made of; give "
            "episodes of known objects, without a camera in their place (noise.one_camera)"
        )
    return _OF_CLOUDS.setdefault(clouds, DistanceFields(clouds.grasp_objects))
