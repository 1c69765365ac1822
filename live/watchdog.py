"""Notices that rounds of a controller do not come to an end any more."""

import threading
import time
from collections.abc import Callable
from types import TracebackType

LOOKS = 3
"""Looks in the time that a round may take."""


class Watchdog:
    """Looks from a thread of its own whether rounds go on; used as a context.

    Args:
        limit_s: seconds after which a round has taken too long.
        on_hang: called with the seconds that it has taken, again and again until rounds go on.
        clock: seconds of this machine.

    Attributes:
        num_hangs: how often rounds took too long.
    """

    def __init__(
        self, limit_s: float, on_hang: Callable[[float], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit_s, self._on_hang, self._clock = limit_s, on_hang, clock
        self._fed_at, self._hangs = clock(), False
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self.num_hangs = 0

    def __enter__(self) -> "Watchdog":
        self.feed()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._thread.join()

    def feed(self) -> None:
        """A round has come to its end."""
        self._fed_at = self._clock()

    def look(self) -> None:
        """Call ``on_hang`` if the round takes too long."""
        taken = self._clock() - self._fed_at
        hung, self._hangs = self._hangs, taken > self._limit_s
        if self._hangs:
            self.num_hangs += not hung
            self._on_hang(taken)

    def _watch(self) -> None:
        while not self._closed.wait(self._limit_s / LOOKS):
            self.look()
