"""Ranges of the generator, fitted so that its patterns are like recorded movements by the same numbers."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from envs.conventions import CONTROL_DT
from envs.wrist.movement_statistics import MovementStatistics, of_patterns
from envs.wrist.pattern_ranges import CROP_DISTANCE, OF_STEPS, PatternRanges
from envs.wrist.patterns import generate_patterns
from envs.wrist.recording import Recordings

Array = NDArray[np.float64]

NUM_TRIED = 100
"""Patterns that are generated to see what a range does."""

ASYMMETRIES = np.linspace(0.0, 2.5, 11)
"""Multiples of the default spread of the strokes' asymmetry that are tried."""

MAX_REACH = 1.0
"""Metres; of longer recorded ways the beginning is no reach."""


def fit_ranges(recordings: Recordings, measured: MovementStatistics) -> PatternRanges:
    """Ranges whose patterns come close to recorded movements; what recordings do not tell stays as it is.

    Turns by moments; reach and arrival by the 5th and 95th percentiles; the asymmetry of strokes by the median time of
    the fastest speed; shares of second strokes and corrections by the mean number of sub-movements, which is linear in
    them: both are scaled alike.

    Args:
        recordings: what was recorded.
        measured: its statistics.
    """
    ranges = replace(_with_turns(PatternRanges(), measured), reach=_reach(recordings))
    arrival = _range_of(measured.arrival_s / CONTROL_DT, 2.0, OF_STEPS - 1.0)
    if arrival is not None:
        ranges = replace(ranges, arrival_steps=arrival)
    ranges = _with_sub_movements(ranges, float(measured.sub_movements.mean()))
    return _with_asymmetry(ranges, float(np.median(measured.peak_at)))


def _with_turns(ranges: PatternRanges, measured: MovementStatistics) -> PatternRanges:
    """The gamma distribution of |turn| by moments: shape mean^2 / variance, scale variance / mean."""
    size = np.deg2rad(measured.turn_deg)
    mean, variance = float(size.mean()), max(float(size.var()), 1e-8)
    shape, scale = mean**2 / variance, variance / max(mean, 1e-4)
    return replace(ranges, turn_shape=float(np.clip(shape, 0.05, 100.0)), turn_scale=float(np.clip(scale, 1e-4, 2.0)))


def _reach(recordings: Recordings) -> tuple[float, float]:
    """Ends of the straight distances of whole recorded movements, m."""
    ways = np.array([np.linalg.norm(each.position_w - each.position_w[-1], axis=1).max() for each in recordings.found])
    low, high = np.clip(np.percentile(ways, [5.0, 95.0]), CROP_DISTANCE, MAX_REACH)
    return round(float(low), 3), round(float(high), 3)


def _range_of(values: Array, lowest: float, highest: float) -> tuple[float, float] | None:
    """5th and 95th percentile of what is known, within bounds; None where nothing is."""
    known = values[np.isfinite(values)]
    if len(known) == 0:
        return None
    low, high = np.clip(np.percentile(known, [5.0, 95.0]), lowest, highest)
    return round(float(low), 2), round(float(high), 2)


def _with_sub_movements(ranges: PatternRanges, wanted: float) -> PatternRanges:
    """Second strokes and corrections as often as gives the wanted mean number of sub-movements.

    With the shares (p s, p c) the mean lies between that of none (p = 0) and that of the largest p with shares up to 1.
    """
    largest = 1.0 / max(ranges.hesitation_share, ranges.correction_share)
    few, many = (
        float(of_patterns(generate_patterns(0, NUM_TRIED, _scaled(ranges, factor))).sub_movements.mean())
        for factor in (0.0, largest)
    )
    factor = largest * float(np.clip((wanted - few) / max(many - few, 1e-9), 0.0, 1.0))
    return _scaled(ranges, factor)


def _scaled(ranges: PatternRanges, factor: float) -> PatternRanges:
    default = PatternRanges()
    return replace(
        ranges,
        hesitation_share=round(min(1.0, factor * default.hesitation_share), 3),
        correction_share=round(min(1.0, factor * default.correction_share), 3),
    )


def _with_asymmetry(ranges: PatternRanges, wanted: float) -> PatternRanges:
    """Strokes as asymmetric as brings the median time of the fastest speed nearest to the wanted one."""
    tried = [_asymmetric(ranges, float(factor)) for factor in ASYMMETRIES]
    medians = [float(np.median(of_patterns(generate_patterns(0, NUM_TRIED, each)).peak_at)) for each in tried]
    return tried[int(np.argmin(np.abs(np.array(medians) - wanted)))]


def _asymmetric(ranges: PatternRanges, factor: float) -> PatternRanges:
    """The default spread of skew and sigma times a factor."""
    default = PatternRanges()
    ends = [(low, round(low + factor * (high - low), 3)) for low, high in (default.skew, default.sigma)]
    return replace(ranges, skew=ends[0], sigma=ends[1])
