"""Easy grasps: where a hand of constant joints, placed at their wrist pose, lifts the object as well."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from datamodules.grasps.grasp_set import GraspSet
from datamodules.grasps.poses import absolute_pose
from envs.conventions import SPLITS
from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.objects.library import ObjectLibrary
from envs.physics.base import PhysicsBackend, PhysicsFactory
from envs.physics.mujoco_cpu import MujocoCpu
from envs.trials.lift import EARLY_VERDICT, lift_test

Array = NDArray[np.float64]

_FLAGGED_AT_ONCE = 8
"""Worlds that grasps of one object are flagged in."""


@dataclass(frozen=True)
class EasyLimit:
    """How many easy grasps a training object may have. A set of easy ones needs no primitive.

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
    physics: PhysicsBackend, things: Sequence[GraspObject], object_pose_w: Array, wrist_pose_o: Array, joint_pos: Array
) -> NDArray[np.bool_]:
    """Which of G wrist poses (G, 7) of the object frame lift with given joints (J,), placed at once (G,) bool.

    Args:
        physics: at least one world.
        things: the object of each pose (G).
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
        physics.reset(things[begin : begin + len(rows)], object_pose_w[rows], wrist_w[rows], joints, worlds=worlds)
        active = np.zeros(physics.num_worlds, dtype=bool)
        active[worlds] = True
        lifted[rows] = lift_test(physics, active=active, rise_steps=EARLY_VERDICT).is_lifted[worlds]
    return lifted


def easy_flags(
    grasps: GraspSet,
    library: ObjectLibrary,
    joint_pos: Array,
    *,
    physics: PhysicsFactory | None = None,
    num_threads: int | None = None,
) -> NDArray[np.bool_]:
    """Which grasps of a set are easy (G,): given joints (J,), rad, placed at their wrist poses, lift as well.

    Args:
        grasps: the grasps; their own joints play no part.
        library: gives the objects.
        joint_pos: the mean over training grasps.
        physics: makes the worlds; MuJoCo on the CPU, one object after the other, when None.
        num_threads: threads that step, as for `PhysicsFactory.make`.
    """
    factory: PhysicsFactory = physics or MujocoCpu(max_models=1)
    worlds = factory.make(grasps.hand, _FLAGGED_AT_ONCE, num_threads=num_threads)
    is_easy = np.zeros(len(grasps), dtype=bool)
    indices = np.unique(grasps.object_index)
    things = library.each([grasps.objects[index] for index in indices])
    with tqdm(total=len(grasps), desc="easy grasps", unit="grasp") as bar:
        for index, thing in zip(indices, things, strict=True):
            rows = np.flatnonzero(grasps.object_index == index)
            object_w, wrist_o = (pose[rows].astype(np.float64) for pose in (grasps.object_pose_w, grasps.wrist_pose_o))
            is_easy[rows] = lifts_placed(worlds, [thing] * len(rows), object_w, wrist_o, joint_pos)
            bar.update(len(rows))
    return is_easy


def mean_joints(grasps: GraspSet, hand: Hand) -> Array:
    """The mean joints of the training grasps of a set (J,), rad: what tells easy grasps of that hand.

    Raises:
        ValueError: it has none, or is of another hand.
    """
    if grasps.hand.name != hand.name:
        raise ValueError(
            f"the mean joints are of the hand {grasps.hand.name}, the grasps of {hand.name}; give a grasp set of the "
            "same hand (--mean_of)"
        )
    return grasps.split(SPLITS[0]).mean_joints()
