"""Where everything of a world is that is drawn: links, object, contacts, and where the field would take fingertips."""

from dataclasses import dataclass

import mujoco
import numpy as np

from envs.hand.hand import Hand
from envs.physics.base import PhysicsState
from envs.physics.world_model import ModelAddresses
from live.poses import Array, rotation_matrix


@dataclass(frozen=True)
class Look:
    """One world at one time, in the world frame, m.

    Attributes:
        link_pose_w: poses of the links in the order of the hand (L, 7).
        object_pose_w: pose of the object (7,).
        contacts_w: points at which the hand touches the object (C, 3).
        tips_w: fingertips (F, 3).
    """

    link_pose_w: Array
    object_pose_w: Array
    contacts_w: Array
    tips_w: Array


class Looker:
    """Tells where things are from a state of the physics.

    Args:
        hand: the hand.
        model: compiled world of hand and object (`envs.physics.world_model`).
    """

    def __init__(self, hand: Hand, model: mujoco.MjModel) -> None:
        self._hand, self._model, self._data = hand, model, mujoco.MjData(model)
        self._at = ModelAddresses(hand, model)
        self._tip_rows = hand.link_indices([finger.tip_link for finger in hand.fingers])
        self._tip_points = np.array([finger.tip_point for finger in hand.fingers])

    def at(self, state: PhysicsState) -> Look:
        """What a state of one world (arrays of one row) looks like."""
        poses_w = self._posed(state, state.joint_pos[0], state.coupled_pos[0])
        mujoco.mj_collision(self._model, self._data)
        return Look(poses_w, state.object_pose_w[0], self._contacts(), self._tips(poses_w))

    def tips(self, state: PhysicsState, joint_pos: Array) -> Array:
        """Fingertips (F, 3) if the joints (J,), rad, were others."""
        return self._tips(self._posed(state, joint_pos, self._hand.coupled_from_actuated(joint_pos)))

    def _posed(self, state: PhysicsState, joint_pos: Array, coupled_pos: Array) -> Array:
        qpos, at = self._data.qpos, self._at
        qpos[at.base_pos], qpos[at.object_pos] = state.wrist_pose_w[0], state.object_pose_w[0]
        qpos[at.finger_pos] = np.concatenate([joint_pos, coupled_pos])
        mujoco.mj_kinematics(self._model, self._data)
        return np.concatenate([self._data.xpos[at.link_bodies], self._data.xquat[at.link_bodies]], axis=1)

    def _tips(self, poses_w: Array) -> Array:
        rows = zip(poses_w[self._tip_rows], self._tip_points, strict=True)
        return np.stack([pose[:3] + rotation_matrix(pose[3:]) @ point for pose, point in rows])

    def _contacts(self) -> Array:
        if not self._data.ncon:
            return np.zeros((0, 3))
        bodies = self._model.geom_bodyid[self._data.contact.geom]
        is_hand = np.isin(bodies, self._at.link_bodies).any(axis=1)
        between = is_hand & (bodies == self._at.object_body).any(axis=1)
        return np.array(self._data.contact.pos[between])
