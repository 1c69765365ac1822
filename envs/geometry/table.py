"""The table, and the vertical, as hands and objects see them."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.geometry.transforms import quat_conjugate, quat_rotate


def table_plane(wrist_pose_w: Tensor) -> Tensor:
    """The table, the plane z = 0 of the world, in the hand frame: its upward normal n and the hand's height d, m.

    A point x of the hand frame is n . x + d above the table.

    Args:
        wrist_pose_w: wrist poses (..., 7).
    Returns:
        (..., 4).
    """
    up = wrist_pose_w.new_tensor([0.0, 0.0, 1.0]).expand(*wrist_pose_w.shape[:-1], 3)
    return torch.cat([quat_rotate(quat_conjugate(wrist_pose_w[..., 3:]), up), wrist_pose_w[..., 2:3]], dim=-1)


def vertical_in(pose_w: NDArray[np.float64]) -> NDArray[np.float64]:
    """The upward unit vector in the coordinates of bodies with poses (..., 7): (..., 3).

    It is the last row of their rotation matrices: the heights of the ends of their axes.
    """
    w, x, y, z = np.moveaxis(pose_w[..., 3:], -1, 0)
    return np.stack([2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)], axis=-1)
