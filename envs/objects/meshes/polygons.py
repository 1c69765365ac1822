"""Faces of any number of corners, as files have them, and their triangles."""

from dataclasses import dataclass

import manifold3d  # type: ignore[import-not-found]  # its stub file has no py.typed marker
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

AREA_TOLERANCE = 1e-6
"""Share of a face's area by which its triangles may differ from it: rounding, far below what crossing edges make."""

_FLAT = 1e-12
"""Area of a face over its squared perimeter below which it has none."""


@dataclass(frozen=True)
class PolygonMesh:
    """What a mesh file says.

    Attributes:
        vertices: (V, 3), units of the file.
        corners: vertices of the first face, then of the second, and so on, (C,).
        sizes: corners of each face, (F,).
        others: vertices that points or lines of the file use, any shape.
    """

    vertices: FloatArray
    corners: IntArray
    sizes: IntArray
    others: IntArray | None = None

    @property
    def num_faces(self) -> int:
        """Faces of the file, before they are cut into triangles."""
        return len(self.sizes)


def triangles(mesh: PolygonMesh) -> IntArray:
    """Triangles of all faces, in their order and with their vertices, (T, 3).

    A convex face becomes a fan, any other is cut in its plane (the one of its area vector, Newell 1972), so that the
    triangles neither overlap nor leave it: their areas add up to the face's. Faces of fewer than three different
    corners are lines and left out.

    Raises:
        ValueError: a face refers to a vertex that is not there, has a corner that is not a number, or crosses itself;
            names the face, counted from 1.
    """
    _check_corners(mesh)
    starts = np.cumsum(mesh.sizes) - mesh.sizes
    rows: list[IntArray] = []
    owners: list[IntArray] = []
    for size in np.unique(mesh.sizes[mesh.sizes >= 3]):
        faces = np.flatnonzero(mesh.sizes == size)
        corners = mesh.corners[starts[faces, None] + np.arange(size)]
        fan = np.ones(len(faces), dtype=bool) if size == 3 else _is_convex(mesh.vertices[corners])
        rows.append(_fan(corners[fan]).reshape(-1, 3))
        owners.append(np.repeat(faces[fan], size - 2))
        for face in np.flatnonzero(~fan):
            cut = _cut(mesh.vertices, corners[face], int(faces[face]) + 1)
            rows.append(cut)
            owners.append(np.full(len(cut), faces[face]))
    if not rows:
        return np.zeros((0, 3), dtype=np.int64)
    return np.concatenate(rows)[np.argsort(np.concatenate(owners), kind="stable")]


def _check_corners(mesh: PolygonMesh) -> None:
    """ValueError when a corner of a face is no vertex, or no number."""
    if not len(mesh.corners):
        return
    outside = (mesh.corners < 0) | (mesh.corners >= len(mesh.vertices))
    if outside.any():
        first = int(np.argmax(outside))
        face = int(np.searchsorted(np.cumsum(mesh.sizes), first, side="right")) + 1
        raise ValueError(
            f"{int(outside.sum())} corners of faces refer to vertices that are not in the file: face {face} to vertex "
            f"{int(mesh.corners[first])} of {len(mesh.vertices)} (counted from 0)"
        )
    used = np.unique(mesh.corners)
    bad = int((~np.isfinite(mesh.vertices[used])).any(axis=1).sum())
    if bad:
        raise ValueError(f"{bad} of {len(mesh.vertices)} vertices are NaN or infinite")


def _fan(corners: IntArray) -> IntArray:
    """Triangles from the first corner of each face, (F, n - 2, 3) of (F, n)."""
    first = np.broadcast_to(corners[:, :1], corners[:, 2:].shape)
    return np.stack([first, corners[:, 1:-1], corners[:, 2:]], axis=2)


def _area_vectors(points: FloatArray) -> FloatArray:
    """Newell's vector of each face, its length the area, (F, 3) of (F, n, 3)."""
    spokes = points - points[:, :1]
    return 0.5 * np.cross(spokes, np.roll(spokes, -1, axis=1)).sum(axis=1)


def _is_convex(points: FloatArray) -> NDArray[np.bool_]:
    """Whether all corners of each face bend the same way, strictly, and once round, (F,) of (F, n, 3)."""
    area = _area_vectors(points)
    length = np.linalg.norm(area, axis=1)
    normal = area / np.maximum(length, 1e-300)[:, None]
    after = np.roll(points, -1, axis=1) - points
    before = np.roll(after, 1, axis=1)
    sine = np.einsum("fnk,fk->fn", np.cross(before, after), normal)
    cosine = np.einsum("fnk,fnk->fn", before, after)
    turns = np.arctan2(sine, cosine)
    perimeter = np.linalg.norm(after, axis=2).sum(axis=1)
    return (length > _FLAT * perimeter**2) & (turns > 1e-6).all(axis=1) & (np.abs(turns.sum(axis=1) - 2 * np.pi) < 0.5)


def _cut(vertices: FloatArray, corners: IntArray, face: int) -> IntArray:
    """Triangles of one face that is not convex, (T, 3)."""
    corners = corners[corners != np.roll(corners, 1)]
    if len(np.unique(corners)) < 3:
        return np.zeros((0, 3), dtype=np.int64)
    points = vertices[corners]
    area = _area_vectors(points[None])[0]
    length = float(np.linalg.norm(area))
    perimeter = float(np.linalg.norm(np.roll(points, -1, axis=0) - points, axis=1).sum())
    if not length > _FLAT * perimeter**2:  # also a figure of eight of two equal halves, whose edges cross
        if np.linalg.matrix_rank(points - points[0], tol=1e-9 * perimeter) >= 2:
            raise ValueError(_crosses(face, len(corners)))
        return _fan(corners[None])[0]
    axis = area / length
    side = np.eye(3)[np.argmin(np.abs(axis))]
    u = np.cross(side, axis)
    u /= np.linalg.norm(u)
    flat = (points - points[0]) @ np.stack([u, np.cross(axis, u)], axis=1)
    cut = np.asarray(manifold3d.triangulate([np.ascontiguousarray(flat)]), dtype=np.int64)
    a, b, c = (flat[cut[:, k]] for k in range(3))
    signed = 0.5 * ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])
    if abs(np.abs(signed).sum() - length) > AREA_TOLERANCE * length:
        raise ValueError(_crosses(face, len(corners)))
    return corners[cut]


def _crosses(face: int, size: int) -> str:
    return (
        f"face {face} of {size} corners crosses itself when seen along its normal, so that it has no inside; cut it "
        "into triangles in a mesh editor (Blender: Face > Triangulate Faces)"
    )
