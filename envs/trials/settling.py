"""Where objects come to rest on the table: every episode starts from there."""

from collections.abc import Sequence

import numpy as np

from envs.objects.grasp_object import GraspObject
from envs.physics.base import Array, PhysicsBackend

_AWAY = 1.0
"""Metres above the object at which the hand waits."""

MAX_STEPS = 50
"""Control steps after which an object is left where it is."""

_STILL = 1e-5
"""Where no number of a pose (m; quaternion) changes by this in five control steps, the object rests: none of 250 then
moved 0.3 mm more."""


def settle(physics: PhysicsBackend, grasp_objects: Sequence[GraspObject], object_pose_w: Array) -> Array:
    """Object poses (K, 7) once at rest, 50 control steps after ``object_pose_w`` (K, 7) at most, the hand far away.

    A grasp's own object pose is where closing fingers had pushed it, often leaning: left alone it falls over or sinks
    back. The result does not depend on which other objects share the worlds. A world that diverges keeps its pose.

    Args:
        physics: E >= K worlds; the first K are used and left as they settled.
        grasp_objects: object of each pose.
        object_pose_w: poses on or close above the table.

    Raises:
        ValueError: more poses than worlds.
    """
    count = len(grasp_objects)
    if count > physics.num_worlds:
        raise ValueError(f"{count} objects to settle in {physics.num_worlds} worlds; settle them batch by batch")
    wrist_w = np.tile(np.array([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]), (count, 1))
    wrist_w[:, :3] = object_pose_w[:, :3] + np.array([0.0, 0.0, _AWAY])
    physics.reset(
        grasp_objects, object_pose_w, wrist_w, np.tile(physics.hand.open_pose, (count, 1)), worlds=np.arange(count)
    )
    active = np.arange(physics.num_worlds) < count
    before_w = physics.state().host().object_pose_w
    for step in range(1, MAX_STEPS + 1):
        physics.step(active)
        if step % 5 == 0:
            now_w = physics.state().host().object_pose_w
            active &= np.abs(now_w - before_w).max(axis=1) > _STILL
            before_w = now_w
    state = physics.state().host()
    return np.where(state.is_diverged[:count, None], object_pose_w, state.object_pose_w[:count])
