"""What a controller and its port refused, said in the log: a sender who is not believed has to learn why."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from live.inputs import LiveInputs

_LOG = logging.getLogger(__name__)

EVERY_S = 5.0
"""Seconds between two lines in the log about the same input, at least."""


@dataclass(frozen=True)
class Refused:
    """So many of something, and why the last of them; no reason where the name says it."""

    count: int
    why: str = ""


def refused_by(inputs: LiveInputs, port: object = None) -> dict[str, Refused]:
    """What was refused so far, by what it was.

    Args:
        inputs: of the controller.
        port: a `UdpPort` or `Ros2Port`, whose counts are added.
    """
    return {
        "times": Refused(inputs.clock.num_refused, inputs.clock.why_refused),
        "wrist poses": Refused(inputs.wrist.num_refused, inputs.wrist.why_refused),
        "joint readings": Refused(inputs.joints.num_refused, inputs.joints.why_refused),
        "objects and clouds": Refused(inputs.num_bad_scenes, inputs.why_bad_scene),
        "clouds with hardly a point in the workspace": Refused(inputs.num_empty_clouds),
        "messages that cannot be read": Refused(getattr(port, "num_malformed", 0)),
        "messages of another sender": Refused(getattr(port, "num_foreign", 0)),
    }


class RefusalLog:
    """Says in the log what was refused since it last did, every few seconds at most.

    Args:
        refused: what was refused so far, by what it was; counts may begin anew.
        whose: begins each line.
        clock: seconds.
    """

    def __init__(
        self,
        refused: Callable[[], Mapping[str, Refused]],
        whose: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._refused, self._whose, self._clock = refused, whose, clock
        self._told: dict[str, int] = {}
        self._due = -float("inf")

    def look(self) -> None:
        """Say what is new, if it is time to."""
        now = self._clock()
        if now < self._due:
            return
        for name, item in self._refused().items():
            before = self._told.get(name, 0)
            new = item.count - before if item.count >= before else item.count
            self._told[name] = item.count
            if new:
                self._due = now + EVERY_S
                _LOG.warning(
                    "%srefused: %d %s%s", self._whose, new, name, f"; the last: {item.why}" if item.why else ""
                )
