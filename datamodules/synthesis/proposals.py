"""Wrist poses that bring the gap of a hand shape onto an antipodal pair; only cheap geometric rejections."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from datamodules.synthesis.antipodal import AntipodalPairs
from datamodules.synthesis.hand_bank import GraspBank

Array = NDArray[np.float64]

MIN_PAIR_HEIGHT = 0.009
"""Both contact points lie at least this high above the table, m: a fingertip's radius and a little."""

MIN_LINK_HEIGHT = 0.010
"""No joint centre or fingertip of the starting hand is lower than this above the table, m."""

MAX_UPWARD = 0.3
"""Largest upward component of the finger direction and of the palm normal: no hand reaches up through the table."""


@dataclass(frozen=True)
class Proposals:
    """K candidate grasps: wrist poses in the world (K, 7), entries of the bank (K,), widths of the pairs (K,), m."""

    wrist_pose_w: Array
    entry: NDArray[np.int64]
    width: Array

    def __len__(self) -> int:
        return len(self.entry)


def propose(
    pairs: AntipodalPairs,
    bank: GraspBank,
    object_pose_w: Array,
    count: int,
    rng: np.random.Generator,
    *,
    clearance: tuple[float, float] = (-0.004, 0.008),
) -> Proposals:
    """Draw pairs whose width has entries, align gap and pair with a random roll, keep what stands above the table.

    Args:
        pairs: antipodal pairs of the object.
        bank: hand shapes of one type.
        object_pose_w: the object's rest pose (7,).
        count: candidates drawn; fewer come back.
        rng: generator.
        clearance: aperture minus width, m.
    """
    turn = Rotation.from_quat(object_pose_w[3:], scalar_first=True)
    first_w = turn.apply(pairs.first_o) + object_pose_w[:3]
    second_w = turn.apply(pairs.second_o) + object_pose_w[:3]
    is_high = (first_w[:, 2] > MIN_PAIR_HEIGHT) & (second_w[:, 2] > MIN_PAIR_HEIGHT)
    order = np.argsort(bank.aperture)
    aperture = bank.aperture[order]
    low = np.searchsorted(aperture, pairs.width + clearance[0])
    high = np.searchsorted(aperture, pairs.width + clearance[1])
    usable = np.flatnonzero(is_high & (high > low))
    if len(usable) == 0:
        return Proposals(np.zeros((0, 7)), np.zeros(0, dtype=np.int64), np.zeros(0))
    chosen = usable[rng.integers(len(usable), size=count)]
    entry = order[low[chosen] + (rng.random(count) * (high - low)[chosen]).astype(np.int64)]
    swap = rng.random(count) < 0.5
    axis_w = np.where(swap[:, None], first_w[chosen] - second_w[chosen], second_w[chosen] - first_w[chosen])
    axis_w /= np.linalg.norm(axis_w, axis=1, keepdims=True)
    centre_w = 0.5 * (first_w[chosen] + second_w[chosen])
    rotation = _aligning_rotation(bank.axis_h[entry], axis_w, rng.random(count) * 2.0 * np.pi)
    position = centre_w - rotation.apply(bank.centre_h[entry])
    keep = _stands_above_table(bank.skeleton_h[entry], position, rotation)
    wrist_pose_w = np.concatenate([position, rotation.as_quat(scalar_first=True)], axis=1)
    return Proposals(wrist_pose_w[keep], entry[keep], pairs.width[chosen][keep])


def _aligning_rotation(axis_h: Array, axis_w: Array, roll: Array) -> Rotation:
    """Rotations hand to world (K) with R axis_h = axis_w, turned by ``roll`` about it."""
    return Rotation.from_matrix(_frame(axis_w, roll) @ _frame(axis_h, np.zeros(len(roll))).transpose(0, 2, 1))


def _frame(axis: Array, roll: Array) -> Array:
    """Orthonormal frames (K, 3, 3) whose first column is the axis, the others turned by roll."""
    helper = np.where(np.abs(axis[:, 2:]) < 0.9, np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0]))
    second = np.cross(helper, axis)
    second /= np.linalg.norm(second, axis=1, keepdims=True)
    third = np.cross(axis, second)
    cosine, sine = np.cos(roll)[:, None], np.sin(roll)[:, None]
    return np.stack([axis, cosine * second + sine * third, cosine * third - sine * second], axis=2)


def _stands_above_table(skeleton_h: Array, position_w: Array, rotation: Rotation) -> NDArray[np.bool_]:
    """Hands (K,) with points (K, P, 3) that point down or sideways and keep every link above the table."""
    matrix = rotation.as_matrix()
    height = np.einsum("kpi,ki->kp", skeleton_h, matrix[:, 2]) + position_w[:, 2:]
    finger_up, palm_up = matrix[:, 2, 2], -matrix[:, 2, 1]
    return (height.min(axis=1) > MIN_LINK_HEIGHT) & (finger_up < MAX_UPWARD) & (palm_up < MAX_UPWARD)
