"""The rounds of a controller: everything that came in goes to it, and its targets go out, at the control rate."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from live.controller import AssistController, JointTargets
from live.ports import Reading, Sink, Source
from live.poses import Array
from live.watchdog import Watchdog

_LONGEST_S = 0.1
"""Seconds between targets that go out for which joints may move: after a round that hung they do not jump."""


class ControlLoop:
    """Rounds of a controller. Time is the senders', and goes on by this machine's clock while they are silent.

    Whatever times senders tell, targets that go out are no faster than the controller's ``max_speed`` by this machine's
    clock.

    Args:
        controller: moves the fingers.
        sources: give readings.
        sinks: take targets.
        clock: seconds of this machine.
    """

    def __init__(
        self,
        controller: AssistController,
        sources: Sequence[Source],
        sinks: Sequence[Sink],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._controller, self._sources, self._sinks, self._clock = controller, sources, sinks, clock
        self._offset: float | None = None
        self._sent: Array | None = None
        self._sent_at = 0.0

    def round(self) -> JointTargets | None:
        """One round; None before anything came in."""
        for source in self._sources:
            for reading in source.read():
                self._take(reading)
        if self._offset is None:
            return None
        at = self._clock()
        targets = self._governed(self._controller.update(at + self._offset), at)
        for sink in self._sinks:
            sink.send(targets)
        return targets

    def run(self, period_s: float, seconds: float, after: Callable[[], object] = lambda: None) -> None:
        """Rounds every ``period_s`` for so many seconds, watched by a `Watchdog`, and something short after each."""
        began = ahead = self._clock()
        with Watchdog(self._clock) as watchdog:
            while self._clock() - began < seconds:
                watchdog.begin()
                self.round()
                after()
                watchdog.end()
                ahead = max(ahead + period_s, self._clock())
                time.sleep(max(0.0, ahead - self._clock()))

    def _take(self, reading: Reading) -> None:
        clock = self._controller.inputs.clock
        refused, restarts = clock.num_refused, clock.num_restarts
        if reading.wants_release:
            self._controller.release()
        self._controller.update(reading.time_s, reading.wrist_pose_w, reading.joint_pos, reading.scene)
        is_believed = clock.num_refused == refused or clock.num_restarts > restarts
        if is_believed and clock.now is not None:
            self._offset = clock.now - self._clock()

    def _governed(self, targets: JointTargets, at: float) -> JointTargets:
        """The same, no farther from what was sent before than the time since then allows, `_LONGEST_S` at most."""
        if not targets.is_ready:
            return targets
        if self._sent is not None:
            way = self._controller.settings.max_speed * min(at - self._sent_at, _LONGEST_S)
            slower = self._sent + np.clip(targets.joint_pos - self._sent, -way, way)
            targets = replace(targets, joint_pos=slower)
        self._sent, self._sent_at = targets.joint_pos, at
        return targets
