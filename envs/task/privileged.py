"""What the simulator knows and a policy must not: inputs for critics and scripted baselines, in the hand frame."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.geometry.object_clouds import move_clouds
from envs.geometry.transforms import pose_compose, pose_invert, rotation_vector_from_quat
from envs.hand.hand import Hand
from envs.hand.kinematics import HandKinematics
from envs.physics.base import PhysicsState
from envs.task.episodes import Episodes


@dataclass(frozen=True)
class Truth:
    """What is known of E worlds behind the policy's back.

    Attributes:
        state: of the simulator.
        episodes: what happens, and what is to come.
        step: control steps since the start of each episode (E,).
        clouds: of the objects, in their own frames, without errors of perception (E, 3, N), m.
        links: hand links that touch the object (E, L).
    """

    state: PhysicsState
    episodes: Episodes
    step: NDArray[np.int64]
    clouds: Tensor
    links: Tensor

    @cached_property
    def object_h(self) -> Tensor:
        """Objects in the hand frame (E, 7)."""
        return pose_compose(pose_invert(_tensor(self.state.wrist_pose_w)), _tensor(self.state.object_pose_w))


def object_motion(truth: Truth) -> Tensor:
    """How far the objects have moved, m, and their linear velocities, m/s (E, 6)."""
    now, velocity = _tensor(truth.state.object_pose_w), _tensor(truth.state.object_velocity)
    moved = now - _tensor(truth.episodes.object_pose_w).to(now)
    return torch.cat([moved[:, :3], velocity[:, :3]], dim=1)


def remaining(truth: Truth) -> Tensor:
    """Share of the time until the grasp has to hold, and of the way to arrival, that is left (E, 2)."""
    length = np.maximum(truth.episodes.grasp_step, 1)
    way = (truth.episodes.arrival_step - truth.step).clip(0) / length
    return torch.as_tensor(np.stack([(1.0 - truth.step / length).clip(0.0), way], axis=1))


@lru_cache(maxsize=8)
def _kinematics(hand: Hand) -> HandKinematics:
    return HandKinematics(hand)


def fingertip_distance(hand: Hand, joint_pos: Tensor, coupled_pos: Tensor, points_h: Tensor) -> Tensor:
    """Distance of each fingertip to the nearest point of the cloud (E, F), m, order of ``hand.fingers``.

    Args:
        hand: the hand.
        joint_pos: actuated joints (E, J), rad.
        coupled_pos: coupled joints (E, C), rad.
        points_h: object clouds in the hand frame (E, N, 3), m.
    """
    tips_h = _kinematics(hand).forward(joint_pos, coupled_pos).fingertips.to(points_h)
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


def _goal_wrist(truth: Truth) -> Tensor:
    now = _tensor(truth.state.wrist_pose_w)
    return goal_wrist(now, _tensor(truth.episodes.goal_pose_w).to(now))


def _tensor(values: NDArray[np.float64]) -> Tensor:
    return torch.as_tensor(values)


def hidden_group(name: str, truth: Truth) -> Tensor:
    """A group of `envs.task.observations.ASKED_GROUPS` (E, ...), float32, on the device of the simulator's state."""
    return HIDDEN[name](truth).float().to(_tensor(truth.state.wrist_pose_w).device)


HIDDEN: dict[str, Callable[[Truth], Tensor]] = {
    "object_pose": lambda truth: truth.object_h,
    "object_motion": object_motion,
    "goal_joints": lambda truth: truth.episodes.hand.normalise(_tensor(truth.episodes.goal_joint_pos)),
    "goal_wrist": _goal_wrist,
    "remaining": remaining,
    "other_joints": lambda truth: truth.episodes.hand.normalise(_tensor(truth.episodes.other_joint_pos)),
    "contacts": lambda truth: truth.links,
    "fingertip_distance": lambda truth: fingertip_distance(
        truth.episodes.hand,
        _tensor(truth.state.joint_pos),
        _tensor(truth.state.coupled_pos),
        move_clouds(truth.object_h, truth.clouds),
    ),
}
"""How each group that worlds are asked for (`envs.task.observations.ASKED_GROUPS`) is made; what the episodes say is on
the host."""
