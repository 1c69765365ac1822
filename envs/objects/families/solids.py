"""Convex pieces from which the families are put together.

A piece is the array of its corners, (K, 3) metres; its solid is their convex hull. Neighbouring pieces of one body
share their corners exactly, so that their union has no gaps.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

Piece = NDArray[np.float64]

MAX_PIECE_VERTICES = 64
"""MuJoCo and MJWarp collide hulls of up to 64 vertices fast (MuJoCo Warp's documentation)."""

FLOOR_CLEARANCE = 0.0015
"""Height of wall pieces above the underside of their floor piece: walls on the table make dozens of contacts."""

RIM_RELIEF = 0.0008
"""Two of three wall pieces are this much lower than the third, so that an upturned vessel stands on four of twelve."""


def circle(count: int, phase: float = 0.0) -> NDArray[np.float64]:
    """Corners of the regular polygon in the unit circle, (count, 2); `phase` in radians turns it."""
    angle = 2.0 * np.pi * np.arange(count) / count + phase
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def rounded_rectangle(size_x: float, size_y: float, corner: float, per_corner: int = 3) -> NDArray[np.float64]:
    """Outline of a rectangle with rounded corners, centred, metres, (4 * per_corner, 2)."""
    corner = min(corner, 0.499 * size_x, 0.499 * size_y)
    steps = np.linspace(0.0, np.pi / 2, per_corner)
    corners = []
    for quarter, (sign_x, sign_y) in enumerate([(1, 1), (-1, 1), (-1, -1), (1, -1)]):
        centre = np.array([sign_x * (size_x / 2 - corner), sign_y * (size_y / 2 - corner)])
        angle = steps + quarter * np.pi / 2
        corners.append(centre + corner * np.stack([np.cos(angle), np.sin(angle)], axis=1))
    return np.concatenate(corners)


def at_height(outline: NDArray[np.float64], z: float) -> Piece:
    """The plane outline (M, 2) lifted to height z, (M, 3)."""
    return np.column_stack([outline, np.full(len(outline), z)])


def box(size: ArrayLike, centre: ArrayLike = (0.0, 0.0, 0.0)) -> Piece:
    """Box of edge lengths `size` (3,) around `centre` (3,), metres, (8, 3)."""
    signs = np.array(np.meshgrid([-0.5, 0.5], [-0.5, 0.5], [-0.5, 0.5])).reshape(3, -1).T
    return signs * np.asarray(size, dtype=float) + np.asarray(centre, dtype=float)


def slab(size: ArrayLike, corner: float, chamfer: float, centre: ArrayLike = (0.0, 0.0, 0.0)) -> Piece:
    """Box of `size` (3,) whose upright edges are rounded by `corner` and whose rims are cut by `chamfer`, (48, 3)."""
    size_x, size_y, size_z = np.asarray(size, dtype=float)
    full = rounded_rectangle(size_x, size_y, corner)
    inset = rounded_rectangle(size_x - 2 * chamfer, size_y - 2 * chamfer, max(corner - chamfer, 1e-4))
    levels = [
        at_height(inset, -size_z / 2),
        at_height(full, -size_z / 2 + chamfer),
        at_height(full, size_z / 2 - chamfer),
        at_height(inset, size_z / 2),
    ]
    return np.concatenate(levels) + np.asarray(centre, dtype=float)


def lathe(profile: Sequence[tuple[float, float]], sectors: int = 20) -> list[Piece]:
    """Solid of revolution about z, cut into as few convex pieces of at most 64 corners as it takes.

    Args:
        profile: (radius, z) in metres with z strictly increasing; radius 0 makes a tip.
        sectors: corners of each ring.
    Raises:
        ValueError: heights that do not increase.
    """
    if any(upper[1] <= lower[1] for lower, upper in pairwise(profile)):
        raise ValueError(f"lathe profile heights must strictly increase, got {[z for _, z in profile]}")
    outline = circle(sectors)
    rings = [at_height(r * outline, z) if r > 0 else np.array([[0.0, 0.0, z]]) for r, z in profile]
    pieces, start = [], 0
    while start < len(profile) - 1:
        stop = start + 1
        while stop + 1 < len(profile) and _may_extend(profile, rings, start, stop + 1):
            stop += 1
        pieces.append(np.concatenate(rings[start : stop + 1]))
        start = stop
    return pieces


def _may_extend(profile: Sequence[tuple[float, float]], rings: list[Piece], start: int, stop: int) -> bool:
    """Whether rings start..stop make one convex piece of at most 64 corners."""
    if sum(len(ring) for ring in rings[start : stop + 1]) > MAX_PIECE_VERTICES:
        return False
    steps = np.diff(np.asarray(profile[start : stop + 1]), axis=0)
    slopes = steps[:, 0] / steps[:, 1]  # dr/dz of a convex solid never grows with z
    return bool(np.all(np.diff(slopes) < -1e-9))


def wall_ring(
    outer: Sequence[tuple[float, float]], inner: Sequence[tuple[float, float]], segments: int = 12, facets: int = 2
) -> list[Piece]:
    """Wall of an open vessel about z as `segments` convex pieces.

    Args:
        outer: (radius, z) of the outside from bottom to rim, metres, bulging outwards.
        inner: (radius, z) of the inside, two points from bottom to rim.
        segments: number of pieces; the rims of two out of three are RIM_RELIEF lower.
        facets: flat faces of the outside per piece.
    """
    outline = circle(segments * facets)
    top = max(z for _, z in outer)
    pieces = []
    for segment in range(segments):
        spokes = outline[np.arange(segment * facets, (segment + 1) * facets + 1) % len(outline)]
        corners = [at_height(r * spokes, z) for r, z in outer]
        corners += [at_height(r * spokes[[0, -1]], z) for r, z in inner]
        piece = np.concatenate(corners)
        if segment % 3:
            piece[piece[:, 2] > top - 1e-9, 2] -= RIM_RELIEF
        pieces.append(piece)
    return pieces


def sweep(
    path: ArrayLike, section: NDArray[np.float64], scales: ArrayLike | None = None, *, closed: bool = False
) -> list[Piece]:
    """Section swept along a path in the xz plane, one convex piece per path step.

    Args:
        path: stations, metres, (K, 3), y = 0.
        section: convex outline, first axis in the plane of the path, second along y, metres, (M, 2).
        scales: size of the section at each station, (K,); 1 when not given.
        closed: join the last station to the first.
    """
    stations = np.asarray(path, dtype=float)
    count = len(stations)
    scale = np.ones(count) if scales is None else np.asarray(scales, dtype=float)
    around = np.roll(stations, -1, axis=0) - np.roll(stations, 1, axis=0)
    tangents = around if closed else np.gradient(stations, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    side = np.array([0.0, 1.0, 0.0])
    in_plane = np.cross(tangents, side)
    rings = [stations[k] + scale[k] * (section[:, :1] * in_plane[k] + section[:, 1:] * side) for k in range(count)]
    steps = count if closed else count - 1
    return [np.concatenate([rings[k], rings[(k + 1) % count]]) for k in range(steps)]


def arc(radius_x: float, radius_z: float, start: float, stop: float, count: int) -> NDArray[np.float64]:
    """Stations on an ellipse in the xz plane about the origin, angles in radians from +x to +z, (count, 3)."""
    angle = np.linspace(start, stop, count)
    return np.stack([radius_x * np.cos(angle), np.zeros(count), radius_z * np.sin(angle)], axis=1)


def moved(pieces: Sequence[Piece], offset: ArrayLike, rotation: Rotation | None = None) -> list[Piece]:
    """Pieces turned by `rotation` about the origin, then shifted by `offset` (3,) metres."""
    turn = np.eye(3) if rotation is None else rotation.as_matrix()
    return [piece @ turn.T + np.asarray(offset, dtype=float) for piece in pieces]


def along_x(pieces: Sequence[Piece], offset: ArrayLike = (0.0, 0.0, 0.0)) -> list[Piece]:
    """Pieces whose z axis is laid along +x, then shifted by `offset` (3,) metres."""
    return moved(pieces, offset, Rotation.from_euler("y", np.pi / 2))
