"""Which joints press on something: they stay behind their commands, and stand still there."""

from collections import deque

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
        self._seen: deque[tuple[Array, Array]] = deque(maxlen=looks + 1)

    def look(self, command: Array, joint_pos: Array) -> int:
        """How many joints press, from commands and joints (J,), rad, one control period after those before."""
        self._seen.append((command.copy(), joint_pos.copy()))
        if len(self._seen) < (self._seen.maxlen or 0):
            return 0
        commands, joints = (np.stack(part) for part in zip(*self._seen, strict=True))
        lags = ((commands - joints) * self._closing > self._behind).all(axis=0)
        rests = np.ptp(joints, axis=0) < self._moved
        return int((lags & rests).sum())
