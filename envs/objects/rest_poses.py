"""Poses in which an object rests on the table, and how likely each is.

Quasi-static dropping: the object lands on a facet of its convex hull with a probability equal to the solid angle that
the facet fills as seen from the centre of mass; if the centre of mass does not project into the facet the object tips
over the edge it overhangs most, and so on until it rests. Resting facets from which the centre of mass has to rise by
less than ROLL_BARRIER to reach a lower one belong to it: a can rolls from side to side, a thin book on its edge falls.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

ROLL_BARRIER = 0.0012
"""Metres; a cup of 46 mm radius, 12 wall pieces, has to rise 0.9 mm to roll by one side."""

MIN_PROBABILITY = 0.05
"""Less likely rest poses are left out (unless no pose is more likely)."""


@dataclass(frozen=True)
class RestPoses:
    """Rest poses T_wo, xyz + quaternion wxyz with x = y = 0, (R, 7), and their probabilities, (R,), sum 1."""

    poses: NDArray[np.float64]
    probabilities: NDArray[np.float64]


@dataclass(frozen=True)
class _Hull:
    """Convex hull around the origin: F facets and S sides, each side once from each of its two facets.

    normal (F, 3) outward; height (F,) of the origin above the facet; solid_angle (F,) as a share of the sphere;
    inner, outer (S,) the facet a side belongs to and the one behind it; margin (S,) distance from the origin's foot
    on the inner facet to the side, negative when the foot lies outside: the object then tips over this side.
    """

    normal: NDArray[np.float64]
    height: NDArray[np.float64]
    solid_angle: NDArray[np.float64]
    inner: NDArray[np.int64]
    outer: NDArray[np.int64]
    margin: NDArray[np.float64]


def find_rest_poses(vertices: NDArray[np.float64]) -> RestPoses:
    """Rest poses on the plane z = 0 of the object with these vertices, most probable first.

    Args:
        vertices: (V, 3), metres, object frame with the centre of mass at the origin.
    """
    hull = _hull_around_origin(vertices)
    basin = _basins(hull)
    lowest = np.unique(basin)
    probability = np.array([hull.solid_angle[basin == facet].sum() for facet in lowest])
    order = np.argsort(-probability, kind="stable")
    kept = order[probability[order] >= MIN_PROBABILITY] if probability.max() >= MIN_PROBABILITY else order[:1]
    poses = np.stack([_pose_on_facet(vertices, hull.normal[lowest[k]]) for k in kept])
    return RestPoses(poses, probability[kept] / probability[kept].sum())


def _hull_around_origin(vertices: NDArray[np.float64]) -> _Hull:
    """Convex hull of `vertices` with coplanar triangles joined to facets."""
    hull = ConvexHull(vertices)
    facet_of = _join_coplanar(hull)
    count = int(facet_of.max()) + 1
    first = np.array([np.flatnonzero(facet_of == facet)[0] for facet in range(count)])
    normal, height = hull.equations[first, :3], -hull.equations[first, 3]
    triangle, corner = np.nonzero(facet_of[hull.neighbors] != facet_of[:, None])
    inner: NDArray[np.int64] = facet_of[triangle]
    outer: NDArray[np.int64] = facet_of[hull.neighbors[triangle, corner]]
    opposite, start, end = (vertices[hull.simplices[triangle, (corner + k) % 3]] for k in range(3))
    along = (end - start) / np.linalg.norm(end - start, axis=1, keepdims=True)
    inward = opposite - start
    inward -= np.einsum("ij,ij->i", inward, along)[:, None] * along
    inward /= np.linalg.norm(inward, axis=1, keepdims=True)
    margin = np.einsum("ij,ij->i", normal[inner] * height[inner, None] - start, inward)
    solid_angle = np.zeros(count)
    np.add.at(solid_angle, facet_of, _solid_angle(vertices[hull.simplices]))
    return _Hull(normal, height, solid_angle, inner, outer, margin)


def _join_coplanar(hull: ConvexHull) -> NDArray[np.int64]:
    """Facet number of each triangle of the hull, (F,): connected triangles in the plane of the first of them.

    Not scipy's connected_components, which compares neighbours: along a slightly curved face it would join more.
    """
    facet_of = np.full(len(hull.simplices), -1, dtype=np.int64)
    count = 0
    for seed in range(len(facet_of)):
        if facet_of[seed] >= 0:
            continue
        stack = [seed]
        facet_of[seed] = count
        while stack:
            for other in hull.neighbors[stack.pop()]:
                if facet_of[other] < 0 and np.abs(hull.equations[other] - hull.equations[seed]).max() < 1e-6:
                    facet_of[other] = count
                    stack.append(other)
        count += 1
    return facet_of


def _solid_angle(triangles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the sphere about the origin that each triangle (F, 3, 3) covers, (F,) (Van Oosterom, Strackee 1983)."""
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    la, lb, lc = (np.linalg.norm(v, axis=1) for v in (a, b, c))
    triple = np.abs(np.einsum("ij,ij->i", a, np.cross(b, c)))
    dots = [np.einsum("ij,ij->i", u, v) for u, v in ((a, b), (b, c), (c, a))]
    angle: NDArray[np.float64] = 2.0 * np.arctan2(triple, la * lb * lc + dots[0] * lc + dots[1] * la + dots[2] * lb)
    return angle / (4.0 * np.pi)


def _basins(hull: _Hull) -> NDArray[np.int64]:
    """For each facet the facet on which the object comes to rest, (F,): watershed of the height of the origin.

    Sides are taken in the order of the height in which the origin crosses them; two basins become one when the
    shallower is less than ROLL_BARRIER deep, and bear the number of their lowest facet.
    """
    root = np.arange(len(hull.height))
    depth = np.round(hull.height, 7)  # equal facets compare equal; the lower number then wins

    def find(facet: int) -> int:
        while root[facet] != facet:
            root[facet] = root[root[facet]]
            facet = int(root[facet])
        return facet

    # Over a side behind which the foot lies it goes downhill all the way.
    over = np.where(hull.margin >= 0, np.hypot(hull.height[hull.inner], hull.margin), hull.height[hull.inner])
    over = np.maximum(over, hull.height[hull.outer])
    # Equal heights: the side most overhung first.
    for side in np.lexsort((hull.margin, over)):
        one, two = find(int(hull.inner[side])), find(int(hull.outer[side]))
        if one != two and over[side] - max(depth[one], depth[two]) < ROLL_BARRIER:
            lower, higher = sorted((one, two), key=lambda facet: (depth[facet], facet))
            root[higher] = lower
    return np.array([find(facet) for facet in range(len(root))])


def _pose_on_facet(vertices: NDArray[np.float64], normal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pose (7,) that turns `normal` straight down by the shortest way and puts the lowest vertex at z = 0."""
    down = np.array([0.0, 0.0, -1.0])
    axis = np.cross(normal, down)
    sine, cosine = np.linalg.norm(axis), float(np.dot(normal, down))
    if sine < 1e-12:
        turn = Rotation.identity() if cosine > 0 else Rotation.from_euler("x", np.pi)
    else:
        turn = Rotation.from_rotvec(axis / sine * np.arctan2(sine, cosine))
    quat_wxyz = np.roll(turn.as_quat(canonical=True), 1)
    height = -(vertices @ turn.as_matrix().T)[:, 2].min()
    return np.concatenate([[0.0, 0.0, height], quat_wxyz])
