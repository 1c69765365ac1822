"""Relative and absolute poses in numpy, for the parts that live next to the simulator."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Array = NDArray[np.float64]


def relative_pose(parent_w: Array, child_w: Array) -> Array:
    """Poses (K, 7) of the children in the frames of their parents, both given in the world."""
    inverse = Rotation.from_quat(parent_w[:, 3:], scalar_first=True).inv()
    position = inverse.apply(child_w[:, :3] - parent_w[:, :3])
    turn = inverse * Rotation.from_quat(child_w[:, 3:], scalar_first=True)
    return np.concatenate([position, turn.as_quat(scalar_first=True, canonical=True)], axis=1)


def absolute_pose(parent_w: Array, child_p: Array) -> Array:
    """Poses (K, 7) in the world of children given in the frames of their parents; inverse of `relative_pose`."""
    turn = Rotation.from_quat(parent_w[:, 3:], scalar_first=True)
    position = turn.apply(child_p[:, :3]) + parent_w[:, :3]
    both = turn * Rotation.from_quat(child_p[:, 3:], scalar_first=True)
    return np.concatenate([position, both.as_quat(scalar_first=True, canonical=True)], axis=1)
