"""Wrist trajectories that end at a grasp, step by step as GraspGF App. A.1; ranges and departures in docs/wrist.md."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from envs.hand.hand import Hand
from envs.wrist.approach import MAX_TILT, START_DISTANCE, perpendicular
from envs.wrist.clearance import open_hand_height
from envs.wrist.patterns import ARRIVAL_TOLERANCE, NUM_SAMPLES, WristPatterns

Array = NDArray[np.float64]

TURN_TOLERANCE = 0.05
"""Radians from the final orientation within which the wrist has practically arrived."""

MAX_START_TURN = np.deg2rad(45.0)
"""Largest rotation on the way; a larger one that the Euler angles of App. A.1 give is cut to it, about its axis."""

NUM_TRIES = 8
"""Starts that are drawn before a straight way without rotation is taken."""

TABLE_TOLERANCE = 0.002
"""Metres that the open hand may come deeper than its limit: rounding and the give of the contact."""

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


@dataclass(frozen=True)
class _Start:
    """Where K trajectories start, seen from their ends."""

    offset_w: Array  # (K, 3) m, start minus end
    turn_w: Array  # (K, 3) rotation vector that takes the final to the starting orientation, world axes, rad


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
    _check_input(final_pose_w, fingertip_centre_w, num_steps)
    final_pose_w = final_pose_w.astype(np.float64, copy=True)
    final_pose_w[:, 3:] /= np.linalg.norm(final_pose_w[:, 3:], axis=1, keepdims=True)
    progress = _progress(len(final_pose_w), patterns, num_steps, mix, rng)
    back_w = final_pose_w[:, :3] - fingertip_centre_w
    back_w /= np.linalg.norm(back_w, axis=1, keepdims=True)
    distance = rng.uniform(*START_DISTANCE, (NUM_TRIES, len(back_w)))
    starts = _random_starts(final_pose_w, back_w, distance, patterns, rng)
    starts += [_straight_start(back_w, distance[0]), _upward_start(back_w, distance[0])]
    pose_w = _clear_of_table(hand, final_pose_w, progress, starts)
    _check_reachable(pose_w)
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


def _random_starts(
    final_pose_w: Array, back_w: Array, distance: Array, patterns: WristPatterns, rng: np.random.Generator
) -> list[_Start]:
    """NUM_TRIES starts in the shell and cone of App. A.1, each with its own rotation."""
    tries, count = distance.shape
    tilt = rng.uniform(0.0, MAX_TILT, (tries, count, 1))
    sideways_w = perpendicular(back_w, rng.standard_normal((tries, count, 3)))
    offset_w = distance[..., None] * (np.cos(tilt) * back_w + np.sin(tilt) * sideways_w)
    # fit by moments: shape = mean^2 / variance, scale = variance / mean
    size = np.abs(patterns.turn)
    mean, variance = size.mean(axis=0), size.var(axis=0) + 1e-12
    delta = rng.gamma(mean**2 / variance + 1e-12, variance / (mean + 1e-12), (tries, count, 3))
    turns = [_start_turn(final_pose_w[:, 3:], each) for each in delta]
    return [_Start(offset, turn) for offset, turn in zip(offset_w, turns, strict=True)]


def _straight_start(back_w: Array, distance: Array) -> _Start:
    return _Start(distance[:, None] * back_w, np.zeros_like(back_w))


def _upward_start(back_w: Array, distance: Array) -> _Start:
    """Tilted towards the vertical by MAX_TILT, or to it where less is enough."""
    upward_w = perpendicular(back_w, np.tile([0.0, 0.0, 1.0], (len(back_w), 1)))
    tilt = np.minimum(MAX_TILT, np.arccos(np.clip(back_w[:, 2], -1.0, 1.0)))[:, None]
    return _Start(distance[:, None] * (np.cos(tilt) * back_w + np.sin(tilt) * upward_w), np.zeros_like(back_w))


def _start_turn(final_quat: Array, delta: Array) -> Array:
    """Rotation vectors (K, 3) from the final orientation to the one of Euler angles A (1 - delta / (2 pi)).

    A are roll, pitch and yaw about the fixed x, y and z axes; the rotation is cut to MAX_START_TURN.
    """
    angles = _euler(final_quat) * (1.0 - delta / (2.0 * np.pi))
    start = Rotation.from_euler("xyz", angles).as_quat(scalar_first=True)
    turn = _multiply(start, final_quat * [1.0, -1.0, -1.0, -1.0])
    turn *= np.where(turn[:, :1] < 0.0, -1.0, 1.0)
    sine = np.linalg.norm(turn[:, 1:], axis=1, keepdims=True)
    angle = 2.0 * np.arctan2(sine, turn[:, :1])
    return turn[:, 1:] / np.maximum(sine, 1e-12) * np.minimum(angle, MAX_START_TURN)


def _clear_of_table(hand: Hand, final_pose_w: Array, progress: Array, starts: list[_Start]) -> Array:
    """Poses (K, T + 1, 7) from the first start of each row that stays above the table, else from its best one."""
    limit = np.minimum(open_hand_height(hand, final_pose_w), 0.0) - TABLE_TOLERANCE
    chosen = np.empty((*progress.shape[:2], 7))
    best = np.full(len(chosen), -np.inf)
    rows = np.arange(len(chosen))
    for start in starts:
        pose_w = _poses(final_pose_w[rows], progress[rows], _Start(start.offset_w[rows], start.turn_w[rows]))
        margin = np.minimum(open_hand_height(hand, pose_w) - limit[rows, None], pose_w[..., 2]).min(axis=1)
        is_better = margin > best[rows]
        chosen[rows[is_better]] = pose_w[is_better]
        best[rows] = np.maximum(best[rows], margin)
        rows = rows[best[rows] < 0.0]
        if len(rows) == 0:
            break
    return chosen


def _poses(final_pose_w: Array, progress: Array, start: _Start) -> Array:
    """Wrist poses (K, T + 1, 7); where the progress is exactly 1 they equal the final pose exactly."""
    remaining = 1.0 - progress
    turn = remaining.mean(axis=2)[..., None] * start.turn_w[:, None]
    half = 0.5 * np.linalg.norm(turn, axis=2, keepdims=True)
    # sin(half) / (2 half), finite at 0: numpy's sinc(x) is sin(pi x) / (pi x)
    change = np.concatenate([np.cos(half), 0.5 * np.sinc(half / np.pi) * turn], axis=2)
    position = final_pose_w[:, None, :3] + remaining * start.offset_w[:, None]
    return np.concatenate([position, _multiply(change, final_pose_w[:, None, 3:])], axis=2)


# scipy's Rotation gives the next two up to 2e-14, but with other last bits (8 % and 3 % of rows are equal): through
# contact they would make other episodes than those that results were measured on.


def _multiply(first: Array, second: Array) -> Array:
    """Hamilton product (..., 4)."""
    w, x, y, z = np.moveaxis(first, -1, 0)
    a, b, c, d = np.moveaxis(second, -1, 0)
    return np.stack(
        [
            w * a - x * b - y * c - z * d,
            w * b + x * a + y * d - z * c,
            w * c - x * d + y * a + z * b,
            w * d + x * c - y * b + z * a,
        ],
        axis=-1,
    )


def _euler(quat: Array) -> Array:
    """Roll, pitch, yaw about the fixed x, y, z axes (K, 3), rad; at a pitch of +-90 degrees the yaw is 0."""
    w, x, y, z = quat.T
    sin_pitch = np.clip(2.0 * (w * y - x * z), -1.0, 1.0)
    roll = np.arctan2(2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y))
    yaw = np.arctan2(2.0 * (x * y + w * z), 1.0 - 2.0 * (y * y + z * z))
    is_locked = np.abs(sin_pitch) > 1.0 - 1e-9
    # roll and yaw turn about the same axis then; with yaw 0, q = (cos(roll / 2), sin(roll / 2), ...) / sqrt(2)
    roll = np.where(is_locked, 2.0 * np.arctan2(np.where(w < 0.0, -x, x), np.abs(w)), roll)
    return np.stack([roll, np.arcsin(sin_pitch), np.where(is_locked, 0.0, yaw)], axis=1)


def _check_input(final_pose_w: Array, fingertip_centre_w: Array, num_steps: int) -> None:
    if final_pose_w.ndim != 2 or final_pose_w.shape[1] != 7 or len(final_pose_w) == 0:
        raise ValueError(f"final_pose_w has shape {final_pose_w.shape}, expected (K, 7) with K > 0")
    if fingertip_centre_w.shape != (len(final_pose_w), 3):
        raise ValueError(f"fingertip_centre_w has shape {fingertip_centre_w.shape}, expected ({len(final_pose_w)}, 3)")
    if num_steps < 1:
        raise ValueError(f"num_steps is {num_steps}; a trajectory needs at least 1 control step")
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


def _check_reachable(pose_w: Array) -> None:
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
