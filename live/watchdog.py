"""Notices that rounds of a controller do not come to an end any more."""

import faulthandler
import logging
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import TextIO

_LOG = logging.getLogger(__name__)

LIMIT_S = 0.1
"""Seconds that a round may take: after so many without a message motors have to stop by themselves."""

_LOOKS = 2
"""Looks in that time."""

_LOCKED_S = 1.0
"""Seconds without a look after which something holds Python's lock, or the machine gives this program no time."""


class Watchdog:
    """Says in the log when a round takes too long, and when rounds go on; used as a context.

    It looks from a thread of its own and sends nothing: motors that hear nothing have to stop (docs/real_hand.md). A
    call that holds Python's lock stops this thread, too; then `faulthandler`, which needs no lock, writes after a
    second on standard error where every thread is. It has one such alarm a process: another's is lost. Where standard
    error is closed or no file there is none, and the rest goes on.

    Args:
        clock: seconds of this machine.

    Attributes:
        is_hanging: whether the round that runs now took too long when last looked at.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: float | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self.is_hanging = False

    def __enter__(self) -> "Watchdog":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._thread.join(timeout=1.0)
        faulthandler.cancel_dump_traceback_later()

    def begin(self) -> None:
        """A round begins."""
        self._began = self._clock()

    def end(self) -> None:
        """It has come to its end."""
        self._began = None

    def look(self) -> None:
        """Say what has changed."""
        began = self._began
        taken = 0.0 if began is None else self._clock() - began
        was, self.is_hanging = self.is_hanging, taken > LIMIT_S
        if self.is_hanging and not was:
            _warn("the controller has not answered for %.0f ms: no targets are sent", 1e3 * taken)
        if was and not self.is_hanging:
            _warn("the controller answers again")

    def _watch(self) -> None:
        errors = sys.__stderr__  # None in programs without a terminal
        while not self._closed.wait(LIMIT_S / _LOOKS):
            if errors is not None and not _alarms(errors):
                errors = None
            self.look()


def _alarms(errors: TextIO) -> bool:
    """Whether `faulthandler` will write there, unless this thread comes by before."""
    try:
        faulthandler.dump_traceback_later(_LOCKED_S, file=errors)
    except (OSError, ValueError, RuntimeError) as error:  # closed, or no file of the system's
        faulthandler.cancel_dump_traceback_later()  # of before it was closed: its number may be another file's now
        _warn("a call that holds Python's lock will not be told on standard error: %s", error)
        return False
    return True


def _warn(text: str, *values: object) -> None:
    """Log it; a log that cannot be written any more, as on a closed standard error, ends no watch."""
    with suppress(OSError, ValueError):
        _LOG.warning(text, *values)
