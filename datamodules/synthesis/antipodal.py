"""Antipodal pairs: two surface points that face away from one another along the line that joins them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

NUM_RAYS = 400
"""Surface points from which a ray goes inwards."""

MIN_OPPOSITION = 0.85
"""Normals of a pair satisfy n1 . n2 < -0.85 (32 degrees off antiparallel)."""

WIDTH_RANGE = (0.006, 0.115)
"""Widths that the hand can close on, metres."""

RAY_RADIUS = 0.003
"""A surface point closer than this to the ray is where it leaves the object; 4,096 points lie about 2.5 mm apart."""


@dataclass(frozen=True)
class AntipodalPairs:
    """P pairs on one object, object frame, metres: ends (P, 3) each, unit axis first to second (P, 3), width (P,)."""

    first_o: Array
    second_o: Array
    axis_o: Array
    width: Array

    def __len__(self) -> int:
        return len(self.width)


def find_antipodal_pairs(
    points_o: NDArray[np.float32], normals_o: NDArray[np.float32], rng: np.random.Generator
) -> AntipodalPairs:
    """Pairs along inward rays from random surface points.

    Every surface point that the ray passes within 3 mm and whose normal opposes the start's counts, so that a cup has
    pairs across its wall and across the whole cup.

    Args:
        points_o: surface points (N, 3), metres.
        normals_o: outward unit normals (N, 3).
        rng: draws the starting points.
    """
    num_rays = min(NUM_RAYS, len(points_o))
    start_index = rng.choice(len(points_o), num_rays, replace=False)
    points, normals = points_o.astype(np.float32), normals_o.astype(np.float32)
    start, inward = points[start_index], -normals[start_index]
    along = inward @ points.T - (inward * start).sum(axis=1, keepdims=True)
    opposition = normals[start_index] @ normals.T
    rays, ends = np.nonzero((along > WIDTH_RANGE[0]) & (along < WIDTH_RANGE[1]) & (opposition < -MIN_OPPOSITION))
    offset = points[ends] - start[rays]
    lateral_square = (offset**2).sum(axis=1) - along[rays, ends] ** 2
    is_near = lateral_square < RAY_RADIUS**2
    rays, ends = rays[is_near], ends[is_near]
    first = points[start_index[rays]].astype(np.float64)
    second = points[ends].astype(np.float64)
    gap = second - first
    width = np.linalg.norm(gap, axis=1)
    return AntipodalPairs(first_o=first, second_o=second, axis_o=gap / np.maximum(width, 1e-9)[:, None], width=width)
