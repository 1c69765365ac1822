"""A plain approach of the wrist to a grasp: straight, minimum jerk, from where App. A.1 starts a trajectory.

It serves the reachability check of grasp synthesis. Human movement patterns are another source of the same poses.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from envs.wrist.strokes import minimum_jerk

Array = NDArray[np.float64]

START_DISTANCE = (0.15, 0.20)
"""Metres between the first and the final wrist position (GraspGF App. A.1)."""

MAX_TILT = np.deg2rad(20.0)
"""Largest angle between the way back and the line from fingertip centre to wrist (GraspGF App. A.1)."""

MAX_APPROACH_TURN = np.deg2rad(25.0)
"""Largest rotation of the wrist on its way."""


def straight_approach(
    final_pose_w: Array,
    fingertip_centre_w: Array,
    num_steps: int,
    arrival_step: NDArray[np.int64],
    rng: np.random.Generator,
) -> Array:
    """Wrist poses (K, T, 7) that end exactly at the final pose and rest there from the arrival step on.

    Args:
        final_pose_w: wrist poses at the grasp (K, 7).
        fingertip_centre_w: mean of the fingertips at the grasp (K, 3), m.
        num_steps: control steps T.
        arrival_step: step (1..T) at which each wrist arrives (K,).
        rng: draws distance, tilt and turn.
    Raises:
        ValueError: an arrival step outside 1..T.
    """
    if arrival_step.min() < 1 or arrival_step.max() > num_steps:
        raise ValueError(f"arrival_step spans {arrival_step.min()}..{arrival_step.max()}, allowed 1..{num_steps}")
    count = len(final_pose_w)
    back_w = final_pose_w[:, :3] - fingertip_centre_w
    back_w /= np.linalg.norm(back_w, axis=1, keepdims=True)
    tilt_axis = perpendicular(back_w, rng.standard_normal(back_w.shape))
    tilt = Rotation.from_rotvec(tilt_axis * (MAX_TILT * np.sqrt(rng.random(count)))[:, None])
    start_offset = tilt.apply(back_w) * rng.uniform(*START_DISTANCE, size=count)[:, None]
    turn_axis = rng.standard_normal((count, 3))
    turn_axis /= np.linalg.norm(turn_axis, axis=1, keepdims=True)
    turn = turn_axis * (MAX_APPROACH_TURN * rng.random(count))[:, None]
    fraction = np.minimum(np.arange(1, num_steps + 1) / arrival_step[:, None], 1.0)
    remaining = (1.0 - minimum_jerk(fraction))[..., None]
    position = final_pose_w[:, None, :3] + remaining * start_offset[:, None]
    final = Rotation.from_quat(np.repeat(final_pose_w[:, 3:], num_steps, axis=0), scalar_first=True)
    rotation = Rotation.from_rotvec((remaining * turn[:, None]).reshape(-1, 3)) * final
    return np.concatenate([position, rotation.as_quat(scalar_first=True).reshape(count, num_steps, 4)], axis=2)


def perpendicular(axis: Array, direction: Array) -> Array:
    """Unit vectors (..., 3) along the part of ``direction`` at right angles to the unit ``axis``; 0 if none is left."""
    across = direction - (direction * axis).sum(axis=-1, keepdims=True) * axis
    return across / np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-9)
