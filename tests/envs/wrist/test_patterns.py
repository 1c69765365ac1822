"""Generated patterns: their ends, their timing, their variety, and what is refused."""

import numpy as np
import pytest
from numpy.typing import NDArray

from envs.wrist.pattern_ranges import CROP_DISTANCE, OF_STEPS
from envs.wrist.patterns import ARRIVAL_TOLERANCE, DEFAULT_RANGES, NUM_SAMPLES, WristPatterns, generate_patterns

Array = NDArray[np.float64]


def _arrival(position: Array) -> Array:
    """Control steps (P,) at which the mean progress comes within 5 mm of 0.175 m for good."""
    is_away = 1.0 - position.mean(axis=2) > ARRIVAL_TOLERANCE / CROP_DISTANCE
    return (NUM_SAMPLES - is_away[:, ::-1].argmax(axis=1)) * OF_STEPS / (NUM_SAMPLES - 1)


def _num_peaks(progress: Array) -> int:
    """Peaks of the speed that stand out: higher than a tenth of the highest, between deeper minima."""
    speed = np.convolve(np.diff(progress), np.ones(3) / 3.0, mode="same")
    inner = (speed[1:-1] > speed[:-2]) & (speed[1:-1] >= speed[2:]) & (speed[1:-1] > 0.1 * speed.max())
    at_start = int(speed[1] > speed[2])
    return int(inner.sum()) + at_start


def _ramps(count: int) -> Array:
    return np.tile(np.linspace(0.0, 1.0, NUM_SAMPLES)[None, :, None], (count, 1, 3))


def test_paper_numbers_and_ends() -> None:
    patterns = generate_patterns()
    assert patterns.position.shape == (200, 102, 3)
    assert (len(patterns.split("train")), len(patterns.split("test"))) == (150, 50)
    assert (patterns.position[:, 0] == 0.0).all()
    assert (patterns.position[:, -1] == 1.0).all()
    assert (np.diff(patterns.position, axis=1) >= 0.0).all()


def test_splits_are_disjoint_and_in_order() -> None:
    patterns = generate_patterns()
    joined = np.concatenate([patterns.split("train").position, patterns.split("test").position])
    np.testing.assert_array_equal(joined, patterns.position)
    assert len(np.unique(joined.reshape(200, -1), axis=0)) == 200


@pytest.mark.parametrize("split", ["train", "test"])
def test_arrival_spreads_evenly_over_its_range(split: str) -> None:
    arrival = _arrival(generate_patterns().split(split).position)  # type: ignore[arg-type]
    # half a control step: distance of the samples
    assert arrival.min() > DEFAULT_RANGES.arrival_steps[0] - 0.5
    assert arrival.max() < DEFAULT_RANGES.arrival_steps[1] + 0.5
    counts, _ = np.histogram(arrival, bins=6, range=DEFAULT_RANGES.arrival_steps)
    # even would be a sixth
    assert (counts / len(arrival)).min() > 0.12
    assert (counts / len(arrival)).max() < 0.21


def test_some_hesitate_and_some_do_not() -> None:
    peaks = np.array([_num_peaks(position.mean(axis=1)) for position in generate_patterns().position])
    # 1 - 0.5 * 0.7 = 65 % are drawn with more than one stroke; a few merge, and cropping can cut a peak at the start
    assert 0.5 < (peaks > 1).mean() < 0.75


def test_axes_move_together_but_not_alike() -> None:
    position = generate_patterns().position
    spread = np.ptp(position, axis=2).max(axis=1)
    assert (spread > 0.01).all()
    assert spread.max() < 0.35


def test_turns_look_human() -> None:
    size = np.rad2deg(np.abs(generate_patterns().turn))
    assert 25.0 < np.median(size) < 50.0
    assert (generate_patterns().turn < 0.0).mean() == pytest.approx(0.5, abs=0.1)  # 4 standard errors of 600 coins


def test_deterministic_and_seeds_differ() -> None:
    first = generate_patterns(seed=3, count=8)
    generate_patterns.cache_clear()
    second = generate_patterns(seed=3, count=8)
    np.testing.assert_array_equal(first.position, second.position)
    np.testing.assert_array_equal(first.turn, second.turn)
    assert not np.array_equal(first.position, generate_patterns(seed=4, count=8).position)


def test_cached_patterns_cannot_be_overwritten() -> None:
    with pytest.raises(ValueError, match="read-only"):
        generate_patterns().position[0, 0, 0] = 1.0


def test_no_patterns_asked_for() -> None:
    with pytest.raises(ValueError, match="0 wrist patterns were asked for; at least 1"):
        generate_patterns(count=0)


def test_unknown_split_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="pattern split 'val' is unknown; available: train, test"):
        generate_patterns().split("val")  # type: ignore[arg-type]


def test_too_few_to_split() -> None:
    with pytest.raises(ValueError, match="1 patterns cannot be split into train and test"):
        WristPatterns(_ramps(1), np.zeros((1, 3))).split("test")


def test_wrong_shapes() -> None:
    with pytest.raises(ValueError, match=r"positions of shape \(2, 50, 3\), expected \(P, 102, 3\)"):
        WristPatterns(_ramps(2)[:, :50], np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"turns of shape \(1, 3\), expected \(2, 3\)"):
        WristPatterns(_ramps(2), np.zeros((1, 3)))


def test_values_that_are_not_finite() -> None:
    with pytest.raises(ValueError, match="patterns hold values that are not finite"):
        WristPatterns(_ramps(2), np.full((2, 3), np.nan))


def test_pattern_that_does_not_arrive() -> None:
    position = _ramps(2)
    position[1, -1, 2] = 0.99
    with pytest.raises(ValueError, match="pattern 1 does not go from exactly 0 to exactly 1"):
        WristPatterns(position, np.zeros((2, 3)))
