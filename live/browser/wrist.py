"""Where the wrist goes: after what the visitor asks for, no faster than an arm, above the table; or along a path."""

import numpy as np
from scipy.spatial.transform import Rotation

from envs.hand.hand import Hand
from envs.wrist.clearance import open_hand_height
from live.poses import Array
from live.tracks import unit_pose

LOW: Array = np.array([-0.45, -0.45, -0.05])
HIGH: Array = np.array([0.45, 0.45, 0.75])
"""Metres between which the wrist may be."""

MAX_SPEED = 1.0
"""Metres a second that the wrist follows with; people reach at up to 1.04 (docs/wrist.md)."""

MAX_TURN = 4.0
"""Radians a second that it turns with."""

_DEPTH = 0.002
"""Metres that the open hand may be in the table, as on the ways of `envs.wrist`."""


def within_reach(hand: Hand, pose_w: Array) -> Array:
    """Poses (..., 7) of the hand base, brought between `LOW` and `HIGH` and, open, out of the table."""
    allowed = pose_w.copy()
    allowed[..., :3] = np.clip(pose_w[..., :3], LOW, HIGH)
    allowed[..., 2] += np.maximum(0.0, -_DEPTH - open_hand_height(hand, allowed))
    return allowed


class WristMover:
    """The pose of the wrist, step by step.

    Args:
        hand: the hand that must not go through the table.
        pose_w: where it is at first (7,).
        period_s: seconds between two steps.

    Attributes:
        pose_w: where it is (7,).
        wanted_w: where the visitor wants it (7,), as far as that is allowed.
        num_refused: wishes that were no poses.
    """

    def __init__(self, hand: Hand, pose_w: Array, period_s: float) -> None:
        self._hand, self._period_s = hand, period_s
        self._path: Array = np.zeros((0, 7))
        self.num_refused = 0
        self.jump(pose_w)

    @property
    def is_playing(self) -> bool:
        """Whether it moves along a path."""
        return len(self._path) > 0

    def jump(self, pose_w: Array) -> None:
        """Be at once at a pose (7,)."""
        self.pose_w, self.wanted_w = pose_w.copy(), pose_w.copy()
        self._path = np.zeros((0, 7))

    def ask(self, values: object) -> bool:
        """Where the visitor wants it, a pose (7,); whether it is one. Ends a path."""
        pose = unit_pose(values)
        if pose is None:
            self.num_refused += 1
            return False
        self.wanted_w = within_reach(self._hand, pose)
        self._path = np.zeros((0, 7))
        return True

    def nudge(self, way_w: Array, turn_h: Array) -> None:
        """Ask for a place so much farther (3,), m, turned about the axes of the hand by (3,), rad."""
        turned = Rotation.from_quat(self.wanted_w[3:], scalar_first=True) * Rotation.from_rotvec(turn_h)
        self.ask(np.concatenate([self.wanted_w[:3] + way_w, turned.as_quat(scalar_first=True)]))

    def play(self, path_w: Array) -> None:
        """Move along poses (T, 7), one a step, from the first one on, where it is brought to at once.

        Raises:
            ValueError: another shape, no poses, or numbers that are not finite.
        """
        if path_w.ndim != 2 or path_w.shape[1] != 7 or not len(path_w) or not np.isfinite(path_w).all():
            raise ValueError(f"a path has shape {path_w.shape}, expected (T, 7) finite numbers")
        self._path = path_w.copy()

    def step(self) -> Array:
        """The pose (7,) at the end of the next step."""
        if self.is_playing:
            self.pose_w, self._path = self._path[0], self._path[1:]
            self.wanted_w = self.pose_w.copy()
            return self.pose_w
        way = self.wanted_w[:3] - self.pose_w[:3]
        now = Rotation.from_quat(self.pose_w[3:], scalar_first=True)
        turn = (Rotation.from_quat(self.wanted_w[3:], scalar_first=True) * now.inv()).as_rotvec()
        # half of what is left, so that the jumps of a mouse become a movement
        way, turn = 0.5 * way, 0.5 * turn
        way *= min(1.0, MAX_SPEED * self._period_s / max(float(np.linalg.norm(way)), 1e-12))
        turn *= min(1.0, MAX_TURN * self._period_s / max(float(np.linalg.norm(turn)), 1e-12))
        turned = (Rotation.from_rotvec(turn) * now).as_quat(scalar_first=True)
        self.pose_w = np.concatenate([self.pose_w[:3] + way, turned])
        return self.pose_w
