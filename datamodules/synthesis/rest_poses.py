"""The rest poses of a grasp set: where each grasp's object stands on the table once no hand holds it."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from datamodules.grasps.grasp_set import GraspSet
from envs.objects.grasp_object import GraspObject
from envs.physics.mujoco_cpu import MujocoCpuPhysics, SceneCache
from envs.physics.settings import PhysicsSettings
from envs.trials.settling import settle


def rest_poses(
    grasps: GraspSet,
    get_object: Callable[[str], GraspObject],
    *,
    scenes: SceneCache | None = None,
    num_worlds: int = 128,
    num_threads: int | None = None,
    on_batch: Callable[[int], None] = lambda _: None,
) -> NDArray[np.float32]:
    """Rest pose of every grasp's object (G, 7), see `envs.trials.settling.settle`.

    Args:
        grasps: the grasps; of these only objects and object poses are used.
        get_object: gives an object by its name.
        scenes: compiled models to use, with the settings of the synthesis; default settings when None.
        num_worlds: worlds simulated at once.
        num_threads: threads that step, as for `MujocoCpuPhysics`.
        on_batch: called with the number of grasps of each finished batch (progress).
    """
    scenes = scenes or SceneCache(PhysicsSettings())
    rest_w = grasps.object_pose_w.copy()
    names = grasps.object_names()
    # grasps of one object next to one another, so that its compiled model serves a whole batch
    order = np.argsort(grasps.object_index, kind="stable")
    for begin in range(0, len(order), num_worlds):
        rows = order[begin : begin + num_worlds]
        physics = MujocoCpuPhysics(len(rows), scenes.settings, num_threads=num_threads, scenes=scenes)
        things = [get_object(names[row]) for row in rows]
        rest_w[rows] = settle(physics, things, grasps.object_pose_w[rows].astype(np.float64))
        on_batch(len(rows))
    return rest_w
