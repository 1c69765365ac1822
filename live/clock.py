"""The time of the controller, told from the times of what comes in."""

from live.poses import number_of

AGAIN = 5
"""Refused times in a row that agree with one another: the sender's clock began anew."""


class Clock:
    """The newest time that can be believed.

    Args:
        max_ahead_s: a time so much later than the newest one is refused until it repeats.
        max_late_s: a time so much earlier is refused, too.

    Attributes:
        now: s; None before the first time.
        num_refused: times refused.
        why_refused: the last one's reason.
        num_restarts: times that the clock began anew.
    """

    def __init__(self, max_ahead_s: float, max_late_s: float) -> None:
        self._max_ahead_s, self._max_late_s = max_ahead_s, max_late_s
        self._strange: list[float] = []
        self.now: float | None = None
        self.num_refused, self.why_refused = 0, ""
        self.num_restarts = 0

    def take(self, time_s: object, *, is_tick: bool = False) -> bool:
        """Whether a time is believed; the newest one moves on.

        Args:
            time_s: s.
            is_tick: nothing was measured then; that such a time fits says nothing of the senders' clock.
        """
        value = number_of(time_s)
        if not abs(value) < 1e12:
            self.num_refused += 1
            self.why_refused = "a time that is no number of seconds"
            return False
        if self.now is not None and not -self._max_late_s <= value - self.now <= self._max_ahead_s:
            return self._strange_time(value)
        if not is_tick:
            self._strange.clear()
        self.now = value if self.now is None else max(self.now, value)
        return True

    def _strange_time(self, time_s: float) -> bool:
        self.num_refused += 1
        self.why_refused = f"a time {time_s - (self.now or 0.0):+.1f} s from the newest one"
        if self._strange and abs(time_s - self._strange[-1]) > self._max_ahead_s:
            self._strange.clear()
        self._strange.append(time_s)
        if len(self._strange) < AGAIN:
            return False
        self.now = max(self._strange)
        self._strange.clear()
        self.num_restarts += 1
        return True
