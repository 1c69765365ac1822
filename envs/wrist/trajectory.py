"""Wrist trajectories that end at a grasp, step by step as GraspGF App. A.1; ranges and departures in docs/wrist.md."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from envs.hand.hand import Hand
from envs.wrist.approach import START_DISTANCE
from envs.wrist.patterns import ARRIVAL_TOLERANCE, NUM_SAMPLES, WristPatterns
from envs.wrist.starts import Start, clear_of_table, displaced, draw_starts

Array = NDArray[np.float64]

TURN_TOLERANCE = 0.05
"""Radians from the final orientation within which the wrist has practically arrived."""

REACHABLE_RADIUS = 1.2
"""Metres from the table's centre in x and y: shift of the object 0.5, hand beside it 0.5, way back 0.2."""

REACHABLE_HEIGHT = 1.0
"""Metres above the table."""


@dataclass(frozen=True)
class WristTrajectories:
    """K trajectories over T control steps.

    Attributes:
        pose_w: wrist poses, the start first, (K, T + 1, 7); the last one is the grasp's wrist pose.
        arrival_step: first control step from which the wrist stays within 5 mm and 0.05 rad of the last pose (K,).
    """

    pose_w: Array
    arrival_step: NDArray[np.int64]


def sample_trajectories(
    hand: Hand,
    final_pose_w: Array,
    fingertip_centre_w: Array,
    patterns: WristPatterns,
    *,
    num_steps: int,
    mix: bool,
    rng: np.random.Generator,
) -> WristTrajectories:
    """Trajectories that end exactly at the final poses (App. A.1).

    Start: 0.15-0.20 m from the final position, along (wrist - fingertip centre) tilted by 0-20 degrees; per Euler angle
    A (1 - delta / (2 pi)) of the final angle A, delta from a gamma distribution fitted to the patterns' rotation
    changes. Way: p(t) = start + pattern(t) (end - start) per axis, rotation by the mean of the three axes.

    No hand goes through the table: where the open hand would be lower than the table, and lower than it is at the final
    pose, the start is drawn anew up to NUM_TRIES times; then straight back without rotation, then tilted upwards, then
    the best of all is taken.

    Args:
        hand: the hand that must not go through the table.
        final_pose_w: wrist poses at the grasps (K, 7).
        fingertip_centre_w: mean of the fingertips at the grasps (K, 3), m.
        patterns: the movement patterns to draw from.
        num_steps: control steps T.
        mix: c p1 + (1 - c) p2 with c uniform in [0, 1] (training); otherwise one pattern each (evaluation).
        rng: draws everything.
    Raises:
        ValueError: wrong shapes, values that are not finite, a fingertip centre at the wrist, or a trajectory that
            leaves the reachable space.
    """
    if num_steps < 1:
        raise ValueError(f"num_steps is {num_steps}; a trajectory needs at least 1 control step")
    check_grasps(final_pose_w, fingertip_centre_w)
    final_pose_w = final_pose_w.astype(np.float64, copy=True)
    final_pose_w[:, 3:] /= np.linalg.norm(final_pose_w[:, 3:], axis=1, keepdims=True)
    progress = _progress(len(final_pose_w), patterns, num_steps, mix, rng)
    back_w = final_pose_w[:, :3] - fingertip_centre_w
    back_w /= np.linalg.norm(back_w, axis=1, keepdims=True)
    starts = draw_starts(final_pose_w, back_w, START_DISTANCE, patterns, rng)

    def way(rows: NDArray[np.int64], start: Start) -> Array:
        remaining = 1.0 - progress[rows]
        turn_w = remaining.mean(axis=2)[..., None] * start.turn_w[:, None]
        return displaced(final_pose_w[rows], remaining * start.offset_w[:, None], turn_w)

    pose_w = clear_of_table(hand, final_pose_w, starts, way).pose_w
    check_reachable(pose_w)
    return WristTrajectories(pose_w, arrival_steps(pose_w))


def arrival_steps(pose_w: Array) -> NDArray[np.int64]:
    """First step (K,) from which wrists (K, T + 1, 7) stay within ARRIVAL_TOLERANCE and TURN_TOLERANCE of the end."""
    distance = np.linalg.norm(pose_w[..., :3] - pose_w[:, -1:, :3], axis=2)
    cosine = np.abs((pose_w[..., 3:] * pose_w[:, -1:, 3:]).sum(axis=2))
    is_away = (distance > ARRIVAL_TOLERANCE) | (cosine < np.cos(0.5 * TURN_TOLERANCE))
    # the last step away, counted from the end; 0 where the wrist never was away
    return np.where(is_away.any(axis=1), is_away.shape[1] - is_away[:, ::-1].argmax(axis=1), 0)


def _progress(count: int, patterns: WristPatterns, num_steps: int, mix: bool, rng: np.random.Generator) -> Array:
    """Share of the way covered (K, T + 1, 3), from exactly 0 to exactly 1."""
    index = np.linspace(0.0, NUM_SAMPLES - 1.0, num_steps + 1)
    low = np.minimum(index.astype(np.int64), NUM_SAMPLES - 2)
    weight = (index - low)[:, None]
    at_steps = (1.0 - weight) * patterns.position[:, low] + weight * patterns.position[:, low + 1]
    first = at_steps[rng.integers(len(patterns), size=count)]
    if not mix:
        return first
    second = at_steps[rng.integers(len(patterns), size=count)]
    # p2 + c (p1 - p2) is exactly 1 where both patterns are
    return second + rng.random((count, 1, 1)) * (first - second)


def check_grasps(final_pose_w: Array, fingertip_centre_w: Array) -> None:
    """Refuse grasps (K, 7) and fingertip centres (K, 3) that no wrist can be moved to.

    Raises:
        ValueError: wrong shapes, values that are not finite, a wrist under the table or at its fingertip centre.
    """
    if final_pose_w.ndim != 2 or final_pose_w.shape[1] != 7 or len(final_pose_w) == 0:
        raise ValueError(f"final_pose_w has shape {final_pose_w.shape}, expected (K, 7) with K > 0")
    if fingertip_centre_w.shape != (len(final_pose_w), 3):
        raise ValueError(f"fingertip_centre_w has shape {fingertip_centre_w.shape}, expected ({len(final_pose_w)}, 3)")
    is_finite = np.isfinite(final_pose_w).all(axis=1) & np.isfinite(fingertip_centre_w).all(axis=1)
    _check_rows(is_finite, lambda row: f"wrist pose or fingertip centre of row {row} is not finite")
    length, height = np.linalg.norm(final_pose_w[:, 3:], axis=1), final_pose_w[:, 2]
    _check_rows(
        np.abs(length - 1.0) < 1e-3,
        lambda row: f"final_pose_w row {row} has a quaternion of length {length[row]:.4g}, expected 1 (wxyz)",
    )
    _check_rows(
        np.linalg.norm(final_pose_w[:, :3] - fingertip_centre_w, axis=1) > 1e-6,
        lambda row: f"row {row}: the fingertip centre lies at the wrist, so no way back is defined",
    )
    _check_rows(height > 0.0, lambda row: f"final wrist pose {row} lies {-height[row]:.3f} m under the table (z = 0)")


def check_reachable(pose_w: Array) -> None:
    """Refuse wrist poses (K, T, 7) outside the space in which a table and a person can be.

    Raises:
        ValueError: names the first trajectory that leaves it.
    """
    sideways = np.abs(pose_w[..., :2]).max(axis=(1, 2))
    low, high = pose_w[..., 2].min(axis=1), pose_w[..., 2].max(axis=1)
    _check_rows(
        (sideways <= REACHABLE_RADIUS) & (low > 0.0) & (high <= REACHABLE_HEIGHT),
        lambda row: (
            f"trajectory {row} leaves the reachable space: x, y up to {sideways[row]:.3f} m (allowed "
            f"{REACHABLE_RADIUS}), height {low[row]:.3f}..{high[row]:.3f} m (allowed above 0 to {REACHABLE_HEIGHT}); "
            "move the grasp towards the table's centre or check its units (metres)"
        ),
    )


def _check_rows(is_fine: ArrayLike, describe: Callable[[int], str]) -> None:
    """ValueError that describes the first row that is not."""
    if not np.all(is_fine):
        raise ValueError(describe(int(np.argmin(is_fine))))
