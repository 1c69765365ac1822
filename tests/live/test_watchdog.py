"""A controller that hangs is noticed, and the motors are told to keep what they have."""

import threading

from live.controller import AssistController, JointTargets
from live.inputs import ObjectPose
from live.loop import ControlLoop
from live.ports import Reading
from live.settings import ControllerSettings
from live.watchdog import Watchdog
from tests.live.fakes import BALL, OPEN, PERIOD, THING, WRIST, FakePolicy


def test_a_hang_is_told_again_and_again_and_counted_once() -> None:
    now, told = 0.0, list[float]()
    watchdog = Watchdog(0.15, told.append, lambda: now)
    now = 0.15
    watchdog.look()
    assert told == []
    now = 0.2
    watchdog.look()
    now = 0.3
    watchdog.look()
    assert told == [0.2, 0.3]
    assert watchdog.num_hangs == 1
    watchdog.feed()
    watchdog.look()
    now = 1.0
    watchdog.look()
    assert told == [0.2, 0.3, 0.7]
    assert watchdog.num_hangs == 2


class HangingPolicy(FakePolicy):
    """Does not answer the third time until somebody sees that it hangs."""

    def __init__(self) -> None:
        super().__init__(0.5)
        self.noticed, self._times = threading.Event(), 0

    def act(self, observation: object) -> object:  # type: ignore[override]
        self._times += 1
        if self._times == 3:
            assert self.noticed.wait(30.0)
        return super().act(observation)  # type: ignore[arg-type]


class Port:
    """Readings as long as it is asked, and what was sent."""

    def __init__(self, policy: HangingPolicy) -> None:
        self.sent: list[JointTargets] = []
        self._policy, self._rounds = policy, 0

    def read(self) -> list[Reading]:
        self._rounds += 1
        return [Reading(self._rounds * PERIOD, WRIST, OPEN, ObjectPose(THING))]

    def send(self, targets: JointTargets) -> None:
        self.sent.append(targets)
        if "has not answered" in targets.message:
            self._policy.noticed.set()


def test_a_policy_that_hangs_leaves_the_fingers_where_they_are_and_the_loop_goes_on() -> None:
    policy = HangingPolicy()
    port, controller = Port(policy), AssistController(policy, ControllerSettings(lost_s=0.15))  # type: ignore[arg-type]
    controller.know_object(BALL)
    ControlLoop(controller, [port], [port]).run(PERIOD, 1.5)
    held = [index for index, each in enumerate(port.sent) if "has not answered" in each.message]
    assert held
    before = port.sent[held[0] - 1]
    assert all(port.sent[index].is_frozen for index in held)
    assert all((port.sent[index].joint_pos == before.joint_pos).all() for index in held)
    assert not port.sent[-1].is_frozen
    assert (port.sent[-1].joint_pos != before.joint_pos).any()
