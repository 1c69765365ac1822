"""Who moves the fingers, on the hand of three joints."""

import numpy as np
import pytest

from envs.hand.registry import load_hand
from live.browser.assistants import Assistants
from live.browser.disturbances import LateNoisySource
from live.inputs import ObjectPose
from live.policies import LiveObservation, PolicyParts
from live.ports import Reading
from tests.live.fakes import FACTS

HAND = load_hand("shadow")
A_P = np.full(HAND.num_joints, 0.5)


class TwoMinds:
    """A policy that opens, and a primitive that closes."""

    def __init__(self) -> None:
        self.facts = FACTS

    def start(self) -> None:
        pass

    def act(self, observation: LiveObservation) -> PolicyParts:
        return PolicyParts(-A_P, A_P, 0.3 * np.ones_like(A_P), -0.1 * A_P)


def seen(distance: float, speed: float) -> LiveObservation:
    """An object so far, m, before the grasp centre of a wrist of a speed, m/s."""
    points = np.tile(np.add(HAND.grasp_centre_h, [0.0, -distance, 0.0]), (1024, 1))
    wrist = np.tile([0.0, 0.0, 0.3, 1.0, 0.0, 0.0, 0.0], (5, 1))
    wrist[:, 0] = speed * FACTS.period_s * np.arange(5)
    return LiveObservation(points, {}, HAND.open_pose, np.zeros(4), HAND.open_pose.copy(), wrist, wrist[:4])


def test_the_chosen_one_acts_and_the_field_can_always_be_shown() -> None:
    assistants = Assistants(TwoMinds(), HAND)
    expected = {"ours": -A_P, "primitive": A_P, "off": 0.0 * A_P}
    for name, action in expected.items():
        assistants.choose(name)
        done = assistants.act(seen(0.3, 0.0))
        np.testing.assert_allclose(done.action, action, atol=1e-12)
        np.testing.assert_array_equal(done.a_p, A_P)
    with pytest.raises(ValueError, match="available: ours, primitive, triggered, off"):
        assistants.choose("nobody")


def test_the_rule_waits_until_the_hand_is_near_and_then_goes_on() -> None:
    assistants = Assistants(TwoMinds(), HAND)
    assistants.choose("triggered")
    actions = [assistants.act(seen(distance, 0.0)).action[0] for distance in (0.2, 0.07, 0.05, 0.2)]
    assert actions == [0.0, 0.0, 0.5, 0.5]  # 6 cm
    assistants.start()
    assert assistants.act(seen(0.2, 0.0)).action[0] == 0.0


def test_with_nobody_the_slider_closes_the_hand() -> None:
    assistants = Assistants(TwoMinds(), HAND)
    assistants.choose("off")
    assistants.closing = 1.0
    action = assistants.act(seen(0.3, 0.0)).action
    np.testing.assert_array_equal(np.sign(action), np.sign(HAND.closed_pose - HAND.open_pose))


class Steady:
    """Readings every 25 ms."""

    def __init__(self) -> None:
        self.time_s = 0.0

    def read(self) -> list[Reading]:
        self.time_s += 0.025
        wrist_w = np.array([self.time_s, 0.0, 0.3, 1.0, 0.0, 0.0, 0.0])
        return [Reading(self.time_s, wrist_w, HAND.open_pose, ObjectPose(wrist_w))]


def test_a_late_tracker_tells_late_what_was_and_joints_are_not_late() -> None:
    source = LateNoisySource(Steady(), np.random.default_rng(0))
    source.latency_s = 0.1
    came: list[tuple[int, float]] = []
    joints = 0
    for step in range(1, 11):
        for reading in source.read():
            joints += reading.joint_pos is not None
            if reading.wrist_pose_w is not None:
                came.append((step, reading.time_s))
                assert np.asarray(reading.wrist_pose_w)[0] == reading.time_s
    assert joints == 10
    assert came == [(step, pytest.approx(0.025 * (step - 4))) for step in range(5, 11)]


def test_noise_has_the_size_that_was_asked_for() -> None:
    source = LateNoisySource(Steady(), np.random.default_rng(0))
    source.noise_m = 0.004
    heights = [np.asarray(r.wrist_pose_w)[2] for _ in range(400) for r in source.read() if r.wrist_pose_w is not None]
    # the standard error of a deviation of 400 draws is 3.5 %
    assert np.std(heights) == pytest.approx(0.004, rel=0.15)
