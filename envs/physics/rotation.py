"""Rotations of many worlds in plain numpy, where a step of the physics has no time for tensors."""

import numpy as np

from envs.physics.base import Array


def rotation_vector_between(start_wxyz: Array, end_wxyz: Array) -> Array:
    """Rotation vector (E, 3), rad, in the start frame, that turns start into end; the shorter way round."""
    w, xyz = start_wxyz[:, :1], -start_wxyz[:, 1:]
    relative_w = w * end_wxyz[:, :1] - (xyz * end_wxyz[:, 1:]).sum(axis=1, keepdims=True)
    relative_xyz = w * end_wxyz[:, 1:] + end_wxyz[:, :1] * xyz + _cross(xyz, end_wxyz[:, 1:])
    sign = np.where(relative_w < 0.0, -1.0, 1.0)
    relative_w, relative_xyz = sign * relative_w, sign * relative_xyz
    sine = np.linalg.norm(relative_xyz, axis=1, keepdims=True)
    angle = 2.0 * np.arctan2(sine, relative_w)
    return relative_xyz * np.where(sine > 1e-9, angle / np.maximum(sine, 1e-9), 2.0)


def _cross(first: Array, second: Array) -> Array:
    """Cross products (E, 3); `numpy.cross` takes several times as long for so few."""
    x, y, z = first.T
    u, v, w = second.T
    return np.stack([y * w - z * v, z * u - x * w, x * v - y * u], axis=1)
