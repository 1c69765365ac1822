"""The object as the wrist sees it on its way to a grasp: training views for a primitive that acts before arrival."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from datamodules.types import GraspBatch
from envs.geometry.transforms import quat_from_rotation_vector, quat_rotate, quat_to_matrix
from envs.ranges import reversed_note


@dataclass(frozen=True)
class ApproachViews:
    """Random wrist poses between the start of an approach (GraspGF App. A.1) and the grasp.

    A remaining fraction s of the way moves the wrist back by s times the start distance, along the line from fingertip
    centre to wrist, tilted, and turns it by s times the turn of the whole approach. The joints to be learnt stay those
    of the grasp: from afar the field points to where the fingers will have to be.

    Attributes:
        share: share of the views that lie on the way; the others are seen from the grasp itself.
        start_distance: metres between start and grasp.
        max_tilt: largest angle, rad, between the way back and the line from fingertip centre to wrist.
        turn_std: standard deviation of each component of the whole turn, rad.
        power: s = u^power with u uniform; larger values stay nearer to the grasp, where a human hand is slow.
    """

    share: float = 0.7
    start_distance: tuple[float, float] = (0.15, 0.20)
    max_tilt: float = 0.35
    turn_std: float = 0.2
    power: float = 1.5

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"share is {self.share}; the share of views on the way lies in [0, 1]")
        low, high = self.start_distance
        if not 0.0 <= low <= high:
            raise ValueError(
                f"start_distance is {self.start_distance}{reversed_note(low, high)}; expected 0 <= nearest "
                "<= farthest, m"
            )

    def __call__(self, batch: GraspBatch, back_h: Tensor, generator: torch.Generator) -> GraspBatch:
        """The same grasps, clouds and table in the frame of a wrist that is still on its way.

        Args:
            batch: grasps, clouds and table in the hand frame at the grasp.
            back_h: unit vectors from fingertip centre to wrist at the grasp (B, 3), hand frame.
            generator: draws the views.
        """
        count = len(batch)
        uniform = torch.rand((count, 4), generator=generator)
        normal = torch.randn((count, 6), generator=generator)
        remaining = torch.where(uniform[:, 0] < self.share, uniform[:, 1] ** self.power, torch.zeros(count))[:, None]
        axis = torch.linalg.cross(back_h.to(normal), normal[:, :3])
        axis = axis / axis.norm(dim=1, keepdim=True).clamp_min(1e-9)
        tilt = quat_from_rotation_vector(self.max_tilt * uniform[:, 2:3].sqrt() * axis)
        low, high = self.start_distance
        distance = remaining * (low + (high - low) * uniform[:, 3:4])
        offset_h = distance * quat_rotate(tilt, back_h.to(normal))
        turn = quat_to_matrix(quat_from_rotation_vector(remaining * self.turn_std * normal[:, 3:]))
        # a wrist at p, turned by R, sees x at R^T (x - p); rows times R
        points_h, table_h = batch.points_h, batch.table_h
        moved = replace(batch, points_h=(points_h - offset_h[:, None].to(points_h)) @ turn.to(points_h))
        if table_h is None:
            return moved
        normal_h, height = table_h[:, :3], table_h[:, 3:] + (table_h[:, :3] * offset_h).sum(dim=1, keepdim=True)
        return replace(moved, table_h=torch.cat([(normal_h[:, None] @ turn)[:, 0], height], dim=1))
