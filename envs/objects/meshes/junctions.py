"""Seams of zero width: edges of faces along which their neighbours have more vertices, as modelling programs leave."""

from itertools import pairwise

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree

_NEAR = 1e-6
"""Distance of a vertex from an edge that it lies on, over the size of the mesh; single precision rounds at 1e-7."""

_ROUNDS = 8
"""A face may have such edges on all sides, each with several vertices: one side a round."""

Array = NDArray[np.float64]


def without_seams(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """The mesh with open edges divided at the vertices of other open edges that lie on them.

    Such a mesh looks closed, and encloses a volume, but its faces do not share their edges: it would be taken for an
    open surface, which gets a wall of its own. Where nothing lies on an edge the mesh comes back as it is.
    """
    for _ in range(_ROUNDS):
        faces = _divided(np.asarray(mesh.vertices), np.asarray(mesh.faces), _NEAR * float(mesh.scale))
        if faces is None:
            return mesh
        mesh = trimesh.Trimesh(mesh.vertices, faces, process=False)
    return mesh


def _divided(vertices: Array, faces: NDArray[np.int64], near: float) -> NDArray[np.int64] | None:
    """Faces of which one open edge each is divided; None where none has to be."""
    edges = faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    _, inverse, counts = np.unique(np.sort(edges, axis=1), axis=0, return_inverse=True, return_counts=True)
    is_open = counts[inverse.ravel()] == 1
    if not is_open.any():
        return None
    points = np.unique(edges[is_open])
    tree = cKDTree(vertices[points])
    kept, found = np.ones(len(faces), dtype=bool), []
    for edge in np.flatnonzero(is_open):
        face = edge // 3
        if not kept[face]:
            continue
        start, end = edges[edge]
        between = _between(vertices, points, tree, int(start), int(end), near)
        if len(between):
            kept[face], corner = False, faces[face][(edge + 2) % 3]
            way = [start, *between, end]
            found += [[first, second, corner] for first, second in pairwise(way)]
    return np.concatenate([faces[kept], np.array(found, dtype=faces.dtype)]) if found else None


def _between(
    vertices: Array, points: NDArray[np.int64], tree: cKDTree, start: int, end: int, near: float
) -> NDArray[np.int64]:
    """Vertices that lie on an edge, ends left out, in their order along it."""
    along = vertices[end] - vertices[start]
    length = float(np.linalg.norm(along))
    if length <= 4.0 * near:
        return np.zeros(0, dtype=np.int64)
    close = points[tree.query_ball_point(vertices[start] + 0.5 * along, 0.5 * length + near)]
    offset = vertices[close] - vertices[start]
    place = offset @ along / length
    apart = np.linalg.norm(offset - np.outer(place, along / length), axis=1)
    inside = (apart < near) & (place > 2.0 * near) & (place < length - 2.0 * near)
    return close[inside][np.argsort(place[inside])]
