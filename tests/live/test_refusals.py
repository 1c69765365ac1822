"""What was refused is said, with its reason, and not too often."""

import json
import logging
import time
from typing import Any

import numpy as np
import pytest

from live.controller import AssistController
from live.inputs import CloudView, ObjectPose
from live.loop import ControlLoop
from live.poses import IDENTITY, Array
from live.refusals import EVERY_S, RefusalLog, Refused, refused_by
from live.udp import UdpClient, UdpPort
from tests.live.fakes import BALL, OPEN, PERIOD, THING, WRIST, FakePolicy


def aside(pose_w: Array, by: float) -> Array:
    return pose_w + np.array([by, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])


def test_each_input_says_why_it_was_refused() -> None:
    controller = AssistController(FakePolicy())
    controller.know_object(BALL)
    bad: dict[str, list[tuple[tuple[Any, Any, Any], str]]] = {
        "joint readings": [
            ((None, np.zeros(2), None), "2 numbers, expected 3 or 4"),
            ((None, np.full(3, np.nan), None), "numbers that are not finite"),
            ((None, np.array([0.0, 2.7, 0.0]), None), "b 1.20 rad beyond its limits"),
        ],
        "wrist poses": [
            ((np.zeros(7), None, None), "not 7 finite numbers, position and unit quaternion wxyz"),
            ((aside(WRIST, 20.0), None, None), "farther than 10 m from the origin"),
        ],
        "objects and clouds": [
            ((None, None, "mug"), "neither a pose nor a cloud"),
            ((None, None, ObjectPose(np.zeros(3))), "an object's pose: not 7 finite numbers, position and unit "
             "quaternion wxyz"),
            ((None, None, ObjectPose(aside(THING, 3.0))), "an object at [3.0, 0.0, 0.05] m, out of the "
             "workspace"),
            ((None, None, CloudView(np.zeros((4, 2)), IDENTITY)), "a cloud of shape (4, 2), expected (N, 3), a million "
             "points at most"),
            ((None, None, CloudView(BALL, np.zeros(7))), "a cloud without the pose of its frame"),
        ],
    }  # fmt: skip
    for name, cases in bad.items():
        for number, (given, why) in enumerate(cases):
            controller.update(0.0, *given)
            assert refused_by(controller.inputs)[name] == Refused(number + 1, why)
    for number in range(3):
        controller.update(0.01 * number, WRIST, OPEN)
    controller.update(0.03, aside(WRIST, 1.5), OPEN + np.array([0.0, 0.9, 0.0]))
    controller.update(99.0, WRIST)
    found = refused_by(controller.inputs)
    assert found["wrist poses"].why == "a jump of 1.50 m, or a turn"
    assert found["joint readings"].why == "a jump of 0.90 rad"
    assert found["times"] == Refused(1, "a time +99.0 s from the newest one")
    controller.close()


def test_what_is_new_is_said_every_few_seconds_at_most(caplog: pytest.LogCaptureFixture) -> None:
    now, found = 0.0, {"times": Refused(0), "joint readings": Refused(0)}
    log = RefusalLog(lambda: found, "visitor 3: ", clock=lambda: now)
    caplog.set_level(logging.WARNING)
    log.look()
    assert caplog.messages == []
    found["joint readings"] = Refused(12, "17 numbers, expected 18 or 22")
    log.look()
    assert caplog.messages == ["visitor 3: refused: 12 joint readings; the last: 17 numbers, expected 18 or 22"]
    found["times"] = Refused(5)
    for share in (0.1, 0.5, 0.9, 1.0, 1.1):
        now = share * EVERY_S
        log.look()
    assert caplog.messages[1:] == ["visitor 3: refused: 5 times"]
    found["joint readings"], now = Refused(2), 99.0  # of another controller
    log.look()
    assert caplog.messages[2:] == ["visitor 3: refused: 2 joint readings"]


def test_refusals_of_a_port_are_said_though_nothing_else_came(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    port, controller = UdpPort(0), AssistController(FakePolicy())
    client = UdpClient(port.address)
    client.send_bytes(b"hello")
    client.send_bytes(json.dumps({"time_s": 1.0, "joint_pos": [0.0, 0.0]}).encode())
    time.sleep(0.02)
    log = RefusalLog(lambda: refused_by(controller.inputs, port))
    ControlLoop(controller, [port], [port]).run(PERIOD, 0.1, log.look)
    assert caplog.messages == [
        "refused: 1 joint readings; the last: 2 numbers, expected 3 or 4",
        "refused: 1 messages that cannot be read",
    ]
    client.close()
    port.close()
    controller.close()
