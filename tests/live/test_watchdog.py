"""A controller that hangs is noticed, and its targets do not jump afterwards."""

import logging
import threading

import numpy as np
import pytest

from live.controller import AssistController, JointTargets
from live.inputs import ObjectPose
from live.loop import ControlLoop
from live.ports import Reading
from live.watchdog import LIMIT_S, Watchdog
from tests.live.fakes import BALL, OPEN, PERIOD, THING, WRIST, FakePolicy


def test_a_round_that_hangs_is_told_once_and_so_is_the_end_of_it(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    watchdog = Watchdog(lambda: now)
    caplog.set_level(logging.WARNING)
    watchdog.look()  # no round yet
    watchdog.begin()
    now = LIMIT_S
    watchdog.look()
    assert caplog.messages == []
    now = 0.25
    watchdog.look()
    watchdog.look()
    assert caplog.messages == ["the controller has not answered for 250 ms: no targets are sent"]
    assert watchdog.is_hanging
    watchdog.end()
    watchdog.look()
    assert caplog.messages[1:] == ["the controller answers again"]
    now = 9.0  # between rounds nothing hangs
    watchdog.look()
    assert len(caplog.messages) == 2


class Port:
    """Gives what waits, and remembers what was sent."""

    def __init__(self) -> None:
        self.waiting: list[Reading] = []
        self.sent: list[JointTargets] = []

    def read(self) -> list[Reading]:
        found, self.waiting = self.waiting, []
        return found

    def send(self, targets: JointTargets) -> None:
        self.sent.append(targets)


def test_the_loop_is_watched_from_a_thread_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[str] = set()
    monkeypatch.setattr(Watchdog, "look", lambda _: threads.add(threading.current_thread().name))
    port = Port()
    ControlLoop(AssistController(FakePolicy(0.5)), [port], [port]).run(PERIOD, 0.5)
    assert threads == {"watchdog"}
    assert "watchdog" not in {thread.name for thread in threading.enumerate()}


def test_targets_do_not_jump_after_a_round_that_hung() -> None:
    controller, port, now = AssistController(FakePolicy(1.0)), Port(), 0.0
    controller.know_object(BALL)
    loop = ControlLoop(controller, [port], [port], clock=lambda: now)
    joints = np.array(OPEN)
    for number in range(20):
        now = number * PERIOD
        port.waiting = [Reading(now, WRIST, joints, ObjectPose(THING))]
        loop.round()
        joints = port.sent[-1].joint_pos  # a hand that follows at once
    before = joints
    port.waiting = [Reading(now + late * PERIOD, WRIST, joints, ObjectPose(THING)) for late in range(1, 41)]
    now += 1.0
    loop.round()
    moved = np.abs(port.sent[-1].joint_pos - before).max()
    assert moved == pytest.approx(controller.settings.max_speed * 0.1)
