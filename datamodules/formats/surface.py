"""How far fingertips are from the surface of an object's mesh: what tells whether a file was read in the right way."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import trimesh
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError, cKDTree

from envs.geometry.transforms import transform_points
from envs.hand.hand import Hand
from envs.hand.kinematics import HandKinematics
from envs.objects.meshes.mesh_files import load_mesh

Array = NDArray[np.float64]

NUM_POINTS = 20_000
"""Points on a mesh; on an object of 10 cm they lie 1 to 2 mm apart."""


class MeshSurface:
    """The surface of a mesh file, in its units.

    Attributes:
        mesh: the file's triangles.
        corners: corners of the convex hull (V, 3), the lowest vertex in any direction among them.

    Raises:
        ValueError: the mesh cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.mesh = load_mesh(path)
        self.corners = _hull_corners(np.asarray(self.mesh.vertices, dtype=np.float64))
        self._tree = cKDTree(trimesh.sample.sample_surface(self.mesh, NUM_POINTS, seed=0)[0])

    def distance(self, points: Array) -> Array:
        """Distance (...) of points (..., 3) from the surface."""
        return self._tree.query(points)[0]


def _hull_corners(vertices: Array) -> Array:
    try:
        return vertices[ConvexHull(vertices).vertices]
    except QhullError:  # a flat mesh: all of them
        return vertices


def mesh_surface(path: Path) -> MeshSurface:
    """The surface of a mesh file as it is now; the last few are kept.

    Raises:
        ValueError: the mesh cannot be read.
    """
    now = path.stat()
    return _surface(path, now.st_mtime_ns, now.st_size)


@lru_cache(maxsize=8)
def _surface(path: Path, mtime_ns: int, size: int) -> MeshSurface:
    return MeshSurface(path)


def fingertips(hand: Hand, joints: Array, wrist_pose_m: Array) -> Array:
    """Fingertips (K, F, 3), m, of joints (K, J + C), rad, order of `Hand.all_joints`, where palms (K, 7) are."""
    angles = torch.as_tensor(joints)
    pose = HandKinematics(hand).forward(angles[:, : hand.num_joints], angles[:, hand.num_joints :])
    return transform_points(torch.as_tensor(wrist_pose_m), pose.fingertips).numpy()


def tip_distances(hand: Hand, mesh: Path, scale: float, joints: Array, wrist_pose_m: Array) -> Array:
    """Metres (K, F) from each fingertip to the surface of the mesh at its true scale."""
    return scale * mesh_surface(mesh).distance(fingertips(hand, joints, wrist_pose_m) / scale)
