"""Rounds of a controller: time goes on while nothing comes, and targets keep their speed whatever senders tell."""

import numpy as np
import pytest

from live.controller import AssistController
from live.inputs import ObjectPose
from live.loop import ControlLoop
from live.ports import Reading
from tests.live.fakes import BALL, OPEN, PERIOD, THING, WRIST, FakePolicy, Script


def reading(time_s: float) -> Reading:
    return Reading(time_s, WRIST, OPEN, ObjectPose(THING))


def test_targets_keep_their_speed_by_this_machines_clock_whatever_times_are_told() -> None:
    controller, script, now = AssistController(FakePolicy(1.0)), Script(), 0.0
    controller.know_object(BALL)
    loop = ControlLoop(controller, [script], [script], clock=lambda: now)
    assert loop.round() is None
    for number in range(40):
        now = number * PERIOD
        # a clock that runs 15 times as fast: each reading is believed, and the controller takes a step for each
        script.waiting = [reading(15.0 * (now + share * PERIOD)) for share in (0.0, 0.33, 0.67)]
        loop.round()
    told = np.array([each.joint_pos for each in script.sent])
    moved = np.abs(np.diff(told, axis=0)).max()
    assert 0.01 < moved <= controller.settings.max_speed * PERIOD + 1e-12


def test_a_sender_whose_clock_began_anew_is_believed_after_five_readings_however_few_come_in_a_round() -> None:
    controller, script, now = AssistController(FakePolicy(0.5)), Script(), 0.0
    controller.know_object(BALL)
    loop, frozen = ControlLoop(controller, [script], [script], clock=lambda: now), []
    for number in range(60):
        now = number * PERIOD
        script.waiting = [reading(now if number < 20 else 7000.0 + now)]
        loop.round()
        frozen.append(script.sent[-1].is_frozen)
    assert controller.inputs.clock.num_restarts == 1
    assert not any(frozen[26:])  # the fifth is the first of three that joints are believed after
    assert script.sent[-1].time_s == pytest.approx(7000.0 + now)


def test_while_no_time_is_believed_time_goes_on_and_the_grip_is_kept() -> None:
    controller, script, now = AssistController(FakePolicy(0.5)), Script(), 0.0
    loop = ControlLoop(controller, [script], [script], clock=lambda: now)
    for number in range(40):
        now = number * PERIOD
        script.waiting = [reading(now if number < 20 else 1e5 * number)]
        loop.round()
    assert script.sent[-1].time_s == pytest.approx(now)
    assert "wrist" in script.sent[-1].message


def test_time_goes_on_while_nothing_comes() -> None:
    controller, script, now = AssistController(FakePolicy(0.0)), Script(), 5.0
    loop = ControlLoop(controller, [script], [script], clock=lambda: now)
    script.waiting = [reading(99.96), reading(99.98), reading(100.0)]
    loop.round()
    now = 5.3
    loop.round()
    assert script.sent[-1].time_s == pytest.approx(100.3)
    assert "wrist" in script.sent[-1].message
    script.waiting = [Reading(100.31, wants_release=True)]
    loop.round()
    assert len(script.sent) == 3
