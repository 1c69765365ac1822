"""Numbers that stand for the shape and size of an object, so that what was made for one is not used on another.

A hash would change with the last bit of a coordinate: with another processor, another version of a library, the same
mesh exported once more. These numbers do not, and can be compared.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from envs.objects.grasp_object import GraspObject

ShapeDigests = NDArray[np.int16]
"""Rows of `shape_digest`, (O, NUM_SHAPE_NUMBERS)."""

NUM_SHAPE_NUMBERS = 15

UNIT = 2e-5
"""Metres in one unit of a shape's numbers: 16 bits reach beyond the largest object."""

TOLERANCE = 2
"""Units by which equal shapes may differ: what is 5 cm long may be 0.1 % longer."""

PIECES_TOLERANCE = 0.02
"""Share by which the size of the convex pieces may differ: a decomposition is not the same on every machine."""


def shape_digest(thing: GraspObject) -> ShapeDigests:
    """Numbers (NUM_SHAPE_NUMBERS,) that stand for an object's shape and size, in UNITs, in its frame.

    Lower and upper corner of the box around it; the edges of the cubes of its volume and of its surface; the six second
    moments over the root of their trace, which tell its turned and mirrored forms; and the edge of the cube of its
    convex pieces' boxes, which tells what the simulator collides with. All are lengths, and none depends on how the
    surface is divided into faces.
    """
    corners = thing.vertices[thing.faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = 0.5 * np.linalg.norm(across, axis=1).sum()
    volume = (corners[:, 0] * across).sum() / 6.0
    per_mass = thing.inertia / thing.mass
    moments = 0.5 * np.trace(per_mass) * np.eye(3) - per_mass  # mean of x x^T over the body
    moments = moments[np.triu_indices(3)] / np.sqrt(max(float(np.trace(moments)), 1e-18))
    boxes = sum(float(np.prod(np.ptp(piece, axis=0))) for piece in thing.pieces)
    low, high = thing.vertices.min(axis=0), thing.vertices.max(axis=0)
    sizes = [np.cbrt(volume), np.sqrt(area / 6.0), *moments, np.cbrt(boxes)]
    lengths = np.concatenate([low, high, sizes])
    limits = np.iinfo(np.int16)
    return np.clip(np.rint(lengths / UNIT), limits.min, limits.max).astype(np.int16)


def shape_digests(things: Iterable[GraspObject]) -> ShapeDigests:
    """A row for each object, (O, NUM_SHAPE_NUMBERS)."""
    return np.array([shape_digest(thing) for thing in things], dtype=np.int16).reshape(-1, NUM_SHAPE_NUMBERS)


def are_same_shapes(first: ShapeDigests, second: ShapeDigests) -> NDArray[np.bool_]:
    """Whether shapes (O, NUM_SHAPE_NUMBERS) are the same, row by row (O,)."""
    off = np.abs(first.astype(np.int32) - second.astype(np.int32))
    allowed = np.full(off.shape, TOLERANCE, dtype=np.float64)
    allowed[:, -1] += PIECES_TOLERANCE * np.abs(first[:, -1])
    same: NDArray[np.bool_] = np.all(off <= allowed, axis=1)
    return same


def shape_in_words(digest: ShapeDigests) -> str:
    """Size and volume of a shape's numbers (NUM_SHAPE_NUMBERS,), for messages: ``60 x 60 x 44 mm, 92 ml``."""
    metres = UNIT * digest.astype(np.float64)
    size = " x ".join(f"{1e3 * length:.1f}" for length in metres[3:6] - metres[:3])
    return f"{size} mm, {1e6 * metres[6] ** 3:.3g} ml"
