"""Whether the wrist rises, from where it was seen: `envs.task.rise_reflex.RiseReflex` of one hand, without torch."""

import math
from collections import deque

import numpy as np

from live.poses import Array

WINDOW_S, MIN_RISE, LONGER, CERTAINTY, SCATTER_PLACES = 0.15, 0.006, (1, 2, 4), 3.0, 8
"""As there; tests hold them together."""

_SECOND_DIFFERENCE = math.sqrt(6.0) * math.sqrt(2.0) / math.gamma(1.5)


class RiseWatch:
    """Tells a rising wrist from one that moves otherwise or stands still.

    Args:
        place: where the wrist is (3,), m, world.
        period_s: seconds between two looks.

    Attributes:
        is_rising: whether it rises now.
        has_begun: whether it did not a period ago.
    """

    def __init__(self, place: Array, period_s: float) -> None:
        half = max(1, round(0.5 * WINDOW_S / period_s))
        self._halves = [half * times for times in LONGER]
        count = max(2 * self._halves[-1], SCATTER_PLACES)
        self._places: deque[Array] = deque([place] * count, maxlen=count)
        self.is_rising = self.has_begun = False

    def look(self, place: Array) -> None:
        """Where the wrist is (3,) one period later."""
        self._places.append(place)
        way, least = self._moved(np.stack(self._places))
        goes_up = bool(way[2] > least and way[2] > np.hypot(way[0], way[1]))
        goes_elsewhere = bool(np.linalg.norm(way) > least) and not goes_up
        was_rising = self.is_rising
        self.is_rising = (was_rising or goes_up) and not goes_elsewhere
        self.has_begun = self.is_rising and not was_rising

    def _moved(self, places: Array) -> tuple[Array, float]:
        second = np.diff(places[-SCATTER_PLACES:], n=2, axis=0)
        scatter = float(np.linalg.norm(second, axis=1).mean()) / _SECOND_DIFFERENCE
        way, least = np.zeros(3), 0.0
        for half, times in zip(self._halves, LONGER, strict=True):
            errors, enough = CERTAINTY * scatter * math.sqrt(2.0 / half), MIN_RISE * times
            way = places[-half:].mean(axis=0) - places[-2 * half : -half].mean(axis=0)
            least = max(errors, enough)
            if errors <= enough:
                break
        return way, least
