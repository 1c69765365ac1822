"""Whether the wrist rises, from where it was seen: `envs.task.rise_reflex.RiseReflex` of one hand, without torch."""

import math

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
        self._places = np.tile(place, (count, 1))  # oldest first
        self.is_rising = self.has_begun = False

    def look(self, place: Array) -> None:
        """Where the wrist is (3,) one period later."""
        self._places[:-1] = self._places[1:]
        self._places[-1] = place
        (x, y, z), least = self._moved()
        goes_up = z > least and z > math.hypot(x, y)
        goes_elsewhere = math.hypot(x, y, z) > least and not goes_up
        was_rising = self.is_rising
        self.is_rising = (was_rising or goes_up) and not goes_elsewhere
        self.has_begun = self.is_rising and not was_rising

    def _moved(self) -> tuple[list[float], float]:
        places = self._places
        last, way, least = places[-SCATTER_PLACES:], np.zeros(3), 0.0
        steps = last[1:] - last[:-1]
        second = steps[1:] - steps[:-1]
        scatter = float(np.sqrt((second * second).sum(axis=1)).mean()) / _SECOND_DIFFERENCE
        for half, times in zip(self._halves, LONGER, strict=True):
            errors, enough = CERTAINTY * scatter * math.sqrt(2.0 / half), MIN_RISE * times
            way = places[-half:].sum(axis=0) / half - places[-2 * half : -half].sum(axis=0) / half
            least = max(errors, enough)
            if errors <= enough:
                break
        return way.tolist(), least
