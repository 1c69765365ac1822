"""All visitors of a page: who comes gets a world, who goes frees it, and there are so many places."""

import logging
import threading
from collections.abc import Callable

import viser

from live.browser.visit import Visit

_LOG = logging.getLogger(__name__)


class Visits:
    """The visits by tab.

    Args:
        make: begins a visit for a tab, not started yet.
        max_visitors: tabs that have a world at the same time.
    """

    def __init__(self, make: Callable[[viser.ClientHandle], Visit], max_visitors: int) -> None:
        self._make, self._max = make, max_visitors
        self._lock = threading.Lock()
        self._visits: dict[int, Visit | None] = {}

    @property
    def running(self) -> list[Visit]:
        """The visits whose worlds run."""
        with self._lock:
            return [visit for visit in self._visits.values() if visit is not None]

    def open(self, client: viser.ClientHandle) -> None:
        """A tab was opened."""
        with self._lock:
            has_place = len(self._visits) < self._max
            if has_place:
                self._visits[client.client_id] = None  # its place, until the world is there
        if not has_place:
            client.gui.add_markdown(
                f"**All {self._max} places are taken.** Close another tab of this page, then reload this one."
            )
            return
        try:
            visit = self._make(client)
        except BaseException:
            self.close(client)
            raise
        with self._lock:
            is_there = client.client_id in self._visits
            if is_there:
                self._visits[client.client_id] = visit
        if is_there:
            visit.start()
            _LOG.info("visitor %d came; %d worlds run", client.client_id, len(self.running))

    def close(self, client: viser.ClientHandle) -> None:
        """A tab was closed."""
        with self._lock:
            visit = self._visits.pop(client.client_id, None)
        if visit is not None:
            visit.end()
            _LOG.info("visitor %d went; %d worlds run", client.client_id, len(self.running))
