"""The table as a hand sees it."""

import torch
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
