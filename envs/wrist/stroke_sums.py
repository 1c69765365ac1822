"""Movements that are sums of strokes, each a share of the way, with one pause in between; many at once."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class StrokeSums:
    """K movements of N strokes that add up: offset(t) = end + sum of what each stroke has still ahead.

    An offset is that of a position, m, and a rotation vector, rad. Strokes may overlap, as those of people do who
    change their target in motion (Henis and Flash 1995).

    Attributes:
        end: offset at which a movement comes to rest (K, 6).
        ahead: offset that a stroke takes away (K, N, 6).
        start_s: its start (K, N), seconds, not counting the pause.
        duration_s: its duration (K, N), seconds.
        profile: progress of a stroke at G equally spaced times, from 0 to 1 (K, G).
        bend: of each axis (K, 6): a stroke's progress p becomes p + bend p (1 - p) there, which curves the path.
        pause_at_s: time, not counting the pause, at which a wrist has braked (K,), seconds.
        pause_s: how long it then keeps to its pace (K,), seconds.
        pace: what of its speed is left meanwhile (K,): 0 is a stop, 1 no pause at all.
        brake_s: duration of braking, and of taking up the speed again (K,), seconds.
        margin: what the hand keeps above its lowest height (K,), m; negative where it cannot be kept.
    """

    end: Array
    ahead: Array
    start_s: Array
    duration_s: Array
    profile: Array
    bend: Array
    pause_at_s: Array
    pause_s: Array
    pace: Array
    brake_s: Array
    margin: Array

    @property
    def moving_s(self) -> Array:
        """Seconds until rest without the pause (K,)."""
        return (self.start_s + self.duration_s).max(axis=1)

    @property
    def delay_s(self) -> Array:
        """Seconds by which the pause delays the end (K,)."""
        return (1.0 - self.pace) * (self.pause_s + self.brake_s)

    def faster(self, factor: Array) -> "StrokeSums":
        """The same paths in a ``factor`` (K,) of their time; pauses last as long as before."""
        scale = factor[:, None]
        times = {"start_s": self.start_s * scale, "duration_s": self.duration_s * scale}
        return replace(self, **times, pause_at_s=self.pause_at_s * factor)

    def offsets(self, row: NDArray[np.int64], time_s: Array) -> Array:
        """Offsets (M, 6) of the movements ``row`` (M,) at times (M,), seconds."""
        return self.offsets_without_pause(row, self._moving_time(row, time_s))

    def offsets_without_pause(self, row: NDArray[np.int64], time_s: Array) -> Array:
        """Offsets (M, 6) of the movements ``row`` (M,) at times (M,), seconds, of which the pause is no part."""
        offset = self.end[row]
        for number in range(self.ahead.shape[1]):
            is_stroke = (self.ahead[:, number] != 0.0).any(axis=1)
            moves = np.flatnonzero(is_stroke[row])
            some = row[moves]
            fraction = (time_s[moves] - self.start_s[some, number]) / self.duration_s[some, number]
            progress = self._progress(some, fraction)[:, None]
            offset[moves] += (1.0 - progress) * (1.0 - self.bend[some] * progress) * self.ahead[some, number]
        return offset

    def _progress(self, row: NDArray[np.int64], fraction: Array) -> Array:
        """Profiles of the movements at fractions (M,) of a stroke's time, exact at 0 and 1."""
        place = np.clip(fraction, 0.0, 1.0) * (self.profile.shape[1] - 1)
        low = np.minimum(place.astype(np.int64), self.profile.shape[1] - 2)
        weight = place - low
        return (1.0 - weight) * self.profile[row, low] + weight * self.profile[row, low + 1]

    def _moving_time(self, row: NDArray[np.int64], time_s: Array) -> Array:
        """Time that a wrist without a pause would need to come as far (M,); its rate falls to ``pace`` and back."""
        pace, brake = self.pace[row], self.brake_s[row]
        since = time_s - np.maximum(self.pause_at_s[row] - 0.5 * (1.0 + pace) * brake, 0.0)
        slowed = _ramped(since, brake) - _ramped(since - brake - self.pause_s[row], brake)
        return time_s - (1.0 - pace) * slowed


def peak_rates(profile: Array, bend: Array) -> Array:
    """Largest speed of a stroke (K,), in its length over its duration, at most, for its profile and bend."""
    rate = np.diff(profile, axis=1) * (profile.shape[1] - 1)
    return (rate * (1.0 + np.abs(bend).max(axis=1, keepdims=True) * np.abs(1.0 - 2.0 * profile[:, 1:]))).max(axis=1)


def _ramped(since: Array, ramp: Array) -> Array:
    """Integral of a rate that rises smoothly from 0 at time 0 to 1 at ``ramp``, and stays there."""
    fraction = np.clip(since / np.maximum(ramp, 1e-9), 0.0, 1.0)
    return ramp * fraction**3 * (1.0 - 0.5 * fraction) + np.maximum(since - ramp, 0.0)
