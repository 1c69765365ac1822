"""Arm, tracker and motors: what is wrong with them is as large as it says, and nothing is wrong without."""

from dataclasses import replace

import numpy as np
import pytest

from envs.hand.shadow import shadow_hand
from live.poses import Array, angle_between
from live.rehearsal.devices import Arm, Motors, WristTracker
from live.rehearsal.disturbances import Disturbances, displaced, off_by

NONE = Disturbances.none()
PERIOD = 0.025
POSE: Array = np.array([0.1, 0.0, 0.3, 0.5, 0.5, 0.5, 0.5])
FAR: Array = np.array([0.4, 0.0, 0.3, 1.0, 0.0, 0.0, 0.0])


def test_an_arm_without_lag_is_where_it_is_asked_to_be() -> None:
    np.testing.assert_allclose(Arm(POSE, replace(NONE, arm_speed=1e3), PERIOD).step(FAR), FAR)


def test_an_arm_with_lag_follows_a_ramp_by_that_time() -> None:
    arm, speed = Arm(POSE, replace(NONE, arm_lag_s=0.1), PERIOD), 0.2
    for number in range(1, 81):
        asked = POSE + np.array([speed * PERIOD * number, 0, 0, 0, 0, 0, 0])
        at = arm.step(asked)
    # two lags of 0.05 s in steps of 0.025 s: 0.025 (1 / (1 - exp(-0.5)) - 1) each, 0.077 s together
    assert (asked[0] - at[0]) / speed == pytest.approx(0.077, abs=0.002)


def test_an_arm_is_no_faster_than_it_can_be() -> None:
    arm = Arm(POSE, replace(NONE, arm_speed=0.5), PERIOD)
    before = arm.pose_w
    for _ in range(10):
        now = arm.step(FAR)
        assert np.linalg.norm(now[:3] - before[:3]) <= 0.5 * PERIOD + 1e-9
        before = now


def test_a_tracker_is_late_and_loses_its_share() -> None:
    wrong = replace(NONE, tracker_latency_s=0.05, tracker_lost=0.3)
    tracker, arrived = WristTracker(wrong, np.random.default_rng(0)), []
    for number in range(1000):
        tracker.look(number * PERIOD, POSE, PERIOD)
        for seen_s, pose in tracker.arrived(number * PERIOD):
            arrived.append(number * PERIOD - seen_s)
            np.testing.assert_allclose(pose, POSE, atol=1e-12)
    np.testing.assert_allclose(arrived, 0.05, atol=1e-9)
    assert tracker.num_lost / 1000 == pytest.approx(0.3, abs=0.04)  # three standard deviations


def test_gaps_of_a_tracker_are_as_long_as_they_say() -> None:
    wrong = replace(NONE, blackout_rate=0.5, blackout_s=0.3)
    tracker, seen = WristTracker(wrong, np.random.default_rng(1)), []
    for number in range(4000):
        tracker.look(number * PERIOD, POSE, PERIOD)
        seen += [seen_s for seen_s, _ in tracker.arrived(number * PERIOD)]
    gaps = np.diff(seen)[np.diff(seen) > 1.5 * PERIOD]
    assert len(gaps) > 20
    assert gaps.min() + PERIOD >= 0.1
    assert np.median(gaps) < 0.3


def test_noise_has_the_size_that_it_says() -> None:
    rng = np.random.default_rng(0)
    seen = np.array([displaced(POSE, 0.002, 0.01, rng) for _ in range(2000)])
    np.testing.assert_allclose(seen[:, :3].std(axis=0), 0.002, rtol=0.1)
    turns = np.array([angle_between(pose[3:], POSE[3:]) for pose in seen])
    # root mean square of a vector of three components of 0.01 rad
    assert np.sqrt((turns**2).mean()) == pytest.approx(0.01 * np.sqrt(3.0), rel=0.1)
    assert 0.7 <= min(off_by(0.3, rng) for _ in range(200)) < 0.75


def test_motors_without_faults_do_what_they_are_told() -> None:
    hand = shadow_hand()
    motors = Motors(hand, NONE, PERIOD, np.random.default_rng(0))
    told = hand.clamp(hand.open_pose + 0.3)
    np.testing.assert_allclose(motors.step(told), told)
    coupled = hand.coupled_from_actuated(told)
    np.testing.assert_allclose(motors.read(told, coupled), np.concatenate([told, coupled]))


def test_motors_are_late_lag_and_give_way() -> None:
    hand = shadow_hand()
    wrong = replace(NONE, motor_delay_s=0.05, motor_lag_s=0.05, tendon_play=0.02)
    motors, told = Motors(hand, wrong, PERIOD, np.random.default_rng(0)), hand.open_pose + 0.2
    moved = np.array([motors.step(told)[1] for _ in range(60)]) - hand.open_pose[1]
    np.testing.assert_array_equal(moved[:2], 0.0)  # two periods late
    # a step of 0.2 (1 - exp(-0.5)), less half of the play
    assert moved[2] == pytest.approx(0.2 * (1.0 - np.exp(-0.5)) - 0.01)
    assert moved[-1] == pytest.approx(0.19, abs=1e-6)


def test_numbers_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match=r"tracker_lost is 1\.0; allowed 0 to 0\.9"):
        Disturbances(tracker_lost=1.0)
    with pytest.raises(ValueError, match="arm_lag_s is -1"):
        Disturbances(arm_lag_s=-1.0)
    with pytest.raises(ValueError, match="arm has to move"):
        Disturbances(arm_speed=0.0)
