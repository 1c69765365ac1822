"""Easy grasps: where a hand of constant joints, placed at their wrist pose, lifts the object as well."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datamodules.grasps.poses import absolute_pose
from envs.objects.grasp_object import GraspObject
from envs.physics.base import PhysicsBackend
from envs.trials.lift import EARLY_VERDICT, lift_test

Array = NDArray[np.float64]


@dataclass(frozen=True)
class EasyLimit:
    """How many easy grasps an object may have. A set of easy ones needs no primitive.

    Attributes:
        joint_pos: the constant joints, the mean over grasps of some training objects (J,), rad.
        most: easy grasps of an object.
    """

    joint_pos: tuple[float, ...]
    most: int

    def __post_init__(self) -> None:
        if self.most < 0:
            raise ValueError(f"most is {self.most}, expected at least 0 easy grasps of an object")


def lifts_placed(
    physics: PhysicsBackend, thing: GraspObject, object_pose_w: Array, wrist_pose_o: Array, joint_pos: Array
) -> NDArray[np.bool_]:
    """Which of G wrist poses (G, 7) of the object frame lift with given joints (J,), placed at once (G,) bool.

    Args:
        physics: at least one world.
        thing: the object.
        object_pose_w: where it stands (G, 7).
        wrist_pose_o: wrist poses in the object frame (G, 7).
        joint_pos: joints of the hand (J,), rad.
    """
    lifted = np.zeros(len(wrist_pose_o), dtype=bool)
    wrist_w = absolute_pose(object_pose_w, wrist_pose_o)
    for begin in range(0, len(lifted), physics.num_worlds):
        rows = np.arange(begin, min(begin + physics.num_worlds, len(lifted)))
        worlds = np.arange(len(rows))
        joints = np.tile(joint_pos, (len(rows), 1))
        physics.reset([thing] * len(rows), object_pose_w[rows], wrist_w[rows], joints, worlds=worlds)
        active = np.zeros(physics.num_worlds, dtype=bool)
        active[worlds] = True
        lifted[rows] = lift_test(physics, active=active, rise_steps=EARLY_VERDICT).is_lifted[worlds]
    return lifted
