"""Where objects come to rest on the table: every episode starts from there."""

from collections.abc import Sequence

import numpy as np

from envs.conventions import EPISODE_STEPS
from envs.hand.model import open_hand
from envs.objects.grasp_object import GraspObject
from envs.physics.base import Array, PhysicsBackend

_AWAY = 1.0
"""Metres above the object at which the hand waits."""


def settle(physics: PhysicsBackend, things: Sequence[GraspObject], object_pose_w: Array) -> Array:
    """Object poses (K, 7) after 50 control steps from ``object_pose_w`` (K, 7), with the hand far away.

    A grasp's own object pose is where closing fingers had pushed it, often leaning: left alone it falls over or sinks
    back. The result does not depend on which other objects share the worlds. A world that diverges keeps its pose.

    Args:
        physics: E >= K worlds; the first K are used and left as they settled.
        things: object of each pose.
        object_pose_w: poses on or close above the table.

    Raises:
        ValueError: more poses than worlds.
    """
    count = len(things)
    if count > physics.num_worlds:
        raise ValueError(f"{count} objects to settle in {physics.num_worlds} worlds; settle them batch by batch")
    wrist_w = np.tile(np.array([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]), (count, 1))
    wrist_w[:, :3] = object_pose_w[:, :3] + np.array([0.0, 0.0, _AWAY])
    physics.reset(things, object_pose_w, wrist_w, np.tile(open_hand(), (count, 1)), worlds=np.arange(count))
    active = np.arange(physics.num_worlds) < count
    for _ in range(EPISODE_STEPS):
        physics.step(active)
    state = physics.state()
    return np.where(state.is_diverged[:count, None], object_pose_w, state.object_pose_w[:count])
