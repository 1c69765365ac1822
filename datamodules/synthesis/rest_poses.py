"""The rest poses of a grasp set: where each grasp's object stands on the table once no hand holds it."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from datamodules.grasps.grasp_set import GraspSet
from envs.objects.grasp_object import GraspObject
from envs.physics.base import PhysicsFactory
from envs.physics.mujoco_cpu import MujocoCpu
from envs.trials.settling import settle


def rest_poses(
    grasps: GraspSet,
    get_object: Callable[[str], GraspObject],
    *,
    physics: PhysicsFactory | None = None,
    num_worlds: int = 128,
    num_threads: int | None = None,
    on_batch: Callable[[int], None] = lambda _: None,
) -> NDArray[np.float32]:
    """Rest pose of every grasp's object (G, 7), see `envs.trials.settling.settle`.

    Args:
        grasps: the grasps; of these only objects and object poses are used.
        get_object: gives an object by its name.
        physics: makes the worlds, under the settings of the synthesis; MuJoCo on the CPU when None.
        num_worlds: worlds simulated at once.
        num_threads: threads that step, as for `PhysicsFactory.make`.
        on_batch: called with the number of grasps of each finished batch (progress).
    """
    factory: PhysicsFactory = physics or MujocoCpu()
    rest_w = grasps.object_pose_w.copy()
    names = grasps.object_names()
    # grasps of one object next to one another, so that its compiled model serves a whole batch
    order = np.argsort(grasps.object_index, kind="stable")
    for begin in range(0, len(order), num_worlds):
        rows = order[begin : begin + num_worlds]
        worlds = factory.make(grasps.hand, len(rows), num_threads=num_threads)
        grasp_objects = [get_object(names[row]) for row in rows]
        rest_w[rows] = settle(worlds, grasp_objects, grasps.object_pose_w[rows].astype(np.float64))
        on_batch(len(rows))
    return rest_w
