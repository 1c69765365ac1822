"""Readings and answers survive their way as bytes."""

import json

import numpy as np
import pytest

from live.controller import AssistController, JointTargets
from live.inputs import CloudView, ObjectPose
from live.messages import answer_bytes, parse_answer, parse_reading, reading_bytes
from live.ports import Reading
from live.states import State
from tests.live.fakes import OPEN, THING, WRIST, FakePolicy


def test_a_reading_survives() -> None:
    found = parse_reading(reading_bytes(Reading(1.25, WRIST, OPEN, ObjectPose(THING), wants_release=True)))
    assert found is not None
    assert (found.time_s, found.wants_release) == (1.25, True)
    np.testing.assert_allclose(found.wrist_pose_w, WRIST, atol=1e-6)
    np.testing.assert_allclose(found.joint_pos, OPEN, atol=1e-6)
    assert isinstance(found.scene, ObjectPose)
    np.testing.assert_allclose(found.scene.pose_w, THING, atol=1e-6)


def test_a_cloud_survives_to_a_tenth_of_a_millimetre() -> None:
    points = np.random.default_rng(0).normal(size=(1000, 3))
    found = parse_reading(reading_bytes(Reading(0.0, scene=CloudView(points, WRIST))))
    assert found is not None
    assert isinstance(found.scene, CloudView)
    np.testing.assert_allclose(found.scene.points, points, atol=5.1e-5)
    np.testing.assert_allclose(found.scene.pose_w, WRIST)


def test_what_does_not_fit_a_datagram_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 1,800 points"):
        reading_bytes(Reading(0.0, scene=CloudView(np.ones((9000, 3)), WRIST)))
    with pytest.raises(ValueError, match="a scene is str"):
        reading_bytes(Reading(0.0, scene="table"))


def test_an_answer_survives_and_garbage_is_none() -> None:
    told = JointTargets(2.0, OPEN, True, State.HOLDING, False, "")
    found = parse_answer(answer_bytes(told))
    assert found is not None
    assert found.state == State.HOLDING
    np.testing.assert_array_equal(found.joint_targets, OPEN)
    for data in (b"", b"[]", b"{}", b"null", b'{"joint_targets": "x"}', b'{"joint_targets": [1], "other": 2}'):
        assert parse_answer(data) is None


def test_a_controller_of_nothing_is_not_ready() -> None:
    found = parse_answer(answer_bytes(AssistController(FakePolicy()).update(0.0)))
    assert found is not None
    assert not found.is_ready


@pytest.mark.parametrize("name", ["time_s", "points", "object_pose_w", "wrist_pose_w", "joint_pos"])
def test_a_number_that_no_float_holds_ends_nothing(name: str) -> None:
    huge = int("1" + 400 * "0")  # JSON has no largest number
    values = {"time_s": huge, "points": [[huge, 0, 0]]}.get(name, 7 * [huge])
    reading = parse_reading(json.dumps({"time_s": 1.0, name: values}).encode())
    controller = AssistController(FakePolicy())
    if reading is not None:
        controller.update(reading.time_s, reading.wrist_pose_w, reading.joint_pos, reading.scene)
    inputs = controller.inputs
    assert reading is None or inputs.wrist.num_refused + inputs.joints.num_refused == 1
    controller.update(huge)
    assert inputs.clock.num_refused == 1
    assert parse_answer(json.dumps({"joint_targets": [huge]}).encode()) is None
