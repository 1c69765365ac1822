"""Where wrists start on their way to a grasp (GraspGF App. A.1), and ways on which no hand goes through the table."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from envs.hand.hand import Hand
from envs.wrist.approach import MAX_TILT, perpendicular
from envs.wrist.clearance import open_hand_height
from envs.wrist.patterns import WristPatterns

Array = NDArray[np.float64]
Range = tuple[float, float]

MAX_START_TURN = np.deg2rad(45.0)
"""Largest rotation on the way; a larger one that the Euler angles of App. A.1 give is cut to it, about its axis."""

NUM_TRIES = 8
"""Starts that are drawn before a straight way without rotation is taken."""

TABLE_TOLERANCE = 0.002
"""Metres that the open hand may come deeper than its limit: rounding and the give of the contact."""


@dataclass(frozen=True)
class Start:
    """Where K trajectories start, seen from their ends."""

    offset_w: Array  # (K, 3) m, start minus end
    turn_w: Array  # (K, 3) rotation vector that takes the final to the starting orientation, world axes, rad


@dataclass(frozen=True)
class ClearWay:
    """Ways of K wrists that keep above the table, as far as any of their starts lets them."""

    pose_w: Array  # (K, T, 7)
    choice: NDArray[np.int64]  # (K,) index of the start
    margin: Array  # (K,) m, what the lowest point keeps from its limit; negative: none of the starts is clear


def draw_starts(
    final_pose_w: Array, back_w: Array, distance_range: Range, patterns: WristPatterns, rng: np.random.Generator
) -> list[Start]:
    """Starts in the order in which they are to be tried: NUM_TRIES random ones, then two without rotation.

    Args:
        final_pose_w: wrist poses at the grasps (K, 7).
        back_w: unit vectors from the fingertip centres to the wrists (K, 3).
        distance_range: smallest and largest distance between start and grasp, m.
        patterns: give the distribution of the rotations.
        rng: draws everything.
    """
    distance = rng.uniform(*distance_range, (NUM_TRIES, len(back_w)))
    starts = _random_starts(final_pose_w, back_w, distance, patterns, rng)
    return [*starts, _straight_start(back_w, distance[0]), _upward_start(back_w, distance[0])]


def _random_starts(
    final_pose_w: Array, back_w: Array, distance: Array, patterns: WristPatterns, rng: np.random.Generator
) -> list[Start]:
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
    return [Start(offset, turn) for offset, turn in zip(offset_w, turns, strict=True)]


def _straight_start(back_w: Array, distance: Array) -> Start:
    return Start(distance[:, None] * back_w, np.zeros_like(back_w))


def _upward_start(back_w: Array, distance: Array) -> Start:
    """Tilted towards the vertical by MAX_TILT, or to it where less is enough."""
    upward_w = perpendicular(back_w, np.tile([0.0, 0.0, 1.0], (len(back_w), 1)))
    tilt = np.minimum(MAX_TILT, np.arccos(np.clip(back_w[:, 2], -1.0, 1.0)))[:, None]
    return Start(distance[:, None] * (np.cos(tilt) * back_w + np.sin(tilt) * upward_w), np.zeros_like(back_w))


def _start_turn(final_quat: Array, delta: Array) -> Array:
    """Rotation vectors (K, 3) from the final orientation to the one of Euler angles A (1 - delta / (2 pi)).

    A are roll, pitch and yaw about the fixed x, y and z axes; the rotation is cut to MAX_START_TURN.
    """
    angles = _euler(final_quat) * (1.0 - delta / (2.0 * np.pi))
    start = Rotation.from_euler("xyz", angles).as_quat(scalar_first=True)
    return rotation_between(start, final_quat, MAX_START_TURN)


def clear_of_table(
    hand: Hand, final_pose_w: Array, starts: list[Start], way: Callable[[NDArray[np.int64], Start], Array]
) -> ClearWay:
    """For each row the first start from which the open hand stays above the table, else the best one.

    Args:
        hand: the hand.
        final_pose_w: wrist poses at the grasps (K, 7).
        starts: starts of all rows, in the order in which they are tried.
        way: wrist poses (R, T, 7) on the way from a start, for the rows (R,) and their starts.
    """
    limit = lowest_height(hand, final_pose_w)
    rows = np.arange(len(final_pose_w))
    best = np.full(len(rows), -np.inf)
    choice = np.zeros(len(rows), dtype=np.int64)
    for number, start in enumerate(starts):
        pose_w = way(rows, Start(start.offset_w[rows], start.turn_w[rows]))
        if number == 0:
            chosen = np.empty_like(pose_w)
        margin = np.minimum(open_hand_height(hand, pose_w) - limit[rows, None], pose_w[..., 2]).min(axis=1)
        is_better = margin > best[rows]
        chosen[rows[is_better]] = pose_w[is_better]
        choice[rows[is_better]] = number
        best[rows] = np.maximum(best[rows], margin)
        rows = rows[best[rows] < 0.0]
        if len(rows) == 0:
            break
    return ClearWay(chosen, choice, best)


def lowest_height(hand: Hand, final_pose_w: Array) -> Array:
    """Least height above the table (K,), m, that open hands may have on their way to the poses (K, 7).

    The table's, or that of the open hand at the pose itself where only the closed one fits there, less TABLE_TOLERANCE.
    """
    return np.minimum(open_hand_height(hand, final_pose_w), 0.0) - TABLE_TOLERANCE


def displaced(final_pose_w: Array, offset_w: Array, turn_w: Array) -> Array:
    """Poses (K, T, 7) at an offset (K, T, 3), m, and a rotation vector (K, T, 3) from the final ones (K, 7).

    Where both are exactly 0 they equal the final pose exactly.
    """
    half = 0.5 * np.linalg.norm(turn_w, axis=2, keepdims=True)
    # sin(half) / (2 half), finite at 0: numpy's sinc(x) is sin(pi x) / (pi x)
    change = np.concatenate([np.cos(half), 0.5 * np.sinc(half / np.pi) * turn_w], axis=2)
    position = final_pose_w[:, None, :3] + offset_w
    return np.concatenate([position, _multiply(change, final_pose_w[:, None, 3:])], axis=2)


def rotation_between(first: Array, second: Array, largest: float = np.inf) -> Array:
    """Rotation vectors (K, 3) about world axes that take the second orientations to the first, quaternions (K, 4).

    A larger rotation than ``largest`` (rad) is cut to it, about its axis.
    """
    turn = _multiply(first, second * [1.0, -1.0, -1.0, -1.0])
    turn *= np.where(turn[:, :1] < 0.0, -1.0, 1.0)
    sine = np.linalg.norm(turn[:, 1:], axis=1, keepdims=True)
    angle = 2.0 * np.arctan2(sine, turn[:, :1])
    return turn[:, 1:] / np.maximum(sine, 1e-12) * np.minimum(angle, largest)


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
