"""Starts, a script and comparisons that the physics contract's tests share."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from envs.hand.hand import Hand
from envs.hand.shadow import shadow_hand
from envs.objects.builder import make_object
from envs.objects.grasp_object import GraspObject
from envs.physics.base import Array, PhysicsBackend, PhysicsState

HAND = shadow_hand()

_made = lru_cache(maxsize=None)(make_object)


@dataclass(frozen=True)
class Start:
    """What `PhysicsBackend.reset` takes."""

    objects: list[GraspObject]
    object_pose_w: Array
    wrist_pose_w: Array
    joint_pos: Array


def hovering_start(num_worlds: int = 3, hand: Hand = HAND) -> Start:
    """A box, a can, a ball, a box ... at rest on the table, the open hand 40 cm above each."""
    objects = [_made(("box", "can", "ball")[world % 3], 0) for world in range(num_worlds)]
    return Start(
        objects=objects,
        object_pose_w=np.stack([thing.rest_poses[0] for thing in objects]),
        wrist_pose_w=np.tile([0.0, 0.0, 0.4, 1.0, 0.0, 0.0, 0.0], (num_worlds, 1)),
        joint_pos=np.tile(hand.open_pose, (num_worlds, 1)),
    )


def put(physics: PhysicsBackend, start: Start, worlds: NDArray[np.int64] | None = None) -> None:
    """Reset physics to a start."""
    physics.reset(start.objects, start.object_pose_w, start.wrist_pose_w, start.joint_pos, worlds=worlds)


def flexed(fraction: float, num_worlds: int = 3, hand: Hand = HAND) -> Array:
    """Joints (E, J) that far from lower to upper limit."""
    limits = hand.limits
    return np.tile(limits.low + fraction * (limits.high - limits.low), (num_worlds, 1))


def run_script(physics: PhysicsBackend) -> PhysicsState:
    """Twenty control steps in which the hand comes down, closes on the objects and is shaken with them."""
    hand = physics.hand
    start = hovering_start(physics.num_worlds, hand)
    put(physics, start)
    wrist_w = start.wrist_pose_w.copy()
    for step in range(20):
        wrist_w[:, 2] -= 0.012
        physics.set_wrist_targets(wrist_w)
        physics.set_joint_targets(flexed(step / 20, physics.num_worlds, hand))
        physics.set_side_acceleration(np.tile([1.0, -2.0, 0.0], (physics.num_worlds, 1)))
        physics.step()
    return physics.state().host()


def angle_between(first: Array, second: Array) -> Array:
    """Rotation angle between two sets of poses (E, 7), rad."""
    turn = Rotation.from_quat(first[:, 3:], scalar_first=True).inv() * Rotation.from_quat(
        second[:, 3:], scalar_first=True
    )
    return turn.magnitude()


def assert_same(first: PhysicsState, second: PhysicsState, worlds: list[int]) -> None:
    """Bit for bit the same states in the given worlds."""
    for name in PhysicsState.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(first, name)[worlds], getattr(second, name)[worlds], err_msg=name)
