"""Whether triangles close a surface, told by where their corners lie."""

import numpy as np
from numpy.typing import NDArray


def same_places(vertices: NDArray[np.float64]) -> NDArray[np.int64]:
    """For each vertex a number that those at the same place share, (V,)."""
    _, inverse = np.unique(vertices, axis=0, return_inverse=True)
    return inverse.ravel()


def is_closed(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> bool:
    """Whether every edge has faces on both sides; vertices at the same place count as one, faces of no width not.

    Args:
        vertices: (V, 3).
        faces: (F, 3), at least one.
    """
    faces = same_places(vertices)[faces]
    faces = faces[(faces != np.roll(faces, 1, axis=1)).all(axis=1)]
    edges = np.sort(np.stack([faces, np.roll(faces, -1, axis=1)], axis=2).reshape(-1, 2), axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    return bool(len(faces)) and bool((counts % 2 == 0).all())


def num_double(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> int:
    """Faces whose corners lie where those of an earlier face do."""
    places = np.sort(same_places(vertices)[faces], axis=1)
    return len(faces) - len(np.unique(places, axis=0))
