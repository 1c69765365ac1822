"""The controller's promises, on a hand of three joints."""

import errno
import math
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from live import clouds
from live.controller import CLOSE_ANGLE, AssistController, JointTargets
from live.inputs import CloudView, ObjectPose
from live.log import ControllerLog, load_log
from live.ports import RecordedSource, pump
from live.poses import IDENTITY, Array
from live.settings import ControllerSettings
from live.states import State
from tests.live.fakes import BALL, FACTS, OPEN, PERIOD, THING, WRIST, Bench, FakePolicy


class Broken:
    """Fails in a way of its own when it is asked for its numbers."""

    def __array__(self, dtype: object = None, copy: object = None) -> Array:
        raise RuntimeError("the memory behind it is gone")

    def __float__(self) -> float:
        raise RuntimeError("the memory behind it is gone")


def garbage(rng: np.random.Generator) -> object:
    """Something that is no reading."""
    return [
        np.full(7, np.nan), np.full(3, np.inf), "wrist", {}, [], [[1.0]], np.zeros(7), 1e300 * np.ones(7),
        b"\0", object(), np.full(3, 1e9), np.ones((7, 7)), [None] * 7, [10**400] * 7, [10**400] * 3,
        Broken(), [Broken()] * 7,
    ][rng.integers(17)]  # fmt: skip


def bad_scene(rng: np.random.Generator) -> object:
    value = garbage(rng)
    return [value, ObjectPose(value), CloudView(value, WRIST), CloudView(BALL, value)][rng.integers(4)]  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(6))
def test_whatever_comes_in_targets_are_finite_within_limits_and_speed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bench = Bench(rng.choice([-1.0, 1.0, 5.0]), ControllerSettings(max_speed=rng.choice([0.7, 2.0])))
    controller, now, last = bench.controller, 0.0, None
    for _ in range(1500):
        now += rng.choice([0.0, 0.002, PERIOD, 0.1])
        seen_at: object = now + rng.choice([0.0, 0.0, 0.0, -0.05, -3.0, 1e7, np.nan, np.inf])
        if rng.random() < 0.02:
            seen_at = garbage(rng)
        wrist = WRIST + rng.choice([0.0, 0.01, 3.0]) * np.r_[rng.normal(size=3), np.zeros(4)]
        joints = OPEN + rng.choice([0.0, 0.05, 3.0]) * rng.normal(size=3)
        bench.policy.action = np.full(3, rng.choice([1.0, -1.0, 9.0, np.nan]))
        if rng.random() < 0.05:  # a reconnect whose clock begins anew
            now = rng.uniform(0.0, 1e4)
        before = controller.inputs.clock.now
        targets = controller.update(
            seen_at,  # type: ignore[arg-type]
            [None, wrist, wrist, garbage(rng)][rng.integers(4)],
            [None, joints, joints, garbage(rng)][rng.integers(4)],
            [None, ObjectPose(THING), bad_scene(rng)][rng.integers(3)],
        )
        if not targets.is_ready:
            continue
        assert np.isfinite(targets.joint_pos).all()
        assert (targets.joint_pos >= FACTS.low).all()
        assert (targets.joint_pos <= FACTS.high).all()
        if last is not None and before is not None:
            elapsed = max(0.0, targets.time_s - before)
            allowed = controller.settings.max_speed * min(elapsed, 2.0 * PERIOD) + 1e-9
            # of a clock that began anew nobody knows how much time has passed
            assert np.abs(targets.joint_pos - last).max() <= allowed
        last = targets.joint_pos
    assert last is not None
    controller.close()


def test_what_fails_to_say_its_numbers_is_refused_as_what_has_none() -> None:
    controller = AssistController(FakePolicy())
    broken: list[object] = [Broken(), ObjectPose(Broken()), CloudView(Broken(), WRIST)]  # type: ignore[arg-type]
    for scene in broken:
        controller.update(0.0, Broken(), Broken(), scene)
    controller.update(Broken())  # type: ignore[arg-type]
    inputs = controller.inputs
    refused = (inputs.wrist.num_refused, inputs.joints.num_refused, inputs.num_bad_scenes, inputs.clock.num_refused)
    assert refused == (3, 3, 3, 1)
    controller.close()


def test_the_policy_moves_the_fingers_near_the_object_and_not_far_away() -> None:
    bench = Bench()
    bench.wrist[0] = 1.0
    np.testing.assert_allclose(bench.run(0.5), OPEN, atol=1e-9)
    assert bench.state() is State.IDLE
    near = Bench()
    assert near.run(0.5)[1] > OPEN[1] + 0.5
    assert near.state() is State.ASSIST


def test_between_near_and_far_the_state_stays_as_it_was() -> None:
    settings = ControllerSettings()
    for first, state in ((0.0, State.ASSIST), (2.0, State.IDLE)):
        bench = Bench(0.0)
        bench.wrist[0] = first
        bench.run(0.3)
        # the ball's nearest point is 3 cm nearer than its centre, which lies at the grasp centre
        bench.controller.inputs.wrist.clear()
        bench.wrist[0] = 0.03 + 0.5 * (settings.near + settings.far)
        bench.run(0.5)
        assert bench.state() is state


def test_a_wrist_that_is_lost_freezes_the_fingers_and_comes_back_smoothly() -> None:
    bench = Bench(0.2)
    bench.run(0.4)
    kept = bench.run(0.175, sees_wrist=False)
    assert bench.last.is_frozen
    assert "wrist" in bench.last.message
    np.testing.assert_array_equal(bench.run(1.0, sees_wrist=False), kept)
    first = bench.run(PERIOD) - kept
    assert bench.last.message == ""
    # a tenth of the full step of 0.2 * 0.05 rad: 0.25 s are ten steps
    assert first[1] == pytest.approx(0.1 * 0.2 * 0.05, rel=1e-3)
    before = bench.run(0.3)
    assert bench.run(PERIOD)[1] - before[1] == pytest.approx(0.2 * 0.05, rel=1e-3)


def test_a_wrist_that_misses_a_few_samples_freezes_nothing() -> None:
    bench = Bench(0.2)
    bench.run(0.4)
    before = bench.last.joint_pos[1]
    assert bench.run(0.1, sees_wrist=False)[1] == pytest.approx(before + 4 * 0.2 * 0.05, rel=1e-3)
    assert not bench.last.is_frozen


class LaggingBench(Bench):
    """Commands reach joints 25 ms late, with a lag of 60 ms: motors and drives of `live.rehearsal`."""

    def run(self, seconds: float, rise: float = 0.0, sees_wrist: bool = True) -> Array:
        for _ in range(round(seconds / PERIOD)):
            due, joints = self.last.joint_pos if self.time else OPEN, self.joints
            super().run(PERIOD, rise, sees_wrist)
            self.joints = np.minimum(joints + (1.0 - np.exp(-PERIOD / 0.06)) * (due - joints), self.stop)
        return self.last.joint_pos


def held() -> Bench:
    """A hand that closed on something at 0.5 rad and was lifted by 8 cm."""
    bench = Bench()
    bench.stop = 0.5
    bench.run(0.8)
    bench.run(0.4, rise=0.2)
    return bench


def test_a_wrist_that_rises_with_contact_holds_whatever_the_policy_says() -> None:
    bench = held()
    assert bench.state() is State.HOLDING
    kept = bench.last.joint_pos
    bench.policy.action = np.full(3, -1.0)
    np.testing.assert_array_equal(bench.run(1.0, rise=-0.05), kept)


@pytest.mark.parametrize("rests_s", [0.15, 0.2])
def test_a_tracker_that_is_lost_as_the_lift_begins_loosens_nothing(rests_s: float) -> None:
    bench = Bench()
    bench.stop = 0.5
    bench.run(0.8)
    bench.run(rests_s, sees_wrist=False)
    bench.run(0.25 - rests_s, rise=0.2, sees_wrist=False)
    ahead = [bench.run(PERIOD, rise=0.2)[1] - 0.5 for _ in range(40)]
    # as without the gap, whatever share of their full speed the fingers are back to
    assert min(ahead) == pytest.approx(CLOSE_ANGLE)
    assert bench.state() is State.HOLDING


@pytest.mark.parametrize("level", [0.1, 0.3, 1.0])
def test_the_grip_of_a_lift_is_the_same_at_every_level(level: float) -> None:
    bench = Bench(1.0, ControllerSettings(level=level))
    bench.stop = 0.5
    bench.run(6.0)
    bench.run(0.4, rise=0.2)
    np.testing.assert_allclose(bench.last.joint_pos[1:], 0.5 + CLOSE_ANGLE)
    assert bench.state() is State.HOLDING


def test_at_level_0_a_lift_moves_nothing() -> None:
    for level in (0.0, 1.0):  # an open hand, and one that closed at level 1 before
        bench = Bench(1.0, ControllerSettings(level=level))
        bench.stop = 0.5
        bench.run(0.8)
        bench.controller.level = 0.0
        kept = bench.run(0.1)
        np.testing.assert_array_equal(bench.run(0.4, rise=0.2), kept)


def test_a_wrist_that_rises_without_contact_does_not_hold() -> None:
    bench = Bench(0.0)
    bench.run(0.4)
    bench.run(0.4, rise=0.2)
    assert bench.state() is not State.HOLDING


def hanging(share: float = 1.0, *, hangs: bool = True) -> Bench:
    """Closed around something that presses on no joint, 10 cm up."""
    bench = Bench(0.5)
    bench.policy.share, bench.hangs = share, hangs
    bench.run(0.6)
    bench.policy.action = np.zeros(3)
    bench.run(0.5, rise=0.2)
    return bench


def test_closed_fingers_hold_what_they_lift_though_no_joint_feels_it() -> None:
    bench = hanging()
    assert bench.state() is State.HOLDING
    kept = bench.last.joint_pos
    bench.policy.action = np.full(3, -1.0)
    np.testing.assert_array_equal(bench.run(1.0, rise=0.05), kept)


def test_closed_fingers_hold_what_a_camera_does_not_see_rise() -> None:
    bench = Bench(0.5)
    bench.controller.inputs.know(BALL)  # its pose is never told
    for step in range(64):
        bench.wrist = bench.wrist + np.array([0, 0, 0.2 * PERIOD * (step > 40), 0, 0, 0, 0])
        bench.policy.action = np.full(3, 0.5 * (step < 24))
        scene = CloudView(BALL + THING[:3], IDENTITY) if step % 8 == 0 else None
        bench.joints = bench.controller.update(step * PERIOD, bench.wrist, bench.joints, scene).joint_pos
        bench.controller.inputs.wait_for_clouds()
    assert bench.state() is State.HOLDING
    bench.controller.close()


@pytest.mark.parametrize(("share", "hangs"), [(1.0, False), (0.3, True)])
def test_a_hand_that_left_the_object_behind_or_only_waits_does_not_hold(share: float, hangs: bool) -> None:
    assert hanging(share, hangs=hangs).state() is State.ASSIST


def test_what_no_joint_feels_is_carried_aside_and_down_and_let_go_by_resting() -> None:
    bench = hanging()
    bench.run(1.0, aside=0.5)
    bench.run(0.4, rise=-0.2)
    assert bench.state() is State.HOLDING
    bench.run(0.1, rise=-0.2)
    bench.run(1.0)
    assert bench.state() in {State.RELEASE, State.IDLE}


@pytest.mark.parametrize("jump", [-0.08, -0.9])
def test_a_tracker_that_finds_the_wrist_lower_lets_nothing_go(jump: float) -> None:
    bench = hanging()
    bench.tells = False
    bench.wrist[2] += jump
    bench.run(0.05)
    bench.wrist[2] -= jump * (jump > -0.1)  # a single wrong sample, or for good
    bench.run(2.0)
    assert bench.state() is State.HOLDING


def test_a_pose_that_is_told_no_more_is_no_sign_of_an_object_left_behind() -> None:
    bench = Bench(0.5)
    bench.run(0.6)
    bench.policy.action, bench.tells = np.zeros(3), False
    bench.run(0.2)
    bench.run(2.0, rise=0.25)
    assert bench.state() is State.HOLDING


def test_a_hand_that_is_told_of_its_object_far_away_opens() -> None:
    bench = hanging()
    bench.hangs = False
    bench.run(3.0, rise=0.25)
    assert bench.state() is State.IDLE
    felt = held()
    felt.run(3.0, rise=0.25)
    assert felt.state() is State.HOLDING


def test_an_empty_hand_whose_motors_lag_does_not_hold() -> None:
    bench = LaggingBench(0.3)
    bench.run(0.4)
    assert bench.state() is State.ASSIST
    before = bench.joints[1:].copy()
    bench.run(0.5, rise=0.5)
    np.testing.assert_allclose(bench.joints[1:] - before, CLOSE_ANGLE, atol=0.03)  # the closing of the lift
    assert bench.state() is State.ASSIST


def test_a_hand_whose_motors_lag_holds_what_stops_it() -> None:
    bench = LaggingBench()
    bench.stop = 0.5
    bench.run(0.8)
    bench.run(0.4, rise=0.5)
    assert bench.state() is State.HOLDING


def test_the_button_opens_and_the_hand_assists_again_only_after_leaving() -> None:
    bench = held()
    bench.controller.release()
    bench.run(0.1)
    assert bench.state() is State.RELEASE
    np.testing.assert_allclose(bench.run(2.0), OPEN, atol=1e-9)
    assert bench.state() is State.IDLE
    bench.wrist[0] += 0.1
    bench.run(0.5)
    assert bench.state() is State.ASSIST


def test_setting_down_and_resting_opens() -> None:
    bench = held()
    bench.run(0.41, rise=-0.2)
    bench.run(1.5)
    assert bench.state() in {State.RELEASE, State.IDLE}
    assert bench.last.joint_pos[1] < 0.5


def test_a_wrist_that_rests_lower_than_where_it_grasped_lets_nothing_go() -> None:
    bench = held()
    bench.run(0.4, rise=-0.4)
    assert bench.wrist[2] == pytest.approx(WRIST[2] - 0.08)  # beside a table, in mid-air
    bench.run(2.0)
    assert bench.state() is State.HOLDING
    bench.run(0.4, rise=0.2)  # back to where it was taken
    bench.run(1.5)
    assert bench.state() in {State.RELEASE, State.IDLE}


def lifted_by_a_noisy_tracker() -> Bench:
    """30 cm up, where its base lies 6 cm above the place of the grasp: the tracker's noise was 12 mm."""
    rng, bench = np.random.default_rng(1), Bench()
    bench.stop = 0.5
    for step in range(64):
        rise, true = (0.5 if step >= 40 else 0.0), bench.wrist.copy()
        bench.wrist[:3] += 0.012 * rng.standard_normal(3)
        bench.run(PERIOD, rise)
        bench.wrist = true + np.array([0.0, 0.0, rise * PERIOD, 0.0, 0.0, 0.0, 0.0])
    assert bench.state() is State.HOLDING
    base = bench.controller._states._base
    assert base is not None
    assert base[2] > WRIST[2] + 0.05
    return bench


def test_setting_down_opens_at_the_height_of_the_grasp_though_the_lift_was_noticed_late() -> None:
    bench = lifted_by_a_noisy_tracker()
    bench.run(0.6, rise=-0.5)
    bench.run(1.5)
    assert bench.state() in {State.RELEASE, State.IDLE}


def test_resting_above_the_height_of_the_grasp_lets_nothing_go_though_the_lift_was_noticed_late() -> None:
    bench = lifted_by_a_noisy_tracker()
    bench.run(0.48, rise=-0.5)  # 6 cm above it
    bench.run(1.5)
    assert bench.state() is State.HOLDING


def test_the_level_scales_the_steps() -> None:
    moved = [Bench(0.5, ControllerSettings(level=level)).run(0.5)[1] - OPEN[1] for level in (0.0, 0.5, 1.0)]
    assert moved[0] == 0.0
    assert moved[1] == pytest.approx(0.5 * moved[2], rel=1e-6)
    assert moved[2] > 0.3


@pytest.mark.parametrize("level", [float("nan"), float("inf"), -0.1, 1.5, "nan", None])
def test_a_level_that_is_none_is_refused_and_the_one_before_stays(level: float) -> None:
    bench = Bench(0.5, ControllerSettings(level=0.5))
    with pytest.raises(ValueError, match=rf"level is {level}; an assist level lies in \[0, 1\]"):
        bench.controller.level = level
    assert bench.controller.level == 0.5
    assert np.isfinite(bench.run(0.5)).all()


def test_a_command_that_is_no_number_goes_no_further() -> None:
    bench = Bench(0.5)
    kept = bench.run(0.4)
    bench.controller._facts = replace(FACTS, max_step=np.nan)
    np.testing.assert_array_equal(bench.run(0.2), kept)
    assert (bench.last.is_frozen, bench.last.message) == (True, "no number was worked out: the grip is kept")
    bench.controller._facts = FACTS
    assert bench.run(0.2)[1] > kept[1] + 0.1


def test_a_torque_limit_keeps_targets_near_the_joints() -> None:
    bench = Bench(1.0, ControllerSettings(max_torque=1.0))
    bench.stop = 0.4
    # 1 N m at 10 N m / rad
    assert bench.run(1.0)[1] == pytest.approx(0.5)


WEAK = ControllerSettings(max_torque=0.3)
"""N m; at 10 N m / rad a target is 0.03 rad ahead of its joint at most."""


def ahead(bench: Bench, seconds: float, rise: float = 0.0) -> float:
    """How far a target was ahead of its joint at most in so many seconds, rad."""
    return max(float(np.abs(bench.run(PERIOD, rise) - bench.joints).max()) for _ in range(round(seconds / PERIOD)))


def weak_and_held() -> Bench:
    bench = Bench(1.0, WEAK)
    bench.stop = 0.5
    bench.run(1.2)
    assert ahead(bench, 0.4, rise=0.2) == pytest.approx(0.03)  # while assisting and while closing for the lift
    assert bench.state() is State.HOLDING  # what presses with little torque is felt, too
    return bench


def test_a_torque_limit_holds_for_a_grip_that_is_kept() -> None:
    bench = weak_and_held()
    kept = bench.last.joint_pos
    bench.stop = 0.3  # something pushes the fingers open
    bench.run(0.2)  # targets follow at 2 rad/s
    assert ahead(bench, 0.5) == pytest.approx(0.03)
    bench.stop = 0.5  # and lets go: the grip is as before
    np.testing.assert_allclose(bench.run(0.5), kept)


def test_a_torque_limit_holds_where_something_keeps_the_hand_from_opening() -> None:
    bench = weak_and_held()
    bench.least = np.array([-np.inf, 0.5, 0.5])
    bench.controller.release()
    bench.run(0.1)
    assert bench.state() is State.RELEASE
    assert ahead(bench, 0.3) == pytest.approx(0.03)
    bench.least = -np.inf
    np.testing.assert_allclose(bench.run(2.0), OPEN, atol=1e-9)
    idle = Bench(1.0, WEAK)
    idle.wrist[0], idle.least = 1.0, np.array([-np.inf, 1.3, 1.3])
    idle.joints = np.array([0.0, 1.3, 1.3])
    idle.run(3 * PERIOD)
    assert ahead(idle, 1.0) <= 0.03 + 1e-9
    assert idle.state() is State.IDLE


def test_a_torque_limit_holds_while_the_wrist_is_not_seen() -> None:
    bench = weak_and_held()
    bench.stop = 0.3
    bench.run(0.5, sees_wrist=False)
    assert bench.last.is_frozen
    np.testing.assert_allclose(bench.last.joint_pos[1:], 0.33)


@pytest.mark.parametrize("rate", [30.0, 47.0, 100.0])
def test_inputs_of_any_rate_are_resampled_to_the_period(rate: float) -> None:
    bench = Bench(0.0)
    speed = np.array([0.2, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0])
    for number in range(int(rate)):
        now = number / rate
        bench.controller.update(now, WRIST + now * speed, OPEN, ObjectPose(THING + now * speed))
    history = bench.policy.seen[-1].wrist_history
    past = bench.policy.seen[-1].wrist_past
    np.testing.assert_allclose(np.diff(history[:, 0]), 0.2 * PERIOD, atol=1e-6)
    np.testing.assert_allclose(history[-1, 0] - past[:, 0], 0.2 * np.array([0.8, 0.6, 0.4, 0.2]), atol=0.2 * PERIOD)


def test_late_and_reordered_samples_give_the_history_that_was() -> None:
    bench = Bench(0.0)
    for block in range(20):
        for number in (4 * block + each for each in (2, 0, 3, 1)):
            pose = WRIST + np.array([0.002 * number, 0, 0, 0, 0, 0, 0])
            bench.controller.update(number * 0.01, pose, OPEN, ObjectPose(THING))
    places = bench.policy.seen[-1].wrist_history[:-1, 0]  # the newest sample may still be on its way
    # 2 mm in 10 ms are 5 mm in a period
    np.testing.assert_allclose(np.diff(places), 0.005, atol=1e-9)


def test_an_object_seen_by_cameras_is_as_good_as_a_known_one() -> None:
    policy = FakePolicy(0.0)
    controller = AssistController(policy)
    view = CloudView(BALL + THING[:3] - WRIST[:3], WRIST)  # a camera at the wrist
    for number in range(200):
        controller.update(number * PERIOD, WRIST, OPEN, view if number % 4 == 0 else None)
        if policy.seen:
            break
        time.sleep(0.01)  # the thread of the clouds
    controller.close()
    points = policy.seen[0].points_h
    np.testing.assert_allclose(np.linalg.norm(points - [0, 0, -0.05], axis=1), 0.03, atol=1e-6)


NOT_SEEN = "the object is not seen: the fingers stay"


def test_an_object_whose_pose_is_told_no_more_moves_no_fingers_after_a_while() -> None:
    bench = Bench(0.1)
    bench.run(0.2)
    bench.tells = False
    before = bench.run(2.9)
    assert bench.last.message == ""
    kept = bench.run(0.2)
    assert kept[1] > before[1]
    assert (bench.last.message, bench.last.is_frozen, bench.state()) == (NOT_SEEN, True, State.ASSIST)
    np.testing.assert_array_equal(bench.run(1.0, aside=0.5), kept)  # nor does it let go, wherever the wrist goes
    assert bench.state() is State.ASSIST
    bench.wrist, bench.tells = WRIST.copy(), True
    bench.run(0.2)
    assert bench.last.message == ""
    assert bench.last.joint_pos[1] > kept[1]


def test_an_object_that_is_told_once_and_stays_is_a_setting() -> None:
    bench = Bench(0.1, ControllerSettings(max_age_s=math.inf))
    bench.run(0.2)
    bench.tells = False
    before = bench.run(3.5)
    assert bench.last.message == ""
    assert bench.run(0.2)[1] > before[1]


def test_a_hand_that_holds_and_one_that_is_let_go_ask_for_no_object() -> None:
    bench = held()
    bench.tells = False
    kept = bench.run(5.0, rise=0.02)
    assert (bench.last.message, bench.state()) == ("", State.HOLDING)
    np.testing.assert_array_equal(bench.last.joint_pos, kept)
    bench.controller.release()
    np.testing.assert_allclose(bench.run(2.0), OPEN, atol=1e-9)


def test_an_old_object_wakes_no_fingers() -> None:
    bench = Bench()
    bench.wrist[0] = 1.0
    bench.run(0.2)
    bench.tells = False
    bench.run(3.2)
    bench.run(1.0, aside=-1.0)
    assert abs(bench.wrist[0]) < 1e-6
    assert bench.state() is State.IDLE


def test_a_clock_that_begins_anew_opens_no_hand_before_the_object_is_told_again() -> None:
    bench = Bench()
    bench.stop = 0.5
    kept = bench.run(1.0)
    bench.time, bench.tells = 1e4, False
    np.testing.assert_array_equal(bench.run(1.0), kept)
    assert (bench.last.message, bench.state()) == (NOT_SEEN, State.ASSIST)
    bench.tells = True
    bench.run(0.1)
    assert bench.last.message == ""


def test_a_view_that_comes_late_does_not_replace_a_newer_one() -> None:
    controller = AssistController(FakePolicy(0.0))
    for time_s, x in ((1.0, 0.1), (0.8, 0.3), (1.2, 0.2), (1.1, 0.3)):
        controller.update(time_s, WRIST, OPEN, CloudView(BALL + np.array([x, 0.0, 0.1]), IDENTITY))
        controller.inputs.wait_for_clouds()
    controller.update(1.3)
    cloud = controller.inputs.cloud
    assert cloud is not None
    assert cloud.points[:, 0].mean() == pytest.approx(0.2, abs=0.01)
    assert controller.inputs.age_s(1.5) == pytest.approx(0.3)
    controller.close()


class SeenByCameras:
    """A wrist at rest over a ball that cameras see; `Bench` knows its object."""

    def __init__(self) -> None:
        self.policy = FakePolicy()
        self.controller = AssistController(self.policy)
        self.time = 0.0
        self.joints = OPEN.copy()
        self.sees = True

    def run(self, seconds: float) -> JointTargets:
        """The targets after so many seconds, with a cloud in every step, which is waited for."""
        for _ in range(round(seconds / PERIOD)):
            self.time += PERIOD
            points = BALL[: len(BALL) if self.sees else 3] + THING[:3]
            targets = self.controller.update(self.time, WRIST, self.joints, CloudView(points, IDENTITY))
            self.controller.inputs.wait_for_clouds()
            self.joints = targets.joint_pos
        return targets


def test_after_views_without_an_object_the_fingers_stay_until_it_is_seen_again() -> None:
    bench = SeenByCameras()
    bench.policy.action = np.full(3, 0.1)
    bench.run(0.3)
    bench.sees = False
    bench.run(3.1)
    before = bench.run(0.1)
    assert (before.message, before.state) == (NOT_SEEN, State.ASSIST)
    kept = bench.run(0.5)
    np.testing.assert_array_equal(kept.joint_pos, before.joint_pos)
    bench.sees = True
    after = bench.run(0.3)
    assert after.message == ""
    assert after.joint_pos[1] > kept.joint_pos[1]
    bench.controller.close()


def test_an_error_while_a_cloud_is_prepared_keeps_the_fingers_where_they_are_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = SeenByCameras()
    before = bench.run(0.5)
    assert before.joint_pos[1] > OPEN[1] + 0.3

    def fail(*_: object) -> None:
        raise IndexError("index 7 is out of bounds")

    with monkeypatch.context() as patched:
        patched.setattr(clouds, "prepare", fail)
        kept = bench.run(2 * PERIOD)  # the step in which the first one comes still has the one before
        targets = bench.run(0.3)
        np.testing.assert_allclose(targets.joint_pos, kept.joint_pos, atol=1e-9)
        assert (targets.state, targets.is_frozen) == (State.ASSIST, True)
        assert targets.message == (
            "a cloud could not be prepared (IndexError: index 7 is out of bounds): the fingers stay"
        )
        bench.controller.release()  # the user can still let go
        assert bench.run(PERIOD).state is State.RELEASE
        targets = bench.run(1.5)
        np.testing.assert_allclose(targets.joint_pos, OPEN, atol=1e-6)
        assert (targets.state, targets.is_frozen) == (State.IDLE, True)
    bench.run(2 * PERIOD)
    assert bench.run(PERIOD).message == ""
    bench.controller.close()


def test_a_cloud_that_is_not_used_freezes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise IndexError("index 7 is out of bounds")

    bench = Bench()
    monkeypatch.setattr(clouds, "prepare", fail)
    bench.controller.update(0.0, WRIST, OPEN, CloudView(BALL + THING[:3], IDENTITY))
    bench.controller.inputs.wait_for_clouds()
    assert bench.run(0.5)[1] > OPEN[1] + 0.5  # the known object's pose comes
    assert bench.last.message == ""
    bench.controller.close()


@pytest.mark.parametrize("error", [RuntimeError("broken"), IndexError("broken"), Exception("broken")])
def test_a_policy_that_fails_keeps_the_grip_and_says_so(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    kept = bench.run(0.4)

    def fail(observation: object) -> None:
        raise error

    bench.policy.act = fail  # type: ignore[method-assign, assignment]
    np.testing.assert_allclose(bench.run(0.2), kept, atol=1e-12)
    assert "policy" in bench.last.message
    [record] = caplog.records  # once, not in every step
    assert f"the policy failed: {type(error).__name__}: broken" in record.getMessage()
    assert record.exc_info is not None


def test_nothing_may_be_sent_before_joints_were_read() -> None:
    controller = AssistController(FakePolicy())
    assert not controller.update(0.0, WRIST).is_ready
    for number in range(3):
        assert controller.update(0.01 * number, WRIST, OPEN).is_ready == (number == 2)


CLOSED: Array = np.array([0.0, 0.9, 0.9])


def test_joints_that_are_zero_at_first_are_not_believed() -> None:
    controller = AssistController(FakePolicy(0.0))
    readings = [np.zeros(3), np.zeros(3), CLOSED, CLOSED, np.zeros(3), CLOSED, CLOSED, CLOSED]
    told = [controller.update(number * PERIOD, WRIST, joints) for number, joints in enumerate(readings)]
    assert [each.is_ready for each in told] == 7 * [False] + [True]
    np.testing.assert_allclose(told[-1].joint_pos, CLOSED, atol=PERIOD)  # the hand opens at 1 rad/s
    assert controller.inputs.joints.num_refused == 5  # all that did not last


@pytest.mark.parametrize("times", [[0.0, 0.0, 0.0, 0.0], [0.0, 0.2, 0.4, 0.6], [0.0, 0.02, 0.01, 0.01]])
def test_the_same_reading_again_or_readings_far_apart_are_not_three_that_agree(times: list[float]) -> None:
    controller = AssistController(FakePolicy(0.0))
    assert not any(controller.update(time_s, WRIST, OPEN).is_ready for time_s in times)


def test_after_a_gap_joints_are_believed_again_once_three_readings_agree() -> None:
    bench = held()
    kept = bench.last.joint_pos
    for _ in range(10):
        bench.time += PERIOD
        bench.last = bench.controller.update(bench.time, bench.wrist)
    assert "joints" in bench.last.message
    for number in range(3):  # of a bus that wakes up
        bench.time += PERIOD
        joints = np.zeros(3) if number == 0 else CLOSED
        bench.last = bench.controller.update(bench.time, bench.wrist, joints)
        assert (bench.last.is_ready, "joints" in bench.last.message) == (True, True)
        np.testing.assert_array_equal(bench.last.joint_pos, kept)
    np.testing.assert_allclose(bench.run(PERIOD), kept)
    assert bench.last.is_frozen  # 0.5 rad does not agree with 0.9, and begins anew
    bench.run(2 * PERIOD)
    assert not bench.last.is_frozen


def test_a_log_holds_every_step_and_can_be_played(tmp_path: Path) -> None:
    log = ControllerLog()
    bench = Bench()
    bench.controller = AssistController(bench.policy, log=log)
    bench.controller.know_object(BALL)
    bench.run(0.55)  # of which the first two steps only read
    arrays = load_log(log.save(tmp_path / "log.npz"))
    assert arrays["joint_pos"].shape == (20, 3)
    np.testing.assert_allclose(np.diff(arrays["time_s"]), PERIOD)
    assert arrays["state"][-1] == "assist"
    source, again = RecordedSource(tmp_path / "log.npz"), AssistController(FakePolicy())
    again.know_object(BALL)
    for now in arrays["time_s"]:
        targets = pump(again, [source], [], float(now))
    np.testing.assert_allclose(targets.joint_pos, bench.last.joint_pos, atol=1e-9)


def test_a_full_disk_leaves_the_log_before_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = ControllerLog()
    before = log.save(tmp_path / "log.npz").read_bytes()

    def is_full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", is_full)
    with pytest.raises(OSError, match=r"log\.npz was not written: No space left on device"):
        log.save(tmp_path / "log.npz")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"log.npz": before}


def test_a_foreign_file_is_no_log(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", a=np.zeros(2))
    with pytest.raises(ValueError, match="has no field"):
        load_log(tmp_path / "other.npz")
    (tmp_path / "half.npz").write_bytes((tmp_path / "other.npz").read_bytes()[:-30])
    with pytest.raises(ValueError, match=r"half\.npz cannot be read"):
        load_log(tmp_path / "half.npz")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"level": 1.5}, "level is 1.5"),
        ({"level": math.nan}, "level is nan"),
        ({"max_speed": 0.0}, "max_speed is 0.0"),
        ({"max_speed": math.inf}, "max_speed is inf; expected a finite number"),
        ({"far": 0.1}, "far is 0.1"),
        ({"rise": 0.1}, "sure_rise is 0.08 m and rise 0.1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ControllerSettings(**settings)  # type: ignore[arg-type]
