"""When a world has broken down, whatever simulates it."""

import numpy as np
from numpy.typing import NDArray

from envs.physics.base import Array
from envs.physics.settings import PhysicsSettings


def is_sound(
    object_pose_w: Array, object_velocity: Array, wrist_pose_w: Array, settings: PhysicsSettings
) -> NDArray[np.bool_]:
    """Worlds (K,) whose object is neither thrown away from the hand nor faster than anything held moves.

    Args:
        object_pose_w: (K, 7).
        object_velocity: linear, m/s, then angular (K, 6).
        wrist_pose_w: (K, 7).
        settings: the bounds.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        offset = object_pose_w[:, :3] - wrist_pose_w[:, :3]
        speed = object_velocity[:, :3]
        near = (offset * offset).sum(axis=1) <= settings.thrown_distance**2
        return near & ((speed * speed).sum(axis=1) <= settings.max_speed**2)
