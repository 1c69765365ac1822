"""MuJoCo in the place of a hand: a world that gives readings and takes targets."""

import numpy as np

from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.physics.base import PhysicsFactory
from envs.physics.mujoco_cpu import MujocoCpu
from live.controller import JointTargets
from live.inputs import ObjectPose
from live.ports import Reading
from live.poses import Array


class MujocoHand:
    """A `Source` and a `Sink`: one hand, one object and a table, which go on by a control step at each `send`.

    Args:
        hand: the hand.
        grasp_object: the object.
        object_pose_w: where it stands (7,).
        wrist_pose_w: where the wrist is at first (7,).
        joint_pos: joints at first (J,), rad; the open hand when None.
        factory: makes the world; MuJoCo's own when None. Hands of one factory share what it keeps of objects.

    Attributes:
        time_s: its time.
        physics: its world.
    """

    def __init__(
        self,
        hand: Hand,
        grasp_object: GraspObject,
        object_pose_w: Array,
        wrist_pose_w: Array,
        joint_pos: Array | None = None,
        factory: PhysicsFactory | None = None,
    ) -> None:
        self.physics = (factory or MujocoCpu()).make(hand, 1, num_threads=0)
        joints = hand.open_pose if joint_pos is None else joint_pos
        self.physics.reset([grasp_object], object_pose_w[None], wrist_pose_w[None], joints[None])
        self.time_s = 0.0

    def move_wrist(self, pose_w: Array) -> None:
        """Where the wrist (7,) will be at the end of the next control step."""
        self.physics.set_wrist_targets(pose_w[None])

    def read(self) -> list[Reading]:
        """See `Source.read`: wrist, joints with the coupled ones, and the object as they are."""
        state = self.physics.state().host()
        joints = np.concatenate([state.joint_pos[0], state.coupled_pos[0]])
        return [Reading(self.time_s, state.wrist_pose_w[0], joints, ObjectPose(state.object_pose_w[0]))]

    def send(self, targets: JointTargets) -> None:
        """See `Sink.send`."""
        if targets.is_ready:
            self.physics.set_joint_targets(targets.joint_pos[None])
        self.physics.step()
        self.time_s += self.physics.settings.control_dt
