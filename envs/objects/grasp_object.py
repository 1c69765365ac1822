"""The object as every other part of the project sees it."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class GraspObject:
    """One rigid object; metres, kilograms; the object frame has its origin at the centre of mass.

    Attributes:
        name: family and seed, e.g. ``mug_00012``, enough to rebuild a parametric object; or that of a mesh.
        family: shape family, a key of ``envs.objects.families.FAMILIES``; or that of a mesh (`MeshFolder`).
        seed: number the parameters and surface points were drawn from; 0 for meshes.
        parameters: the family's parameters, metres, ratios or radians; of a mesh the metres in one unit of its file.
        vertices: mesh vertices, (V, 3), object frame.
        faces: vertex indices, counter-clockwise from outside, (F, 3); the mesh is watertight.
        pieces: vertices of each convex piece, (<= 64, 3), object frame; the mesh is their union (about so for meshes
            that were decomposed).
        mass: kilograms.
        inertia: about the origin, uniform density, kg m^2, (3, 3).
        rest_poses: poses T_wo in which the object stands on the table, x = y = 0, (R, 7) xyz + quaternion wxyz.
        rest_probabilities: chance of each rest pose when dropped at random, (R,), sums to 1.
        points: surface points, metres, object frame, (4096, 3) float32.
        normals: outward unit normals of the points, (4096, 3) float32.
        cloud_index: points kept by farthest-point sampling, in that order, starting at 0, (1024,).
    """

    name: str
    family: str
    seed: int
    parameters: dict[str, float]
    vertices: FloatArray
    faces: NDArray[np.int64]
    pieces: tuple[FloatArray, ...]
    mass: float
    inertia: FloatArray
    rest_poses: FloatArray
    rest_probabilities: FloatArray
    points: NDArray[np.float32]
    normals: NDArray[np.float32]
    cloud_index: NDArray[np.int64]

    @property
    def cloud(self) -> NDArray[np.float32]:
        """Object point cloud of the networks, metres, object frame, (1024, 3) float32."""
        return self.points[self.cloud_index]

    @cached_property
    def body_digest(self) -> str:
        """Stands for what moves and collides, whatever it is called: mass, inertia and convex pieces."""
        total = hashlib.sha256(np.float64(self.mass).tobytes() + self.inertia.tobytes())
        for piece in self.pieces:
            total.update(f"{piece.dtype.str}{piece.shape}".encode() + piece.tobytes())
        return total.hexdigest()[:32]

    @property
    def extents(self) -> FloatArray:
        """Size of the axis-aligned box around the object, object frame, metres, (3,)."""
        return np.ptp(self.vertices, axis=0)
