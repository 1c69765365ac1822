"""What came in when: wrist or object poses with their times, free of what cannot be."""

import math
from bisect import bisect_right, insort
from dataclasses import dataclass

import numpy as np

from live.poses import Array, angle_between, between, numbers_of

KEPT_S = 1.5
"""Seconds for which poses are kept: the policy looks 0.8 s back."""

AGAIN = 3
"""Samples in a row that agree with one another and not with those before: the thing is where they say."""

MAX_POSES = 1024
"""Poses kept at most, whatever the rate."""


@dataclass(frozen=True)
class PoseLimits:
    """What a pose may do between two samples.

    Attributes:
        speed: m/s.
        turn: rad/s.
        slack_m, slack_rad: errors of the tracker, which add to both.
        reach: largest coordinate, m.
    """

    speed: float = 4.0
    turn: float = 25.0
    slack_m: float = 0.05
    slack_rad: float = 0.3
    reach: float = 10.0


_Pose = tuple[float, ...]
"""A pose in plain numbers: of seven of them each operation takes less time than in numpy."""

_Sample = tuple[float, _Pose]
"""A time, s, and the pose then."""


def unit_pose(values: object) -> Array | None:
    """A pose (7,) with a quaternion of unit length; None where this is none: another size, NaN, no orientation."""
    pose = numbers_of(values)
    if pose.shape != (7,):
        return None
    numbers = pose.tolist()
    if not all(abs(each) <= 1e6 for each in numbers):  # NaN is not, either
        return None
    length = math.hypot(*numbers[3:])
    if not 0.9 < length < 1.1:
        return None
    pose[3:] /= length
    return pose


class PoseTrack:
    """Poses by time. Samples may come late and out of order; jumps are refused until they repeat.

    Args:
        limits: what counts as a jump.

    Attributes:
        num_refused: samples refused so far.
        why_refused: the last one's reason.
        num_moved: times that the thing was found elsewhere; what was known before is forgotten then.
    """

    def __init__(self, limits: PoseLimits | None = None) -> None:
        self._limits = limits or PoseLimits()
        self._samples: list[_Sample] = []
        self._strange: list[_Sample] = []
        self.num_refused, self.why_refused = 0, ""
        self.num_moved = 0

    @property
    def last_s(self) -> float | None:
        """Time of the newest pose; None before the first."""
        return self._samples[-1][0] if self._samples else None

    def clear(self) -> None:
        """Forget everything."""
        self._samples.clear()
        self._strange.clear()

    def add(self, time_s: float, values: object) -> bool:
        """A sample; whether it was taken."""
        unit = unit_pose(values)
        pose = () if unit is None else tuple(unit.tolist())
        if unit is None:
            return self._refuse("not 7 finite numbers, position and unit quaternion wxyz")
        if max(map(abs, pose[:3])) > self._limits.reach:
            return self._refuse(f"farther than {self._limits.reach:g} m from the origin")
        if self._samples and not self._follows(time_s, pose):
            self._refuse(f"a jump of {math.dist(pose[:3], self._samples[-1][1][:3]):.2f} m, or a turn")
            return self._elsewhere(time_s, pose)
        self._strange.clear()
        self._put(time_s, pose)
        return True

    def at(self, time_s: float) -> Array:
        """The pose (7,) at a time: between two samples, or the oldest or newest one beyond them.

        Raises:
            ValueError: there is none yet.
        """
        if not self._samples:
            raise ValueError("no pose has been seen yet; ask for last_s first")
        after = bisect_right(self._samples, (time_s, (np.inf,)))
        if after == 0 or after == len(self._samples):
            return np.array(self._samples[min(after, len(self._samples) - 1)][1])
        (start, before), (end, later) = self._samples[after - 1], self._samples[after]
        if end - start < 1e-9:
            return np.array(later)
        return between(before, later, (time_s - start) / (end - start))

    def _refuse(self, why: str) -> bool:
        self.num_refused += 1
        self.why_refused = why
        return False

    def _put(self, time_s: float, pose: _Pose) -> None:
        insort(self._samples, (time_s, pose))
        oldest = self._samples[-1][0] - KEPT_S
        while len(self._samples) > 1 and (self._samples[1][0] <= oldest or len(self._samples) > MAX_POSES):
            del self._samples[0]

    def _follows(self, time_s: float, pose: _Pose) -> bool:
        near = min(self._samples[-8:], key=lambda sample: abs(sample[0] - time_s))
        return self._agrees(abs(time_s - near[0]), near[1], pose)

    def _agrees(self, elapsed: float, before: _Pose, pose: _Pose) -> bool:
        limits = self._limits
        way, turn = math.dist(pose[:3], before[:3]), angle_between(before[3:], pose[3:])
        return way <= limits.slack_m + limits.speed * elapsed and turn <= limits.slack_rad + limits.turn * elapsed

    def _elsewhere(self, time_s: float, pose: _Pose) -> bool:
        """Whether enough strange samples in a row agree; then the track begins anew with this one."""
        if self._strange and not self._agrees(abs(time_s - self._strange[-1][0]), self._strange[-1][1], pose):
            self._strange.clear()
        self._strange.append((time_s, pose))
        if len(self._strange) < AGAIN:
            return False
        self.clear()
        self._put(time_s, pose)
        self.num_moved += 1
        return True
