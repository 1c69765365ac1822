"""Progress of one aimed movement from 0 to 1: the two published profiles that wrist patterns are made of."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Array = NDArray[np.float64]

LOGNORMAL_CUT = 3.0
"""A lognormal stroke is cut at this many standard deviations of log-time on either side and rescaled to [0, 1]."""


def minimum_jerk(fraction: Array) -> Array:
    """10 f^3 - 15 f^4 + 6 f^5, the movement of least jerk (Flash and Hogan 1985); f is clipped to [0, 1]."""
    f = np.clip(fraction, 0.0, 1.0)
    return f**3 * (10.0 - 15.0 * f + 6.0 * f**2)


def skewed_minimum_jerk(fraction: Array, skew: float) -> Array:
    """Minimum jerk of the warped time 1 - (1 - f)^skew.

    skew = 1 is symmetric, larger ones move the peak of the speed forward (to about 1 - 2^(-1/skew)) and lengthen the
    deceleration.
    """
    return minimum_jerk(1.0 - (1.0 - np.clip(fraction, 0.0, 1.0)) ** skew)


def lognormal_stroke(fraction: Array, sigma: float) -> Array:
    """Distance covered by a stroke with a lognormal speed (sigma-lognormal model, Plamondon 1995).

    Phi((ln t - mu) / sigma), cut at +-LOGNORMAL_CUT standard deviations and rescaled so that it goes from exactly 0 at
    f = 0 to exactly 1 at f = 1. Location and time offset then follow from sigma, which alone sets the asymmetry.
    """
    first = np.exp(-2.0 * LOGNORMAL_CUT * sigma)
    time = first + (1.0 - first) * np.clip(fraction, 0.0, 1.0)
    covered = ndtr(LOGNORMAL_CUT + np.log(time) / sigma)
    low, high = ndtr(-LOGNORMAL_CUT), ndtr(LOGNORMAL_CUT)
    return np.clip((covered - low) / (high - low), 0.0, 1.0)
