"""Poses in numpy: position in metres, then quaternion wxyz; as `envs.geometry.transforms`, without torch."""

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

Points = NDArray[np.floating[Any]]
"""Points in single or double precision."""

IDENTITY: Array = np.array([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0])


def numbers_of(values: object) -> Array:
    """What somebody gave, as numbers (...); none, of shape (0,), where it is no numbers, or fails to say them."""
    try:
        return np.array(values, dtype=np.float64)
    except Exception:  # what an object raises that is asked for its numbers is its own choice
        return np.zeros(0)


def number_of(value: object) -> float:
    """What somebody gave, as a number; NaN where it is none, or fails to say it."""
    try:
        return float(value)  # type: ignore[arg-type]
    except Exception:  # as above
        return math.nan


def rotation_matrix(quat: Array) -> Array:
    """The matrix (3, 3) of a unit quaternion (4,)."""
    w, x, y, z = quat.tolist()
    return np.array(
        [
            [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)],
            [2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)],
            [2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)],
        ]
    )


def points_seen_from(wrist_pose_w: Array, points: Array, pose_w: Array) -> Array:
    """Points (N, 3) of a frame that stands at ``pose_w`` (7,), in the frame at ``wrist_pose_w`` (7,)."""
    of_wrist = rotation_matrix(wrist_pose_w[3:])
    turn = of_wrist.T @ rotation_matrix(pose_w[3:])
    return points @ turn.T + of_wrist.T @ (pose_w[:3] - wrist_pose_w[:3])


def angle_between(first: Array | Sequence[float], second: Array | Sequence[float]) -> float:
    """Angle between two orientations (4,), rad, in [0, pi]."""
    return 2.0 * math.acos(min(1.0, abs(sum(map(operator.mul, first, second)))))


def between(first: Array | Sequence[float], second: Array | Sequence[float], share: float) -> Array:
    """The pose (7,) a share in [0, 1] of the way from the first to the second; the short way round.

    In plain numbers, one by one: on seven of them numpy takes three times as long, a loop twice, and a control step
    asks for a dozen poses.
    """
    x, y, z, a, b, c, d = first.tolist() if isinstance(first, np.ndarray) else first
    to_x, to_y, to_z, to_a, to_b, to_c, to_d = second.tolist() if isinstance(second, np.ndarray) else second
    rest = 1.0 - share
    turned = share if a * to_a + b * to_b + c * to_c + d * to_d >= 0.0 else -share
    a, b, c, d = rest * a + turned * to_a, rest * b + turned * to_b, rest * c + turned * to_c, rest * d + turned * to_d
    length = max(math.hypot(a, b, c, d), 1e-12)
    place = (rest * x + share * to_x, rest * y + share * to_y, rest * z + share * to_z)
    return np.array([*place, a / length, b / length, c / length, d / length])
