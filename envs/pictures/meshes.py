"""Triangle meshes to be drawn: corner normals with creases, and small shapes made on the spot."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

Array = NDArray[np.float64]

CREASE = float(np.radians(40.0))
"""Faces that meet at a larger angle than this (radians) are drawn with an edge."""


@dataclass(frozen=True)
class ColouredMesh:
    """A mesh to be drawn: F triangles.

    corners (F, 3, 3) metres, normals at the corners (F, 3, 3), sRGB colours (F, 3) in [0, 1].
    """

    corners: Array
    normals: Array
    colours: Array

    def moved(self, rotation: Array, position: Array) -> "ColouredMesh":
        """The mesh after x -> rotation x + position."""
        return replace(self, corners=self.corners @ rotation.T + position, normals=self.normals @ rotation.T)


def coloured(vertices: ArrayLike, faces: ArrayLike, colour: Sequence[float], *, crease: float = CREASE) -> ColouredMesh:
    """A mesh in one colour, smooth except where faces meet at a larger angle than ``crease`` radians.

    Args:
        vertices: (V, 3) metres.
        faces: (F, 3) vertex numbers, counter-clockwise seen from outside.
        colour: sRGB in [0, 1].
        crease: rad.
    Raises:
        ValueError: shapes other than these, or a face that names a vertex that does not exist.
    """
    points, triangles = np.asarray(vertices, dtype=np.float64), np.asarray(faces, dtype=np.int64)
    if points.ndim != 2 or points.shape[1] != 3 or triangles.ndim != 2 or triangles.shape[1] != 3:
        raise ValueError(f"mesh has vertices {points.shape} and faces {triangles.shape}, expected (V, 3) and (F, 3)")
    if triangles.size and not 0 <= triangles.min() <= triangles.max() < len(points):
        raise ValueError(f"mesh face names vertex {triangles.max()}, expected 0 to {len(points) - 1}")
    colours = np.broadcast_to(np.asarray(colour, dtype=np.float64), triangles.shape).copy()
    return ColouredMesh(points[triangles], corner_normals(points, triangles, crease=crease), colours)


def corner_normals(vertices: Array, faces: NDArray[np.int64], *, crease: float = CREASE) -> Array:
    """Unit normals (F, 3, 3): at each corner the area-weighted mean of the faces that join it without a crease."""
    corners = vertices[faces]
    area_normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    face_normals = _unit(area_normals)
    count = faces.size
    incidence = sparse.csr_array((np.ones(count), (np.arange(count), faces.reshape(-1))), shape=(count, len(vertices)))
    pairs = (incidence @ incidence.T).tocoo()
    own, other = pairs.row // 3, pairs.col // 3
    is_smooth = np.einsum("pc,pc->p", face_normals[own], face_normals[other]) >= np.cos(crease)
    weights = sparse.csr_array((is_smooth.astype(np.float64), (pairs.row, other)), shape=(count, len(faces)))
    return _unit(weights @ area_normals).reshape(-1, 3, 3)


def joined(meshes: Sequence[ColouredMesh]) -> ColouredMesh:
    """One mesh of several."""
    return ColouredMesh(
        np.concatenate([mesh.corners for mesh in meshes]),
        np.concatenate([mesh.normals for mesh in meshes]),
        np.concatenate([mesh.colours for mesh in meshes]),
    )


def balls(centres: ArrayLike, radius: float, colours: ArrayLike) -> ColouredMesh:
    """A ball of 20 faces, smoothly shaded, at each of the centres (N, 3) metres; colours (3,) or (N, 3)."""
    shape = trimesh.creation.icosahedron()
    vertices, faces = np.asarray(shape.vertices), np.asarray(shape.faces)
    points = np.asarray(centres, dtype=np.float64)
    corners = (points[:, None, None] + radius * vertices[faces]).reshape(-1, 3, 3)
    normals = np.broadcast_to(vertices[faces], (len(points), 20, 3, 3)).reshape(-1, 3, 3)
    each = np.broadcast_to(np.asarray(colours, dtype=np.float64), points.shape)
    return ColouredMesh(corners, normals, np.repeat(each, 20, axis=0))


def arrow(start: ArrayLike, vector: ArrayLike, radius: float, colour: Sequence[float]) -> ColouredMesh | None:
    """A round arrow of the given shaft radius, metres, from a point along a vector; None where it has no length."""
    origin, along = np.asarray(start, dtype=np.float64), np.asarray(vector, dtype=np.float64)
    length = float(np.linalg.norm(along))
    if length < 1e-9:
        return None
    head = min(4.5 * radius, 0.6 * length)
    # outline from tail to tip: (radius, distance along the arrow)
    outline = [[0.0, 0.0], [radius, 0.0], [radius, length - head], [2.2 * radius, length - head], [0.0, length]]
    shape = trimesh.creation.revolve(outline, sections=16)
    turn = trimesh.geometry.align_vectors([0.0, 0.0, 1.0], along)[:3, :3]
    return coloured(shape.vertices, shape.faces, colour).moved(turn, origin)


def _unit(vectors: Array) -> Array:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-300)
