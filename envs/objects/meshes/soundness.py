"""Whether a surface is that of a body: closed is not enough, it may overlap itself or lack parts."""

import numpy as np
import trimesh
from numpy.typing import NDArray

from envs.objects.meshes.closedness import is_closed, num_double
from envs.objects.point_cloud import sample_surface

MAX_WRONG_SHARE = 0.03
"""Share of the surface that may lie inside the body or be folded onto itself: slivers that decimation leaves."""

MAX_UNUSED_SHARE = 0.01
"""Share of a file's vertices that may belong to no face where the surface is open or has double faces."""

_SAMPLES = (100, 300)
"""Fewest and most points that are looked at."""

_EVALUATIONS = 1_000_000
"""Pairs of a point and a triangle that are worked out, a quarter of a second."""

_STEP = 1e-5
"""Distance of the two looks from the surface, as a share of the largest extent: micrometres."""


def check_complete(vertices: NDArray[np.float64], faces: NDArray[np.int64], num_used_otherwise: int = 0) -> None:
    """ValueError when faces of a file seem to be missing or to refer to the wrong vertices.

    Vertices of no face are common where a mesh was edited, open and double faces too; together they are what a cut file
    or misunderstood indices leave.

    Args:
        vertices: all of the file, (V, 3).
        faces: (F, 3), at least one.
        num_used_otherwise: vertices that lines and points of the file use.
    """
    unused = len(vertices) - len(np.unique(faces)) - num_used_otherwise
    if unused <= MAX_UNUSED_SHARE * len(vertices):
        return
    double = num_double(vertices, faces)
    if double or not is_closed(vertices, faces):
        found = f"{double} faces are there twice" if double else "the surface is open"
        raise ValueError(
            f"{unused} of {len(vertices)} vertices belong to no face, and {found}: faces are missing or refer to wrong "
            "vertices; get the file anew, or remove loose vertices in a mesh editor if it is whole (MeshLab: Remove "
            "Unreferenced Vertices)"
        )


def check_sides(surface: trimesh.Trimesh) -> None:
    """ValueError when the surface of a body has the body on both sides, or on the wrong one, in too many places.

    At points spread over the surface the winding number just outside has to be 0, just inside 1: folded faces, faces
    inside, parts that run through each other and inside-out ones all break that.

    Args:
        surface: of one body, closed, faces outwards.
    """
    wrong = wrong_share(surface)
    if wrong > MAX_WRONG_SHARE:
        raise ValueError(
            f"{100 * wrong:.0f} % of the surface overlaps itself: it is folded, lies inside the body or runs through "
            "it; make it one simple closed surface in a mesh editor (Blender: modifier Remesh, or Boolean union of its "
            "parts)"
        )


def wrong_share(surface: trimesh.Trimesh) -> float:
    """Share of points of the surface that do not have air outside and body inside; see `check_sides`."""
    vertices, faces = np.asarray(surface.vertices), np.asarray(surface.faces)
    count = int(np.clip(_EVALUATIONS / (2 * len(faces)), *_SAMPLES))
    centre = vertices.mean(axis=0)  # single precision far from the origin is coarser than the step
    points = sample_surface(vertices - centre, faces, count, np.random.default_rng(0))
    step = _STEP * float(np.ptp(vertices, axis=0).max()) * points.normals.astype(np.float64)
    at = centre + points.points.astype(np.float64)
    outside, inside = winding_number(at + step, vertices, faces), winding_number(at - step, vertices, faces)
    return float(((np.abs(outside) > 0.25) | (np.abs(inside - 1.0) > 0.25)).mean())


def winding_number(
    points: NDArray[np.float64], vertices: NDArray[np.float64], faces: NDArray[np.int64]
) -> NDArray[np.float64]:
    """How often a closed surface goes round each point, (P,).

    Solid angles of its triangles (Van Oosterom and Strackee 1983), added up, over 4 pi.

    Args:
        points: (P, 3).
        vertices: (V, 3).
        faces: (F, 3), outwards.
    """
    rows = max(1, 250_000 // len(faces))
    corners = vertices[faces]
    total = np.zeros(len(points))
    for start in range(0, len(points), rows):
        a, b, c = (corners[None, :, k] - points[start : start + rows, None] for k in range(3))
        la, lb, lc = (np.sqrt(np.einsum("pfk,pfk->pf", side, side)) for side in (a, b, c))
        above = np.einsum("pfk,pfk->pf", a, np.cross(b, c))
        below = la * lb * lc
        for one, other, length in ((a, b, lc), (b, c, la), (c, a, lb)):
            below += np.einsum("pfk,pfk->pf", one, other) * length
        total[start : start + rows] = np.arctan2(above, below).sum(axis=1) / (2 * np.pi)
    return total
