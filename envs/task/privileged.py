"""What the simulator knows and a policy must not: inputs for critics and scripted baselines, in the hand frame."""

from functools import lru_cache

import torch
from torch import Tensor

from envs.geometry.transforms import pose_compose, pose_invert, rotation_vector_from_quat
from envs.hand.kinematics import HandKinematics
from envs.hand.shadow import shadow_hand


@lru_cache(maxsize=1)
def _kinematics() -> HandKinematics:
    return HandKinematics(shadow_hand())


def fingertip_distance(joint_pos: Tensor, coupled_pos: Tensor, points_h: Tensor) -> Tensor:
    """Distance of each fingertip to the nearest point of the cloud (E, 5), m, order of envs.conventions.FINGERS.

    Args:
        joint_pos: actuated joints (E, 18), rad.
        coupled_pos: coupled joints (E, 4), rad.
        points_h: object clouds in the hand frame (E, N, 3), m.
    """
    tips_h = _kinematics().forward(joint_pos, coupled_pos).fingertips.to(points_h)
    # |t - p|^2 with the differences formed first: the expanded product loses the millimetres in float32
    return torch.cdist(tips_h, points_h, compute_mode="donot_use_mm_for_euclid_dist").amin(dim=-1)


def goal_wrist(wrist_pose_w: Tensor, goal_pose_w: Tensor) -> Tensor:
    """The goal's wrist pose seen from the present one (E, 6): position, m, then rotation vector, rad.

    Args:
        wrist_pose_w: wrist poses now (E, 7).
        goal_pose_w: wrist poses at the grasp (E, 7).
    """
    goal_h = pose_compose(pose_invert(wrist_pose_w), goal_pose_w)
    return torch.cat([goal_h[:, :3], rotation_vector_from_quat(goal_h[:, 3:])], dim=1)
