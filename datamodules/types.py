"""Batches that cross the border between data and learning."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True)
class GraspBatch:
    """Grasps with what a primitive is conditioned on.

    Attributes:
        joint_pos: actuated joints normalised to [-1, 1] (B, 18).
        points_h: object cloud in the hand frame, metres (B, 1024, 3).
        object_index: identifies the cloud: equal index, equal cloud up to rigid motion (B,) long.
        grasp_index: row of the grasp in its split (B,) long.
    """

    joint_pos: Tensor
    points_h: Tensor
    object_index: Tensor
    grasp_index: Tensor

    def __len__(self) -> int:
        return len(self.joint_pos)

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> "GraspBatch":
        """The batch on another device."""
        moved = {item.name: getattr(self, item.name).to(device, non_blocking=non_blocking) for item in fields(self)}
        return GraspBatch(**moved)
