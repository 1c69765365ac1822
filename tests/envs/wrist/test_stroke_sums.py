"""Sums of strokes: what adds up, where a pause holds, and how fast a stroke can be."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from envs.wrist.stroke_sums import StrokeSums, peak_rates
from envs.wrist.strokes import minimum_jerk

Array = NDArray[np.float64]

GRID = np.linspace(0.0, 1.0, 401)
ROW = np.zeros(1001, dtype=np.int64)
TIME = np.linspace(0.0, 4.0, 1001)


def _sums(*, bend: float = 0.0) -> StrokeSums:
    """One movement: 0.2 m along x in 1 s, and 0.1 m along y that begins after 0.8 s and takes 0.5 s."""
    ahead = np.zeros((1, 2, 6))
    ahead[0, 0, 0], ahead[0, 1, 1] = 0.2, 0.1
    end = np.zeros((1, 6))
    end[0, 2] = 0.3
    none = np.zeros(1)
    return StrokeSums(
        end=end,
        ahead=ahead,
        start_s=np.array([[0.0, 0.8]]),
        duration_s=np.array([[1.0, 0.5]]),
        profile=minimum_jerk(GRID)[None],
        bend=np.full((1, 6), bend),
        pause_at_s=none,
        pause_s=none,
        pace=np.ones(1),
        brake_s=none,
        margin=none,
    )


def test_every_stroke_takes_what_is_ahead_of_it() -> None:
    sums = _sums()
    offset = sums.offsets(ROW, TIME)
    np.testing.assert_allclose(offset[0], [0.2, 0.1, 0.3, 0.0, 0.0, 0.0])
    np.testing.assert_array_equal(offset[-1], sums.end[0])
    # 1e-5: profiles are straight between their samples
    np.testing.assert_allclose(offset[:, 0], 0.2 * (1.0 - minimum_jerk(TIME)), atol=1e-5)
    np.testing.assert_allclose(offset[:, 1], 0.1 * (1.0 - minimum_jerk((TIME - 0.8) / 0.5)), atol=1e-5)
    np.testing.assert_allclose(sums.moving_s, 1.3)


def test_stop_holds_the_wrist_and_delays_the_rest() -> None:
    sums = replace(
        _sums(), pause_at_s=np.array([0.5]), pause_s=np.array([0.4]), pace=np.zeros(1), brake_s=np.array([0.2])
    )
    offset = sums.offsets(ROW, TIME)
    # braking covers half its time: it begins at 0.4 s, and from 0.6 to 1.0 s the wrist stands where it is at 0.5 s
    stands = (TIME > 0.601) & (TIME < 0.999)
    np.testing.assert_allclose(offset[stands, 0], 0.2 * (1.0 - minimum_jerk(np.array(0.5))), atol=1e-6)
    np.testing.assert_allclose(sums.delay_s, 0.6)
    after = TIME > 1.2
    plain = _sums().offsets(ROW, TIME - 0.6)
    np.testing.assert_allclose(offset[after], plain[after], atol=1e-9)
    # and no moment of it is faster than without
    speed = np.abs(np.diff(offset[:, 0])).max()
    assert speed <= np.abs(np.diff(_sums().offsets(ROW, TIME)[:, 0])).max() + 1e-9


def test_hesitation_goes_on_at_its_pace() -> None:
    pause = {"pause_at_s": np.array([0.5]), "pause_s": np.array([0.4]), "pace": np.array([0.25]), "brake_s": np.ones(1)}
    sums = replace(_sums(), **{**pause, "brake_s": np.array([0.1])})
    speed = -np.diff(sums.offsets(ROW, TIME)[:, 0]) / (TIME[1] - TIME[0])
    # 0.2 m * 1.875 / 1 s is the peak of minimum jerk, at the middle, where the wrist has braked
    braked = np.searchsorted(TIME, 0.5 - 0.5 * 1.25 * 0.1 + 0.1) + 1
    np.testing.assert_allclose(speed[braked], 0.25 * 0.375, rtol=0.02)


def test_bend_curves_the_path_and_keeps_its_ends() -> None:
    straight, bent = _sums().offsets(ROW, TIME), _sums(bend=0.15).offsets(ROW, TIME)
    np.testing.assert_allclose(bent[[0, -1]], straight[[0, -1]], atol=1e-12)
    # bend p (1 - p) of 0.2 m is largest at p = 1/2: 0.15 / 4 * 0.2 m
    np.testing.assert_allclose(np.abs(bent - straight)[:, 0].max(), 0.0075, rtol=1e-3)


def test_faster_keeps_the_path_and_shortens_the_time() -> None:
    half = _sums().faster(np.array([0.5]))
    np.testing.assert_allclose(half.moving_s, 0.65)
    np.testing.assert_allclose(half.offsets(ROW, 0.5 * TIME), _sums().offsets(ROW, TIME), atol=1e-12)


def test_peak_rate_bounds_every_speed() -> None:
    rate = peak_rates(minimum_jerk(GRID)[None], np.zeros((1, 6)))
    np.testing.assert_allclose(rate, 1.875, rtol=1e-3)
    for bend in (-0.15, 0.15):
        sums = _sums(bend=bend)
        fastest = np.abs(np.diff(sums.offsets(ROW, TIME)[:, 0])).max() / (TIME[1] - TIME[0])
        assert fastest <= 0.2 * peak_rates(sums.profile, sums.bend)[0] + 1e-9
