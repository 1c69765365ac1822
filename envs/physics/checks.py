"""Checks of what a user hands to a physics backend; every message names field, given, allowed and remedy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.physics.base import Array, Given, to_host

LIMIT_TOLERANCE = 1e-4
"""Joints may exceed a limit by this many radians (float32 round-off, soft limits); they are clamped."""

UNIT_TOLERANCE = 1e-3


def check_finite(name: str, values: Given, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """The values as float64.

    Raises:
        ValueError: another shape, NaN or infinity.
    """
    values = np.asarray(to_host(values), dtype=np.float64)
    if values.shape != shape:
        raise ValueError(f"{name} has shape {values.shape}, expected {shape}: one row a world")
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
        raise ValueError(f"{name} row {row} holds NaN or infinity; give finite numbers")
    return values


def check_worlds(worlds: Given, num_worlds: int) -> NDArray[np.int64]:
    """Different world numbers (K,).

    Raises:
        ValueError: a number outside 0..num_worlds - 1, or one given twice.
    """
    rows = np.asarray(to_host(worlds))
    if len(rows) and not (rows.min() >= 0 and rows.max() < num_worlds):
        raise ValueError(f"worlds spans {rows.min()}..{rows.max()}, allowed 0..{num_worlds - 1}")
    if len(np.unique(rows)) != len(rows):
        raise ValueError(f"worlds names a world twice: {rows.tolist()}; give each once")
    return rows


def check_poses(name: str, pose: Given, num_rows: int) -> NDArray[np.float64]:
    """Poses (num_rows, 7) as float64 with quaternions scaled to unit length.

    Raises:
        ValueError: wrong shape, NaN, or a quaternion whose length is off 1 by more than 1e-3.
    """
    pose = np.array(to_host(pose), dtype=np.float64)
    if pose.shape != (num_rows, 7):
        raise ValueError(f"{name} has shape {pose.shape}, expected ({num_rows}, 7): position xyz, quaternion wxyz")
    if not np.isfinite(pose).all():
        row = int(np.flatnonzero(~np.isfinite(pose).all(axis=1))[0])
        raise ValueError(f"{name} row {row} holds NaN or infinity: {pose[row].tolist()}; give finite metres")
    length = np.sqrt((pose[:, 3:] ** 2).sum(axis=1))
    if (np.abs(length - 1.0) > UNIT_TOLERANCE).any():
        row = int(np.argmax(np.abs(length - 1.0)))
        raise ValueError(
            f"{name} row {row} has a quaternion of length {length[row]:.4f}, expected 1 +- {UNIT_TOLERANCE}; "
            "normalise it and check the order wxyz"
        )
    pose[:, 3:] /= length[:, None]
    return pose


def check_joints(hand: Hand, name: str, joint_pos: Given, num_rows: int) -> NDArray[np.float64]:
    """Actuated joints (num_rows, J), rad, clamped to the limits.

    Raises:
        ValueError: wrong shape, NaN, or a joint beyond its limit by more than 1e-4 rad; names joint and range.
    """
    joint_pos = np.array(to_host(joint_pos), dtype=np.float64)
    if joint_pos.shape != (num_rows, hand.num_joints):
        raise ValueError(
            f"{name} has shape {joint_pos.shape}, expected ({num_rows}, {hand.num_joints}): actuated joints in "
            f"radians, order of the hand {hand.name}"
        )
    if not np.isfinite(joint_pos).all():
        row = int(np.flatnonzero(~np.isfinite(joint_pos).all(axis=1))[0])
        raise ValueError(f"{name} row {row} holds NaN or infinity; give finite radians")
    limits = hand.limits
    excess = np.maximum(limits.low - joint_pos, joint_pos - limits.high)
    if (excess > LIMIT_TOLERANCE).any():
        row, column = (int(i) for i in np.unravel_index(np.argmax(excess), excess.shape))
        raise ValueError(
            f"{name} row {row}: joint {hand.joints[column]} is {joint_pos[row, column]:.4f} rad, allowed "
            f"[{limits.low[column]:.3f}, {limits.high[column]:.3f}]; clamp it with Hand.clamp"
        )
    return np.clip(joint_pos, limits.low, limits.high)


@dataclass(frozen=True)
class Placement:
    """What a reset asks for, checked, as float64.

    Attributes:
        rows: the worlds (K,).
        object_pose_w: (K, 7).
        wrist_pose_w: (K, 7).
        joint_pos: actuated joints (K, J), rad, within their limits.
    """

    rows: NDArray[np.int64]
    object_pose_w: Array
    wrist_pose_w: Array
    joint_pos: Array


def check_reset(
    hand: Hand,
    num_worlds: int,
    objects: Sequence[GraspObject],
    object_pose_w: Given,
    wrist_pose_w: Given,
    joint_pos: Given,
    worlds: Given | None,
) -> Placement:
    """The arguments of `PhysicsBackend.reset`.

    Raises:
        ValueError: see there.
    """
    rows = np.arange(num_worlds) if worlds is None else check_worlds(worlds, num_worlds)
    if len(objects) != len(rows):
        raise ValueError(f"objects has length {len(objects)}, expected {len(rows)}: one for each world to reset")
    return Placement(
        rows,
        check_poses("object_pose_w", object_pose_w, len(rows)),
        check_poses("wrist_pose_w", wrist_pose_w, len(rows)),
        check_joints(hand, "joint_pos", joint_pos, len(rows)),
    )


def check_active_shape(active: Given, num_worlds: int) -> None:
    """ValueError when there is not one entry (E,) for each world."""
    if tuple(active.shape) != (num_worlds,):
        raise ValueError(f"active has shape {tuple(active.shape)}, expected ({num_worlds},): one entry a world")


def check_active(active: Given | None, is_diverged: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Rows of the worlds that a step moves: those that are active and have not diverged (E,).

    Raises:
        ValueError: another shape.
    """
    if active is not None:
        check_active_shape(active, len(is_diverged))
    return np.flatnonzero(~is_diverged if active is None else to_host(active) & ~is_diverged)
