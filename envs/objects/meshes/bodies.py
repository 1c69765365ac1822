"""Bodies that touch: each gets corners of its own where others meet it, and its side of a wall that it shares."""

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

_SAME_ANGLE = 1e-6
"""Radians within which two faces at an edge lie on each other: the wedge between them holds nothing."""

_SIDES = np.array([[0, 1], [1, 2], [2, 0]])

Faces = NDArray[np.int64]


def surface_faces(faces: Faces) -> NDArray[np.bool_]:
    """Which faces are kept of those that have the same three corners, (F,).

    Of faces wound alike one. Of faces wound both ways one of each where they are the wall between two bodies; one where
    they are a sheet with two sides, which has a border of its own, or which nothing else is joined to.

    Args:
        faces: (F, 3), vertices at the same place merged.
    """
    _, first, group = np.unique(np.sort(faces, axis=1), axis=0, return_index=True, return_inverse=True)
    group, winding = group.ravel(), _winding(faces)
    balance = np.bincount(group, weights=winding, minlength=len(first))
    is_double = (balance == 0) & (np.bincount(group) > 1)
    is_wall = is_double & _is_shared_wall(np.sort(faces[first], axis=1), is_double)
    fits = (np.sign(balance)[group] == winding) | is_wall[group]  # of as many of both windings, both or none
    kept = np.zeros(len(faces), dtype=bool)
    _, chosen = np.unique(np.stack([group[fits], winding[fits]]), axis=1, return_index=True)
    kept[np.flatnonzero(fits)[chosen]] = True
    kept[first[is_double & ~is_wall]] = True
    return kept


def apart(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """The mesh with vertices doubled along edges of more than two faces, so that each body has its own.

    Round such an edge solid and air take turns: a face is joined to the one at the other side of the solid between
    them. Where the faces are not wound so that this can be told, the edge stays as it is.

    Args:
        mesh: equal vertices merged.
    """
    faces = np.asarray(mesh.faces)
    edges = faces[:, _SIDES].reshape(-1, 2)
    _, edge, counts = np.unique(np.sort(edges, axis=1), axis=0, return_inverse=True, return_counts=True)
    edge = edge.ravel()
    if counts.max(initial=0) <= 2:
        return mesh
    joined: list[tuple[int, int]] = []
    order = np.argsort(edge, kind="stable")
    for sides in np.split(order, np.cumsum(counts)[:-1]):
        pairs = _across_solid(np.asarray(mesh.vertices), faces, edges, sides) if len(sides) > 2 else None
        joined += pairs if pairs is not None else [(sides[0], other) for other in sides[1:]]
    corners = _joined_corners(faces, edges, np.array(joined, dtype=np.int64).reshape(-1, 2))
    vertices = np.zeros((corners.max() + 1, 3))
    vertices[corners.ravel()] = np.asarray(mesh.vertices)[faces.ravel()]
    return trimesh.Trimesh(vertices, corners, process=False)


def _winding(faces: Faces) -> NDArray[np.float64]:
    """1 where the corners are an even permutation of the sorted ones, -1 where odd, (F,)."""
    a, b, c = faces.T
    return np.sign(b - a).astype(np.float64) * np.sign(c - a) * np.sign(c - b)


def _is_shared_wall(faces: Faces, is_double: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which of the faces wound both ways are parts of a wall between bodies: an even number of others at its borders.

    Args:
        faces: each set of three corners once, (G, 3).
        is_double: which of them are wound both ways, (G,).
    """
    edges = faces[:, _SIDES].reshape(-1, 2)
    _, edge = np.unique(np.sort(edges, axis=1), axis=0, return_inverse=True)
    edge, face = edge.ravel(), np.arange(len(edges)) // 3
    is_of_double = is_double[face]
    doubles = np.bincount(edge, weights=is_of_double)
    singles = np.bincount(edge, weights=~is_of_double)
    ends_there = (doubles == 1) & (singles % 2 == 1)
    border = (doubles == 1) & (singles == 0)
    patch = _components(len(faces), face[is_of_double], edge[is_of_double])
    count = int(patch.max(initial=-1)) + 1
    bad = np.bincount(patch[face], weights=is_of_double & (ends_there | border)[edge], minlength=count)
    held = np.bincount(patch[face], weights=is_of_double & (singles > 0)[edge], minlength=count)
    return is_double & ((bad == 0) & (held > 0))[patch]


def _components(num_faces: int, face: NDArray[np.int64], edge: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of the patch of each face, (num_faces,): faces are joined by the edges that they share."""
    nodes = num_faces + int(edge.max(initial=-1)) + 1
    graph = coo_array((np.ones(len(face)), (face, num_faces + edge)), shape=(nodes, nodes))
    return np.asarray(connected_components(graph, directed=False)[1][:num_faces], dtype=np.int64)


def _across_solid(
    vertices: NDArray[np.float64], faces: Faces, edges: Faces, sides: NDArray[np.int64]
) -> list[tuple[int, int]] | None:
    """Pairs of the sides of faces that meet at one edge, solid between them; None where that cannot be told.

    Seen along the edge, counter-clockwise is from inside to outside for a face that has the edge in this direction
    (its normal is the edge's direction times that into the face), and from outside to inside for one that has it in the
    other: solid lies from a backward face counter-clockwise to the next forward one.

    Args:
        vertices: (V, 3).
        faces: (F, 3).
        edges: sides of the faces in order, from and to, (3F, 2).
        sides: rows of edges that are the same edge.
    """
    start, end = edges[sides[0]]
    forward = edges[sides, 0] == start
    if 2 * forward.sum() != len(sides):
        return None
    along = vertices[end] - vertices[start]
    along = along / np.linalg.norm(along)
    opposite = vertices[faces[sides // 3, (sides + 2) % 3]] - vertices[start]
    across = opposite - np.outer(opposite @ along, along)
    one = across[0] / np.linalg.norm(across[0])
    angle = np.arctan2(across @ np.cross(along, one), across @ one)
    ends, begins = sides[forward], sides[~forward]
    wedge = np.mod(angle[forward][None] - angle[~forward][:, None], 2 * np.pi)
    wedge[(wedge < _SAME_ANGLE) | (wedge > 2 * np.pi - _SAME_ANGLE)] = 2 * np.pi
    nearest = wedge.argmin(axis=1)
    if len(np.unique(nearest)) < len(nearest):
        return None
    return [(int(begin), int(ends[k])) for begin, k in zip(begins, nearest, strict=True)]


def _joined_corners(faces: Faces, edges: Faces, joined: NDArray[np.int64]) -> Faces:
    """A number for each corner of each face, (F, 3): corners that joined sides have in common share theirs.

    Args:
        faces: (F, 3).
        edges: sides of the faces in order, from and to, (3F, 2).
        joined: pairs of rows of edges, (P, 2).
    """
    count = faces.size
    first, second = joined.T
    following = np.arange(count) // 3 * 3 + (np.arange(count) + 1) % 3  # the corner at which a side ends
    is_turned = edges[first, 0] != edges[second, 0]
    pairs = np.concatenate([
        np.stack([first, np.where(is_turned, following[second], second)]),
        np.stack([following[first], np.where(is_turned, second, following[second])]),
    ], axis=1)  # fmt: skip
    graph = coo_array((np.ones(pairs.shape[1]), (pairs[0], pairs[1])), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64).reshape(-1, 3)
