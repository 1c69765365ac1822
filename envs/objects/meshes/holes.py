"""Small holes of a surface: faces that a scan or an exporter lost, not the opening of a vessel."""

from collections import defaultdict

import numpy as np
import trimesh
from numpy.typing import NDArray

MAX_SHARE = 0.02
"""Largest area of a hole that is filled, over that of the surface: a bottle's mouth is, a bowl's opening is not."""


def without_small_holes(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """The mesh with a fan of faces over each small hole; where there is none, the mesh itself.

    Args:
        mesh: faces wound alike.
    """
    vertices, most = np.asarray(mesh.vertices), MAX_SHARE * float(mesh.area)
    middles: list[NDArray[np.float64]] = []
    fans: list[NDArray[np.int64]] = []
    for rim in _rims(np.asarray(mesh.faces)):
        middle = vertices[rim].mean(axis=0)
        following = np.roll(rim, -1)
        spokes = np.cross(vertices[rim] - middle, vertices[following] - middle)
        if 0.5 * np.linalg.norm(spokes, axis=1).sum() <= most:
            fans.append(np.stack([rim, following, np.full(len(rim), len(vertices) + len(middles))], axis=1))
            middles.append(middle)
    if not fans:
        return mesh
    faces = np.concatenate([np.asarray(mesh.faces), *fans])
    return trimesh.Trimesh(np.concatenate([vertices, middles]), faces, process=False)


def _rims(faces: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Vertices round each hole, against the direction of the faces beside it; at a vertex that two share they part."""
    edges = faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    _, inverse, counts = np.unique(np.sort(edges, axis=1), axis=0, return_inverse=True, return_counts=True)
    following: dict[int, list[int]] = defaultdict(list)
    for end, start in edges[counts[inverse.ravel()] == 1].tolist():
        following[start].append(end)
    rims = []
    for first in list(following):
        way, place = [first], {first: 0}
        while following[way[-1]]:
            at = following[way[-1]].pop()
            if at not in place:
                place[at] = len(way)
                way.append(at)
                continue
            rims.append(np.array(way[place[at] :], dtype=np.int64))
            for passed in way[place[at] + 1 :]:
                del place[passed]
            way = way[: place[at] + 1]
    return rims
