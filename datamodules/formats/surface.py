"""How far fingertips are from the surface of an object's mesh: what tells whether a file was read in the right way."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
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
from envs.objects.store.guarded import GuardedCalls, Limits, guarded_calls

Array = NDArray[np.float64]

NUM_POINTS = 20_000
"""Points on a mesh; on an object of 10 cm they lie 1 to 2 mm apart."""

_ADVICE = (
    "meshes do that with faces of thousands of corners, or with millions of faces; cut it into triangles and decimate "
    "it, allow it more by --timeout (seconds) and --memory (gigabytes), or leave its grasps out"
)


class MeshSurface:
    """The surface of a mesh file, in its units.

    Attributes:
        mesh: the file's triangles, with the vertices that they use.
        corners: corners of the convex hull (V, 3), the lowest vertex in any direction among them.

    Raises:
        ValueError: the mesh cannot be read.
    """

    def __init__(self, path: Path) -> None:
        mesh = load_mesh(path)
        self.corners = _hull_corners(np.asarray(mesh.vertices, dtype=np.float64))
        self._tree = cKDTree(trimesh.sample.sample_surface(mesh, NUM_POINTS, seed=0)[0])
        mesh.remove_unreferenced_vertices()
        self.mesh = mesh

    def distance(self, points: Array) -> Array:
        """Distance (...) of points (..., 3) from the surface."""
        return self._tree.query(points)[0]


def _hull_corners(vertices: Array) -> Array:
    try:
        return vertices[ConvexHull(vertices).vertices]
    except QhullError:  # a flat mesh: all of them
        return vertices


class GuardedReader:
    """Reads meshes in a worker; those that failed are not tried again, since each may take all its time.

    Attributes:
        num_cut_off: how often a mesh was asked for that takes more than the limits.
    """

    def __init__(self, calls: GuardedCalls) -> None:
        self._calls = calls
        self._failed: dict[tuple[Path, int, int], str] = {}
        self._cut_off: set[tuple[Path, int, int]] = set()
        self.num_cut_off = 0

    def read(self, path: Path, mtime_ns: int, size: int) -> MeshSurface:
        """The surface of a file as it is now; ValueError with file and cause where there is none."""
        state = path, mtime_ns, size
        if state not in self._failed:
            try:
                surface: MeshSurface = self._calls.result(self._calls.submit(MeshSurface, (path,)), _ADVICE)
                return surface
            except (ValueError, OSError, MemoryError, RuntimeError) as error:
                cause = str(error)
                self._failed[state] = cause if cause.startswith(str(path)) else f"{path}: {cause}"
                if isinstance(error, TimeoutError | MemoryError):
                    self._cut_off.add(state)
        self.num_cut_off += state in self._cut_off
        raise ValueError(self._failed[state])


_READER: ContextVar[GuardedReader | None] = ContextVar("reader", default=None)


@contextmanager
def guarded_meshes(limits: Limits) -> Iterator[GuardedReader]:
    """`mesh_surface` reads in another process meanwhile: what hangs or fills the memory there ends as a ValueError.

    Args:
        limits: of each mesh.
    """
    with guarded_calls(1, limits) as calls:
        reader = GuardedReader(calls)
        token = _READER.set(reader)
        try:
            yield reader
        finally:
            _READER.reset(token)


def mesh_surface(path: Path) -> MeshSurface:
    """The surface of a mesh file as it is now; the last few are kept.

    Raises:
        ValueError: the mesh cannot be read.
    """
    now = path.stat()
    return _surface(path, now.st_mtime_ns, now.st_size)


@lru_cache(maxsize=8)
def _surface(path: Path, mtime_ns: int, size: int) -> MeshSurface:
    reader = _READER.get()
    return MeshSurface(path) if reader is None else reader.read(path, mtime_ns, size)


def fingertips(hand: Hand, joints: Array, wrist_pose_m: Array) -> Array:
    """Fingertips (K, F, 3), m, of joints (K, J + C), rad, order of `Hand.all_joints`, where palms (K, 7) are."""
    angles = torch.as_tensor(joints)
    pose = HandKinematics(hand).forward(angles[:, : hand.num_joints], angles[:, hand.num_joints :])
    return transform_points(torch.as_tensor(wrist_pose_m), pose.fingertips).numpy()


def tip_distances(hand: Hand, mesh: Path, scale: float, joints: Array, wrist_pose_m: Array) -> Array:
    """Metres (K, F) from each fingertip to the surface of the mesh at its true scale."""
    return scale * mesh_surface(mesh).distance(fingertips(hand, joints, wrist_pose_m) / scale)
