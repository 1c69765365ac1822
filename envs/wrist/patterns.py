"""Human-like patterns of wrist movement: how much of its way each axis has covered, and how far the wrist turns.

The paper takes them from recordings (GraspGF App. A.2) that cannot be passed on. Here they are generated from
published models of reaching, with the ranges of docs/wrist.md; `envs/wrist/recorded.py` reads recorded ones.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from envs.wrist.pattern_ranges import CROP_DISTANCE, OF_STEPS, PatternRanges
from envs.wrist.strokes import lognormal_stroke, skewed_minimum_jerk

Array = NDArray[np.float64]

NUM_SAMPLES = 102
"""Samples of a pattern over one episode (released code)."""

NUM_PATTERNS = 200
"""Patterns of the paper's set, 150 to train with and 50 to test with (GraspGF App. A.2; released code)."""

TRAIN_SHARE = 0.75
"""The first 150 of 200 patterns train."""

ARRIVAL_TOLERANCE = 0.005
"""Metres from the end at which the wrist has practically arrived."""

DEFAULT_RANGES = PatternRanges()
"""Those of docs/wrist.md."""

_GRID = 600  # samples on which a movement is evaluated before it is cropped and stretched


@dataclass(frozen=True)
class WristPatterns:
    """P movement patterns.

    Attributes:
        position: share of the way from start to end that each world axis has covered at S = 102 equally spaced times of
            the episode (P, S, 3): first sample 0, last exactly 1.
        turn: rotation change from start to end about roll, pitch and yaw (P, 3), rad. Only its distribution is used.
    """

    position: Array
    turn: Array

    def __post_init__(self) -> None:
        count = len(self.position)
        if self.position.ndim != 3 or self.position.shape[1:] != (NUM_SAMPLES, 3) or count == 0:
            raise ValueError(
                f"patterns have positions of shape {self.position.shape}, expected (P, {NUM_SAMPLES}, 3) with P > 0"
            )
        if self.turn.shape != (count, 3):
            raise ValueError(f"patterns have turns of shape {self.turn.shape}, expected ({count}, 3)")
        if not (np.isfinite(self.position).all() and np.isfinite(self.turn).all()):
            raise ValueError("patterns hold values that are not finite; leave out the recordings they come from")
        ends = (self.position[:, 0] == 0.0) & (self.position[:, -1] == 1.0)
        if not ends.all():
            raise ValueError(f"pattern {np.argmin(ends.all(1))} does not go from exactly 0 to exactly 1 on every axis")

    def __len__(self) -> int:
        return len(self.position)

    def identity(self) -> str:
        """32 hexadecimal digits that stand for the patterns, to a millionth of the way: whatever machine made them."""
        total = hashlib.sha256()
        for values in (self.position, self.turn):
            total.update(np.rint(1e6 * values).astype("<i8").tobytes())
        return total.hexdigest()[:32]

    def split(self, split: Literal["train", "test"]) -> "WristPatterns":
        """The first three quarters (150 of 200) to train with, the rest to test with.

        Raises:
            ValueError: unknown split, or too few patterns to divide.
        """
        first_test = round(TRAIN_SHARE * len(self))
        if not 0 < first_test < len(self):
            raise ValueError(f"{len(self)} patterns cannot be split into train and test; give at least 3")
        if split == "train":
            return WristPatterns(self.position[:first_test], self.turn[:first_test])
        if split == "test":
            return WristPatterns(self.position[first_test:], self.turn[first_test:])
        raise ValueError(f"pattern split {split!r} is unknown; available: train, test")


@dataclass(frozen=True)
class _Stroke:
    """One aimed movement; start and duration in durations of the first stroke, amplitude as a share of the way."""

    start: float
    duration: float
    amplitude: float


@lru_cache(maxsize=4)
def generate_patterns(
    seed: int = 0, count: int = NUM_PATTERNS, ranges: PatternRanges = DEFAULT_RANGES
) -> WristPatterns:
    """Generated patterns, the same for the same arguments; arrays are read-only.

    Every pattern is a sum of one to three strokes. The times of arrival are stratified, so that they cover
    ``ranges.arrival_steps`` evenly in any set and in both splits.

    Raises:
        ValueError: no patterns asked for.
    """
    if count < 1:
        raise ValueError(f"{count} wrist patterns were asked for; at least 1 is needed")
    rng = np.random.default_rng(seed)
    num_train = round(TRAIN_SHARE * count)
    ranks = np.concatenate([_strata(num_train, rng), _strata(count - num_train, rng)])
    position = np.stack([_generate(rank, ranges, rng) for rank in ranks])
    turn = rng.gamma(ranges.turn_shape, ranges.turn_scale, (count, 3)) * rng.choice([-1.0, 1.0], (count, 3))
    position.setflags(write=False)
    turn.setflags(write=False)
    return WristPatterns(position, turn)


def _strata(count: int, rng: np.random.Generator) -> Array:
    """One uniform number from each of ``count`` equal parts of [0, 1], shuffled."""
    return rng.permutation((np.arange(count) + rng.random(count)) / max(count, 1))


def _generate(rank: float, ranges: PatternRanges, rng: np.random.Generator) -> Array:
    """One pattern (S, 3) that arrives at the share ``rank`` of its range of arrival times."""
    grid, progress = _movement(ranges, rng)
    reach = rng.uniform(*ranges.reach)
    first = int(np.searchsorted(progress.mean(axis=1), 1.0 - CROP_DISTANCE / reach))
    grid, progress = grid[first:] - grid[first], progress[first:] - progress[first]
    grid, progress = grid / grid[-1], progress / progress[-1]
    is_away = np.abs(1.0 - progress.mean(axis=1)) > ARRIVAL_TOLERANCE / CROP_DISTANCE
    arrival = grid[np.flatnonzero(is_away)[-1] + 1]
    earliest, latest = ranges.arrival_steps
    target = (earliest + rank * (latest - earliest)) / OF_STEPS
    # the last 5 mm keep the tempo of the movement where the episode is long enough for them, else they end with it
    end = min(target / arrival, 1.0)
    time = np.linspace(0.0, 1.0, NUM_SAMPLES)
    grid_time = np.interp(time, [0.0, target, end], [0.0, arrival, 1.0])
    return np.stack([np.interp(grid_time, grid, progress[:, axis]) for axis in range(3)], axis=1)


def _movement(ranges: PatternRanges, rng: np.random.Generator) -> tuple[Array, Array]:
    """Times (N,) and progress of the three axes (N, 3) of one whole movement."""
    profile: Callable[[Array], Array]
    if rng.random() < 0.5:
        profile = partial(skewed_minimum_jerk, skew=rng.uniform(*ranges.skew))
    else:
        profile = partial(lognormal_stroke, sigma=rng.uniform(*ranges.sigma))
    strokes = _strokes(ranges, rng)
    axes = [_of_axis(strokes, ranges, rng) for _ in range(3)]
    every = [stroke for axis in axes for stroke in axis]
    grid = np.linspace(min(s.start for s in every), max(s.start + s.duration for s in every), _GRID)
    progress = [
        sum((s.amplitude * profile((grid - s.start) / s.duration) for s in axis), np.zeros(_GRID)) for axis in axes
    ]
    return grid, np.stack(progress, axis=1)


def _strokes(ranges: PatternRanges, rng: np.random.Generator) -> list[_Stroke]:
    """The strokes that all axes share, amplitudes adding up to 1."""
    later: list[_Stroke] = []
    end = 1.0
    if rng.random() < ranges.hesitation_share:
        start, duration = end + rng.uniform(*ranges.second_lag), rng.uniform(*ranges.second_duration)
        later.append(_Stroke(start, duration, rng.uniform(*ranges.second_amplitude)))
        end = start + duration
    if rng.random() < ranges.correction_share:
        start, duration = end + rng.uniform(*ranges.correction_lag), rng.uniform(*ranges.correction_duration)
        later.append(_Stroke(start, duration, rng.uniform(*ranges.correction_amplitude)))
    return [_Stroke(0.0, 1.0, 1.0 - sum(stroke.amplitude for stroke in later)), *later]


def _of_axis(strokes: list[_Stroke], ranges: PatternRanges, rng: np.random.Generator) -> list[_Stroke]:
    """The same strokes as one axis makes them: a little earlier or later, faster or slower, divided otherwise."""
    later = [stroke.amplitude * rng.uniform(*ranges.axis_amplitude) for stroke in strokes[1:]]
    own = []
    for stroke, share in zip(strokes, [1.0 - sum(later), *later], strict=True):
        start = stroke.start + ranges.axis_start * rng.standard_normal()
        own.append(_Stroke(start, stroke.duration * rng.uniform(*ranges.axis_duration), share))
    return own
