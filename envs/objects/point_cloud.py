"""Surface points of a mesh and the farthest-point subset that the networks see."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SurfacePoints:
    """Points on a mesh with outward unit normals, both (N, 3) float32, in the mesh's frame, metres."""

    points: NDArray[np.float32]
    normals: NDArray[np.float32]


def sample_surface(
    vertices: NDArray[np.float64], faces: NDArray[np.int64], count: int, rng: np.random.Generator
) -> SurfacePoints:
    """`count` points drawn uniformly by area; the normal is that of the face the point lies on.

    Args:
        vertices: (V, 3), metres.
        faces: (F, 3), counter-clockwise from outside.
        rng: generator the points are drawn from.
    """
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    doubled = np.cross(b - a, c - a)
    area = np.linalg.norm(doubled, axis=1)
    cumulative = np.cumsum(area)
    draws = rng.random((count, 3))
    face = np.minimum(np.searchsorted(cumulative, draws[:, 0] * cumulative[-1], side="right"), len(faces) - 1)
    # Uniform in the triangle: fold the unit square's upper half back onto the lower one.
    u, v = draws[:, 1:2], draws[:, 2:3]
    outside = u + v > 1.0
    u, v = np.where(outside, 1.0 - u, u), np.where(outside, 1.0 - v, v)
    points = a[face] + u * (b - a)[face] + v * (c - a)[face]
    normals = doubled[face] / area[face, None]
    return SurfacePoints(points.astype(np.float32), normals.astype(np.float32))


def farthest_point_index(points: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Indices of a farthest-point subset in the order found, starting at point 0, (count,).

    Each next point is the one farthest from all points chosen so far; ties go to the lowest index.

    Args:
        points: (N, 3) with N >= count.
    Raises:
        ValueError: fewer points than asked for.
    """
    if len(points) < count:
        raise ValueError(f"cannot choose {count} farthest points out of {len(points)}; give at least {count} points")
    # float64: the choice must not depend on how a float32 sum is vectorised.
    coordinates = np.ascontiguousarray(points.T, dtype=np.float64)
    chosen = np.zeros(count, dtype=np.int64)
    nearest = np.full(len(points), np.inf)
    offset, distance = np.empty_like(coordinates), np.empty(len(points))
    for k in range(1, count):
        np.subtract(coordinates, coordinates[:, chosen[k - 1], None], out=offset)
        np.einsum("ij,ij->j", offset, offset, out=distance)
        np.minimum(nearest, distance, out=nearest)
        chosen[k] = nearest.argmax()
    return chosen
