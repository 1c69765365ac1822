"""Profiles of one stroke: where they begin and end, where they are fastest, and that they have least jerk."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import lognorm

from envs.wrist.patterns import DEFAULT_RANGES
from envs.wrist.strokes import (
    HUMAN_SPEED,
    HUMAN_TAIL,
    LOGNORMAL_CUT,
    human_reach,
    lognormal_stroke,
    minimum_jerk,
    skewed_minimum_jerk,
)

Array = NDArray[np.float64]
Profile = Callable[[Array], Array]

TIME = np.linspace(0.0, 1.0, 2001)
PROFILES: list[Profile] = [
    minimum_jerk,
    *(partial(skewed_minimum_jerk, skew=skew) for skew in DEFAULT_RANGES.skew),
    *(partial(lognormal_stroke, sigma=sigma) for sigma in DEFAULT_RANGES.sigma),
]


def _peak(profile: Profile) -> float:
    return float(TIME[np.diff(profile(TIME)).argmax()])


@pytest.mark.parametrize("profile", PROFILES)
def test_goes_from_exactly_0_to_exactly_1_without_turning_back(profile: Profile) -> None:
    covered = profile(TIME)
    assert covered[0] == 0.0
    assert covered[-1] == 1.0
    assert (np.diff(covered) >= 0.0).all()
    np.testing.assert_array_equal(profile(np.array([-1.0, 2.0])), [0.0, 1.0])


def test_minimum_jerk_has_less_jerk_than_its_neighbours() -> None:
    # f^4 (1 - f)^4 leaves position, speed and acceleration at both ends as they are
    def jerk(covered: Array) -> float:
        return float((np.diff(covered, n=3) ** 2).sum())

    bump = TIME**4 * (1.0 - TIME) ** 4
    least = jerk(minimum_jerk(TIME))
    assert all(jerk(minimum_jerk(TIME) + size * bump) > least for size in (-1.0, -0.1, 0.1, 1.0))


@pytest.mark.parametrize("skew", [1.0, 1.3, 1.6])
def test_skew_moves_the_peak_forward(skew: float) -> None:
    # the warped time is 1/2 at f = 1 - 2^(-1/skew); the warp's own slope moves the peak a little further forward
    expected = 1.0 - 2.0 ** (-1.0 / skew)
    assert expected - 0.04 < _peak(partial(skewed_minimum_jerk, skew=skew)) < expected + 0.001


@pytest.mark.parametrize("sigma", [0.08, 0.25])
def test_lognormal_stroke_is_the_cut_lognormal_distribution(sigma: float) -> None:
    # mu = -3 sigma puts the upper cut at t = 1; the lower one is at exp(-6 sigma)
    law = lognorm(s=sigma, scale=np.exp(-LOGNORMAL_CUT * sigma))
    first = np.exp(-2.0 * LOGNORMAL_CUT * sigma)
    low, high = law.cdf(first), law.cdf(1.0)
    expected = (law.cdf(first + (1.0 - first) * TIME) - low) / (high - low)
    np.testing.assert_allclose(lognormal_stroke(TIME, sigma), expected, atol=1e-12)


def test_larger_sigma_peaks_earlier_and_never_after_the_middle() -> None:
    peaks = [_peak(partial(lognormal_stroke, sigma=sigma)) for sigma in (0.08, 0.15, 0.25)]
    assert 0.5 > peaks[0] > peaks[1] > peaks[2] > 0.25


@pytest.mark.parametrize(("grip", "peak"), [(0.0, 0.50), (1.0, 0.53)])
def test_human_reach_has_the_measured_speeds_and_comes_to_rest(grip: float, peak: float) -> None:
    contact = 1.0 / (1.0 + HUMAN_TAIL)
    covered = human_reach(TIME, grip)
    assert covered[0] == 0.0
    assert covered[-1] == 1.0
    speed = np.diff(covered)
    assert speed.min() > 0.0
    middle = 0.5 * (TIME[1:] + TIME[:-1]) / contact
    assert abs(middle[speed.argmax()] - peak) < 0.02
    # the means of the sources' curves peak below 1 since people differ in when they are fastest
    measured = np.interp(np.linspace(0.1, 1.0, 10), middle, speed / speed.max())
    np.testing.assert_allclose(measured, HUMAN_SPEED[int(grip), 1:], atol=0.03)
    assert speed[-1] < 0.01 * speed.max()


def test_human_reach_mixes_both_and_takes_a_grip_for_each_row() -> None:
    both = human_reach(TIME[None], np.array([[0.0], [0.3]]))
    np.testing.assert_array_equal(both[0], human_reach(TIME, 0.0))
    expected = 0.7 * human_reach(TIME, 0.0) + 0.3 * human_reach(TIME, 1.0)
    np.testing.assert_allclose(both[1], expected, atol=1e-12)
    np.testing.assert_array_equal(human_reach(np.array([-1.0, 2.0]), 0.5), [0.0, 1.0])
