"""Poses of files that tell everything in the world's frame."""

import numpy as np

from datamodules.formats.foreign import Array
from datamodules.grasps.poses import absolute_pose, relative_pose


def unit_pose(source: str, name: str, pose: Array) -> Array:
    """The pose (7,) with a quaternion of unit length.

    Raises:
        ValueError: another shape or length; names source and field.
    """
    length = float(np.linalg.norm(pose[3:7]))
    if pose.shape != (7,) or not 0.99 < length < 1.01:
        raise ValueError(
            f"{source}, field {name}: quaternion of length {length:.3g}, expected 1 (position, then wxyz); leave this "
            "entry out"
        )
    return np.concatenate([pose[:3], pose[3:] / length])


def table_plane_m(object_w: Array) -> Array:
    """The plane z = 0 of the world in the frame of an object (4,)."""
    world_o = relative_pose(object_w[None], np.array([[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]]))
    up_o = absolute_pose(world_o, np.array([[0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0]]))[0, :3] - world_o[0, :3]
    return np.concatenate([up_o, [object_w[2]]])
