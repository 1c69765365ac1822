"""A controller that hangs is noticed, and its targets do not jump afterwards."""

import faulthandler
import io
import logging
import subprocess
import sys
import threading

import numpy as np
import pytest

from live.controller import AssistController
from live.inputs import ObjectPose
from live.loop import ControlLoop
from live.ports import Reading
from live.watchdog import LIMIT_S, Watchdog
from tests.learning import ROOT
from tests.live.fakes import BALL, OPEN, PERIOD, THING, WRIST, FakePolicy, Script


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


class SlowSource(Script):
    """Does not answer the second time until somebody has noticed."""

    def __init__(self) -> None:
        super().__init__()
        self.noticed, self._times = threading.Event(), 0

    def read(self) -> list[Reading]:
        self._times += 1
        if self._times == 2:
            assert self.noticed.wait(30.0)
        return super().read()


def test_the_loop_is_watched_from_a_thread_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    slow, threads, look = SlowSource(), set[str](), Watchdog.look

    def looked(self: Watchdog) -> None:
        look(self)
        if self.is_hanging:
            threads.add(threading.current_thread().name)
            slow.noticed.set()

    monkeypatch.setattr(Watchdog, "look", looked)
    ControlLoop(AssistController(FakePolicy(0.5)), [slow], [slow]).run(PERIOD, 0.5)
    assert threads == {"watchdog"}
    assert "watchdog" not in {thread.name for thread in threading.enumerate()}


def test_a_program_without_standard_error_is_watched() -> None:
    script = (
        "import sys, time; from live.watchdog import Watchdog\n"
        "sys.stderr.close()\n"
        "with Watchdog() as watchdog:\n"
        "    watchdog.begin(); end = time.monotonic() + 30\n"
        "    while not watchdog.is_hanging and time.monotonic() < end: time.sleep(0.01)\n"
        "    print(watchdog.is_hanging)\n"
        "    watchdog.end()\n"
        "    while watchdog.is_hanging and time.monotonic() < end: time.sleep(0.01)\n"
        "    print(watchdog.is_hanging)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == ["True", "False"]


def test_a_standard_error_that_is_no_file_is_told_once_and_its_alarm_given_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "__stderr__", io.StringIO())
    looks = threading.Semaphore(0)
    monkeypatch.setattr(Watchdog, "look", lambda _: looks.release())
    ended: list[str] = []
    monkeypatch.setattr(
        faulthandler, "cancel_dump_traceback_later", lambda: ended.append(threading.current_thread().name)
    )
    with Watchdog():
        assert all(looks.acquire(timeout=30.0) for _ in range(3))
    assert caplog.messages == ["a call that holds Python's lock will not be told on standard error: fileno"]
    assert ended[0] == "watchdog"


@pytest.mark.skipif(sys.platform == "win32", reason="usleep is a function of POSIX")
def test_a_call_that_holds_pythons_lock_is_told_by_where_it_is() -> None:
    script = (
        "import ctypes, time; from live.watchdog import Watchdog\n"
        "def hold(): ctypes.PyDLL(None).usleep(2_500_000)\n"  # in C, without giving the lock back
        "with Watchdog() as watchdog: time.sleep(0.3); watchdog.begin(); hold(); watchdog.end()\n"
        "time.sleep(1.5)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stderr.count("Timeout (0:00:01)!") == 1  # not again once it is over
    assert "in hold" in done.stderr


def test_targets_do_not_jump_after_a_round_that_hung() -> None:
    controller, port, now = AssistController(FakePolicy(1.0)), Script(), 0.0
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
