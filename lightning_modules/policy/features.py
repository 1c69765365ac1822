"""The residual policy's inputs, worked out of what it may observe (GraspGF Sec. 3.3, App. A.1)."""

from functools import cache

import torch
from torch import Tensor

from envs.conventions import FINGERS, NUM_COUPLED, NUM_JOINTS
from envs.geometry.transforms import (
    pose_compose,
    pose_invert,
    quat_conjugate,
    quat_rotate,
    rotation_vector_from_quat,
)
from envs.hand.kinematics import HandKinematics
from envs.hand.model import denormalise_joints
from envs.hand.shadow import shadow_hand
from envs.task.observations import HISTORY_LENGTH, Observation

STEP_SCALE = 0.02
"""Metres by which a history position is divided: a hand at 0.8 m/s moves this far in a control step."""

TURN_SCALE = 0.1
"""Radians by which a history rotation is divided."""

CLOUD_SCALE = 0.1
"""Metres by which the cloud's centroid and extent are divided."""

COARSE_POINTS = 128
"""Points of a cloud, the first in farthest-point order, that its centroid and extent are taken from."""

TIP_SCALE = 0.05
"""Metres by which a fingertip's height and its distance to the cloud are divided."""

MAX_TIP_DISTANCE = 0.2
"""Metres from which on a distance to the cloud or a height tells no more."""

VECTOR_DIM = 2 * NUM_JOINTS + NUM_COUPLED + 6 * (HISTORY_LENGTH - 1) + 4 + 9 + 2 * len(FINGERS)
"""Columns of `policy_vectors`."""


def policy_vectors(observation: Observation, primitive_action: Tensor) -> Tensor:
    """Joints, coupled joints, a_p, wrist history, attitude, the cloud's whereabouts and fingertips in one row (E, D).

    The history enters as motion: where the wrist was in the last steps, seen from where it is. The same five absolute
    poses hide it, because a step is 0.02 of their range. Absolute x and y say nothing about the task and are left out;
    height above the table and the direction of gravity are what remains of the absolute pose. Heights of the fingertips
    and their distances to the cloud follow from the rest by kinematics, which a small network is spared.

    Args:
        observation: groups joint_pos, coupled_pos, wrist_history, points_h.
        primitive_action: a_p (E, 18).
    """
    points_h = observation["points_h"][:, :COARSE_POINTS]
    centroid = points_h.mean(dim=1)
    extent = torch.cat([points_h.amin(dim=1), points_h.amax(dim=1)], dim=1)
    present_w = observation["wrist_history"][:, -1]
    tips_h = _hand().forward(denormalise_joints(observation["joint_pos"])).fingertips
    return torch.cat(
        [
            observation["joint_pos"],
            observation["coupled_pos"],
            primitive_action,
            wrist_motion(observation["wrist_history"]),
            wrist_attitude(present_w),
            centroid / CLOUD_SCALE,
            extent / CLOUD_SCALE,
            tip_heights(tips_h, present_w),
            tip_distances(tips_h, points_h),
        ],
        dim=1,
    )


def wrist_motion(history_w: Tensor) -> Tensor:
    """Earlier wrist poses seen from the present one, scaled, (E, 6 (H - 1)), from poses (E, H, 7), oldest first."""
    present = history_w[:, -1:].expand(-1, history_w.shape[1] - 1, -1)
    earlier_h = pose_compose(pose_invert(present), history_w[:, :-1])
    turn = rotation_vector_from_quat(earlier_h[..., 3:])
    return torch.cat([earlier_h[..., :3] / STEP_SCALE, turn / TURN_SCALE], dim=-1).flatten(1)


def wrist_attitude(pose_w: Tensor) -> Tensor:
    """Direction of gravity in the hand frame and height above the table in units of 0.2 m (E, 4), from poses (E, 7)."""
    down = pose_w.new_tensor([0.0, 0.0, -1.0]).expand(len(pose_w), 3)
    gravity_h = quat_rotate(quat_conjugate(pose_w[:, 3:]), down)
    return torch.cat([gravity_h, pose_w[:, 2:3] / 0.2], dim=1)


def tip_heights(tips_h: Tensor, pose_w: Tensor) -> Tensor:
    """Heights of the fingertips above the table (E, 5), at most MAX_TIP_DISTANCE, in units of TIP_SCALE.

    Args:
        tips_h: fingertips in the hand frame (E, 5, 3), m.
        pose_w: wrist poses (E, 7).
    """
    quats = pose_w[:, None, 3:].expand(-1, tips_h.shape[1], -1)
    heights = quat_rotate(quats, tips_h)[..., 2] + pose_w[:, None, 2]
    return heights.clamp(max=MAX_TIP_DISTANCE) / TIP_SCALE


def tip_distances(tips_h: Tensor, points_h: Tensor) -> Tensor:
    """Distances of the fingertips (E, 5, 3) to the nearest point of the cloud (E, N, 3), limited and scaled alike."""
    return torch.cdist(tips_h, points_h).amin(dim=2).clamp(max=MAX_TIP_DISTANCE) / TIP_SCALE


@cache
def _hand() -> HandKinematics:
    return HandKinematics(shadow_hand())
