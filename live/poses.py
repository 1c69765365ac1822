"""Poses in numpy: position in metres, then quaternion wxyz; as `envs.geometry.transforms`, without torch."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

Points = NDArray[np.floating[Any]]
"""Points in single or double precision."""

IDENTITY: Array = np.array([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0])


def rotation_matrix(quat: Array) -> Array:
    """The matrix (3, 3) of a unit quaternion (4,)."""
    w, x, y, z = quat
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


def angle_between(first: Array, second: Array) -> float:
    """Angle between two orientations (4,), rad, in [0, pi]."""
    return float(2.0 * np.arccos(np.clip(abs(first @ second), 0.0, 1.0)))


def between(first: Array | Sequence[float], second: Array | Sequence[float], share: float) -> Array:
    """The pose (7,) a share in [0, 1] of the way from the first to the second; the short way round.

    In plain numbers: on seven of them numpy takes three times as long, and a control step asks for a dozen poses.
    """
    start, end = (each.tolist() if isinstance(each, np.ndarray) else each for each in (first, second))
    turned = share if sum(a * b for a, b in zip(start[3:], end[3:], strict=True)) >= 0.0 else -share
    shares = (share, share, share, turned, turned, turned, turned)
    pose = [(1.0 - share) * a + part * b for a, b, part in zip(start, end, shares, strict=True)]
    length = max(math.hypot(*pose[3:]), 1e-12)
    return np.array([*pose[:3], *(each / length for each in pose[3:])])
