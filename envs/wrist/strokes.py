"""Progress of one aimed movement from 0 to 1: two published profiles, and a measured one."""

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Array = NDArray[np.float64]

LOGNORMAL_CUT = 3.0
"""A lognormal stroke is cut at this many standard deviations of log-time on either side and rescaled to [0, 1]."""

HUMAN_SPEED = np.array(
    [
        [0.0, 0.07, 0.28, 0.61, 0.89, 0.98, 0.87, 0.61, 0.36, 0.20, 0.10],
        [0.0, 0.06, 0.26, 0.57, 0.84, 0.98, 0.93, 0.73, 0.48, 0.27, 0.12],
    ]
)
"""Wrist speed at 0, 10 ... 100 % of reaches to a hazelnut and to a grapefruit over its peak: mean of 15 people and 848
trials (data of Ansuini et al. 2015)."""

HUMAN_TAIL = 0.15
"""After contact, at which the measured hand still moves, it comes to rest within this share of the reach (chosen)."""


def minimum_jerk(fraction: Array) -> Array:
    """10 f^3 - 15 f^4 + 6 f^5, the movement of least jerk (Flash and Hogan 1985); f is clipped to [0, 1]."""
    f = np.clip(fraction, 0.0, 1.0)
    return f**3 * (10.0 - 15.0 * f + 6.0 * f**2)


def skewed_minimum_jerk(fraction: Array, skew: float | Array) -> Array:
    """Minimum jerk of the warped time 1 - (1 - f)^skew.

    skew = 1 is symmetric, larger ones move the peak of the speed forward (to about 1 - 2^(-1/skew)) and lengthen the
    deceleration.
    """
    return minimum_jerk(1.0 - (1.0 - np.clip(fraction, 0.0, 1.0)) ** skew)


def lognormal_stroke(fraction: Array, sigma: float | Array) -> Array:
    """Distance covered by a stroke with a lognormal speed (sigma-lognormal model, Plamondon 1995).

    Phi((ln t - mu) / sigma), cut at +-LOGNORMAL_CUT standard deviations and rescaled so that it goes from exactly 0 at
    f = 0 to exactly 1 at f = 1. Location and time offset then follow from sigma, which alone sets the asymmetry.
    """
    first = np.exp(-2.0 * LOGNORMAL_CUT * sigma)
    time = first + (1.0 - first) * np.clip(fraction, 0.0, 1.0)
    covered = ndtr(LOGNORMAL_CUT + np.log(time) / sigma)
    low, high = ndtr(-LOGNORMAL_CUT), ndtr(LOGNORMAL_CUT)
    return np.clip((covered - low) / (high - low), 0.0, 1.0)


def human_reach(fraction: Array, grip: float | Array) -> Array:
    """Distance covered by a reach with the speed that people were measured with, and with its tail.

    Contact is at f = 1 / (1 + HUMAN_TAIL), the peak of the speed at 50 to 53 % of the time until then.

    Args:
        fraction: f, clipped to [0, 1].
        grip: 0 for the speed towards something small, 1 for something large; in between the mixture.
    """
    f = np.clip(fraction, 0.0, 1.0)
    small, large = (distance(f) / distance(1.0) for distance in _human_distances())
    return small + grip * (large - small)


@cache
def _human_distances() -> list[Callable[[float | Array], Array]]:
    """Distance over the share of the time, for a small and a large thing."""
    from scipy.interpolate import CubicSpline  # half a second, which only those who draw such reaches wait for

    time = np.append(np.linspace(0.0, 1.0, HUMAN_SPEED.shape[1]), 1.0 + HUMAN_TAIL) / (1.0 + HUMAN_TAIL)
    return [CubicSpline(time, [*row, 0.0], bc_type="clamped").antiderivative() for row in HUMAN_SPEED]
