"""What wrist movements are like, recorded and generated ones by the same numbers."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks
from scipy.stats import ks_2samp

from envs.conventions import CONTROL_DT
from envs.wrist.pattern_ranges import CROP_DISTANCE, OF_STEPS
from envs.wrist.patterns import ARRIVAL_TOLERANCE, NUM_SAMPLES, WristPatterns
from envs.wrist.recorded import crop_start, pattern_of
from envs.wrist.recording import Recordings

Array = NDArray[np.float64]

PERCENTILES = (5, 25, 50, 75, 95)

SMOOTHING_S = 0.02
"""Seconds; standard deviation with which speeds are smoothed: tremor and noise of a tracker are no movements."""

PROMINENCE = 0.1
"""Of the fastest speed, by which a peak stands out from the slower moments around it to count as a movement."""


@dataclass(frozen=True)
class MovementStatistics:
    """The last 0.175 m of P movements; NaN where a recording does not tell its times.

    Attributes:
        arrival_s: from the start until the wrist stays within 5 mm of the end (P,).
        peak_speed: the fastest, m/s (P,).
        peak_at: when that is, as a share of the time until arrival (P,).
        sub_movements: peaks of the speed that stand out by PROMINENCE (P,).
        turn_deg: change of roll, pitch and yaw, without sign, one after another (3 P,).
    """

    arrival_s: Array
    peak_speed: Array
    peak_at: Array
    sub_movements: Array
    turn_deg: Array

    def percentiles(self) -> dict[str, list[float]]:
        """PERCENTILES of each, of what is known."""
        return {
            item.name: [round(float(value), 4) for value in np.percentile(known, PERCENTILES)]
            for item in fields(self)
            if len(known := _known(getattr(self, item.name)))
        }

    def distances(self, other: "MovementStatistics") -> dict[str, float]:
        """Largest difference of the two distribution functions of each (Kolmogorov-Smirnov), 0 alike to 1 apart."""
        pairs = {
            item.name: (_known(getattr(self, item.name)), _known(getattr(other, item.name))) for item in fields(self)
        }
        return {
            name: round(float(ks_2samp(first, second).statistic), 3)
            for name, (first, second) in pairs.items()
            if len(first) and len(second)
        }


def of_recordings(recordings: Recordings) -> MovementStatistics:
    """Statistics of recorded movements; those of which no pattern can be made are left out.

    Raises:
        ValueError: nothing is left; names the first cause.
    """
    positions, turns, spans, causes = [], [], [], []
    for recording in recordings.found:
        try:
            first = crop_start(f"recording {recording.name!r}", recording.position_w)
        except ValueError as error:
            causes.append(str(error))
            continue
        positions.append(pattern_of(recording.position_w[first:]))
        turns.append(recording.angles[-1] - recording.angles[first])
        samples = len(recording.position_w) - 1 - first
        spans.append(np.nan if recording.period_s is None else samples * recording.period_s)
    if not positions:
        raise ValueError(f"none of the {len(causes)} recordings shows a reach; e.g. {causes[0]}")
    return statistics_of(WristPatterns(np.stack(positions), np.stack(turns)), np.array(spans))


def of_patterns(patterns: WristPatterns) -> MovementStatistics:
    """Statistics of generated patterns, each an episode of OF_STEPS control steps."""
    return statistics_of(patterns, np.full(len(patterns), OF_STEPS * CONTROL_DT))


def statistics_of(patterns: WristPatterns, span_s: Array) -> MovementStatistics:
    """Statistics of patterns that last ``span_s`` seconds (P,), NaN where nobody knows."""
    progress = patterns.position.mean(axis=2)
    is_away = np.abs(1.0 - progress) > ARRIVAL_TOLERANCE / CROP_DISTANCE
    last_away = NUM_SAMPLES - 1 - is_away[:, ::-1].argmax(axis=1)
    arrival = np.minimum(last_away + 1, NUM_SAMPLES - 1) / (NUM_SAMPLES - 1)
    speeds = [smoothed_speed(row, span) for row, span in zip(progress, span_s, strict=True)]
    peaks = np.array([speed.argmax() for speed in speeds]) / (NUM_SAMPLES - 1)
    return MovementStatistics(
        arrival_s=arrival * span_s,
        peak_speed=CROP_DISTANCE * np.array([speed.max() for speed in speeds]) / span_s,
        peak_at=np.minimum(peaks / arrival, 1.0),
        sub_movements=np.array([_count_peaks(speed) for speed in speeds], dtype=np.float64),
        turn_deg=np.rad2deg(np.abs(patterns.turn)).ravel(),
    )


def smoothed_speed(progress: Array, span_s: float) -> Array:
    """Speed (S,) of a way of 1 in a time of 1, smoothed by SMOOTHING_S; by two samples where its time is not known."""
    width = 2.0 if np.isnan(span_s) else SMOOTHING_S / span_s * (NUM_SAMPLES - 1)
    smooth: Array = gaussian_filter1d(np.gradient(progress) * (NUM_SAMPLES - 1), width, mode="nearest")
    return smooth


def _count_peaks(speed: Array) -> int:
    """Peaks that stand out; one at the very start counts: a pattern may begin in full motion."""
    padded = np.concatenate([[0.0], speed, [0.0]])
    return len(find_peaks(padded, prominence=PROMINENCE * speed.max())[0])


def _known(values: Array) -> Array:
    return values[np.isfinite(values)]
