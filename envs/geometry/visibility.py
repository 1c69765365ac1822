"""Which points of a cloud a camera sees."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

_FLIP_RADIUS = 1e3
"""Radius of the sphere at which points are flipped, over their largest distance from the camera. Chosen for clouds of
1,024 points seen from 0.8 m: with the normals 94 to 99 % of the points of nine kinds of objects are judged as by ray
casting on the mesh; at 100 and at 10,000 it is fewer."""

Points = NDArray[np.float32] | NDArray[np.float64]


def visible_points(points: Points, normals: Points, camera: NDArray[np.float64]) -> NDArray[np.int64]:
    """Indices, ascending, of the points of a closed surface that nothing of it hides; some, in any case.

    Hidden-point removal (Katz, Tal, Basri 2007): p is flipped to p + 2 (R - |p|) p / |p|, seen from the camera; what
    lies on the convex hull of the flipped points and the camera is visible. Points whose normal looks away are not.

    Args:
        points: (N, 3), m.
        normals: outward unit normals there (N, 3).
        camera: (3,), m, in the frame of both, outside the object.
    """
    ray = points - camera
    distance = np.linalg.norm(ray, axis=1, keepdims=True)
    flipped = ray + 2.0 * (_FLIP_RADIUS * distance.max() - distance) * ray / distance
    on_hull = np.zeros(len(points) + 1, dtype=bool)
    on_hull[ConvexHull(np.concatenate([flipped, np.zeros((1, 3))])).vertices] = True
    faces_camera = (ray * normals).sum(axis=1) < 0.0
    seen = on_hull[:-1] & faces_camera
    return np.flatnonzero(seen if seen.any() else on_hull[:-1])
