"""The six joints that carry the hand in Isaac Gym: along x, y, z, then about x, y, z, each in the frame before it."""

import numpy as np
from scipy.spatial.transform import Rotation

from envs.physics.base import Array

BASE_JOINTS = ("base_x", "base_y", "base_z", "base_rx", "base_ry", "base_rz")
"""In this order from the world to the palm; metres, then radians."""

_INTRINSIC = "XYZ"

_LOCKED = 1e-6
"""Cosine of the second angle below which the first is not decided."""


def base_from_pose(pose_w: Array, present: Array) -> Array:
    """Joints (E, 6) that bring the palm to poses (E, 7), as near as there are any to the present ones (E, 6).

    R = Rx(a) Ry(b) Rz(c) has two solutions, (a, b, c) and (a + pi, pi - b, c + pi), each repeating every turn. Where
    the fingers lie along the world's x axis, b = +- pi/2, only a + c or a - c is decided: there a stays, and near there
    both may turn far while the palm turns little.
    """
    turn = Rotation.from_quat(pose_w[:, 3:], scalar_first=True)
    fingers = turn.as_matrix()[:, :, 2]  # sin b, -sin a cos b, cos a cos b
    cosine = np.hypot(fingers[:, 1], fingers[:, 2])
    first = np.where(cosine > _LOCKED, np.arctan2(-fingers[:, 1], fingers[:, 2]), present[:, 3])
    second = np.arctan2(fingers[:, 0], cosine)
    left = (Rotation.from_euler("XY", np.stack([first, second], axis=1)).inv() * turn).as_matrix()
    angles = np.stack([first, second, np.arctan2(left[:, 1, 0], left[:, 0, 0])], axis=1)
    one = _turned_to(angles, present[:, 3:])
    other = _turned_to(angles * np.array([1.0, -1.0, 1.0]) + np.pi, present[:, 3:])
    lengths = [np.linalg.norm(each - present[:, 3:], axis=1) for each in (one, other)]
    return np.concatenate([pose_w[:, :3], np.where((lengths[0] <= lengths[1])[:, None], one, other)], axis=1)


def pose_from_base(joints: Array, like: Array) -> Array:
    """Palm poses (E, 7) of base joints (E, 6), quaternions of the sign that is nearer to those of ``like`` (E, 7)."""
    quat = Rotation.from_euler(_INTRINSIC, joints[:, 3:]).as_quat(scalar_first=True)
    quat *= np.where((quat * like[:, 3:]).sum(axis=1) < 0.0, -1.0, 1.0)[:, None]
    return np.concatenate([joints[:, :3], quat], axis=1)


def _turned_to(angles: Array, near: Array) -> Array:
    """The same angles plus whole turns, each within half a turn of ``near``."""
    return near + (angles - near + np.pi) % (2.0 * np.pi) - np.pi
