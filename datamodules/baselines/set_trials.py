"""Lift rates of a grasp set and of the baselines that a primitive has to beat, on the grasps of a split."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from datamodules.baselines.joints import NearestGrasp
from datamodules.grasps.dataset import GraspTable
from datamodules.grasps.poses import absolute_pose
from envs.objects.library import ObjectLibrary
from envs.physics.base import PhysicsFactory
from envs.trials.grasp_trials import GraspTrials

Array = NDArray[np.float64]
Values = dict[str, NDArray[np.float64]]
"""One value a grasp (G,) by measure; success as 0 or 1."""


@dataclass(frozen=True)
class ConstantJoints:
    """What does not look at the object: mean joints (J,), blind close (J,), rad; and the nearest training grasp."""

    mean: Array
    blind: Array
    nearest: NearestGrasp

    @classmethod
    def of_training(cls, train: GraspTable) -> "ConstantJoints":
        """The baselines that training grasps give."""
        return cls(train.grasps.mean_joints(), train.hand.closed_pose, NearestGrasp(train))


@dataclass
class SetTrials:
    """The grasps of a split in the world.

    Args:
        table: the grasps.
        library: their objects.
        physics: makes the worlds; MuJoCo on the CPU when None.
        on_trials: called with the number of trials done (progress).
    """

    table: GraspTable
    library: ObjectLibrary
    physics: PhysicsFactory | None = None
    on_trials: Callable[[int], None] = field(default=lambda _: None)

    def __post_init__(self) -> None:
        grasps = self.table.grasps
        object_w = grasps.object_pose_w.astype(np.float64)
        grasp_objects = [self.library.get(name) for name in grasps.object_names()]
        wrist_w = absolute_pose(object_w, grasps.wrist_pose_o.astype(np.float64))
        rest_w = grasps.rest_pose_w.astype(np.float64)
        self.trials = GraspTrials(
            grasps.hand,
            grasp_objects,
            object_w,
            wrist_w,
            rest_pose_w=rest_w,
            physics=self.physics,
            on_batch=self.on_trials,
        )
        self.goal = grasps.joint_pos.astype(np.float64)

    def stored(self, *, with_collisions: bool = True) -> Values:
        """(a) The stored joints, placed and closed towards."""
        return self.joints("grasp_success", self.goal, placed_name="grasp_success", with_collisions=with_collisions)

    def joints(
        self, name: str, joint_pos: Array, *, placed_name: str | None = None, with_collisions: bool = True
    ) -> Values:
        """Success of given joints (G, J), rad: placed without collisions, and closed towards with them."""
        placed = self.trials.place(joint_pos).is_lifted
        values = {placed_name or f"{name}_collisions_off": placed.astype(float)}
        if with_collisions:
            values[f"{name}_collisions_on"] = self.trials.close_towards(joint_pos).is_lifted.astype(float)
        return values

    def baselines(self, constants: ConstantJoints, *, with_collisions: bool = True) -> Values:
        """Mean joints, blind close and nearest training grasp at the stored wrist poses."""
        count = len(self.table)
        nearest = constants.nearest.joints(self.table)
        values = self.joints("constant_success", np.tile(constants.mean, (count, 1)), with_collisions=with_collisions)
        values |= self.joints("blind_success", np.tile(constants.blind, (count, 1)), with_collisions=with_collisions)
        values |= self.joints("nearest_success", nearest, with_collisions=with_collisions)
        values["constant_posture_rad"] = np.linalg.norm(constants.mean - self.goal, axis=1)
        values["nearest_posture_rad"] = np.linalg.norm(nearest - self.goal, axis=1)
        return values
