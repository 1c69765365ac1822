"""Which joints press on something: they stay behind their commands, and stand still there."""

import numpy as np

from live.poses import Array


class PressWatch:
    """Tells joints that something stops from those that are only on their way: motors lag, and commands come late.

    Args:
        closing: sign with which each joint closes, 0 for joints that do not (J,).
        behind: rad by which a joint stays behind its command.
        moved: rad that it moves meanwhile at most.
        looks: control periods for which it has to be so.
    """

    def __init__(self, closing: Array, behind: float, moved: float, looks: int) -> None:
        self._closing, self._behind, self._moved = closing, behind, moved
        self._joints = np.full((looks + 1, len(closing)), np.inf)  # of these looks, in a ring
        self._lagged = np.zeros(len(closing), np.int64)  # looks in a row
        self._count = 0

    def look(self, command: Array, joint_pos: Array) -> int:
        """How many joints press, from commands and joints (J,), rad, one control period after those before."""
        joints = self._joints
        joints[self._count % len(joints)] = joint_pos
        self._count += 1
        self._lagged = np.where((command - joint_pos) * self._closing > self._behind, self._lagged + 1, 0)
        if self._count < len(joints) or not (stays := self._lagged >= len(joints)).any():
            return 0
        return int((stays & (joints.max(axis=0) - joints.min(axis=0) < self._moved)).sum())
