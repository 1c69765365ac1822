"""Trials: what is rejected and why. Object: the easy can of the examples, lying on the table."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from datamodules.grasps.poses import absolute_pose, relative_pose
from datamodules.synthesis import trial
from datamodules.synthesis.trial import REJECTIONS, TrialResult, TrialSettings, run_trials
from envs.hand.shadow import shadow_hand
from envs.physics.mujoco_worlds import MujocoCpuPhysics
from envs.trials.lift import LiftResult
from tests.datamodules.grasps.examples import good_grasps, thing

HAND = shadow_hand()

Array = NDArray[np.float64]

FAR_W = np.array([0.0, 0.0, 0.5, 1.0, 0.0, 0.0, 0.0])
FULLY_CLOSED = HAND.clamp(HAND.open_pose.copy() + 2.0 * HAND.closing)


@pytest.fixture(scope="module")
def physics() -> MujocoCpuPhysics:
    return MujocoCpuPhysics(HAND, 4, num_threads=0)


def _good() -> tuple[Array, Array, Array]:
    """Object pose (7,), wrist pose (7,) and joints (18,) of a verified grasp."""
    grasps = good_grasps().grasps.rows(np.array([0]))
    object_w = grasps.object_pose_w.astype(np.float64)
    wrist_w = absolute_pose(object_w, grasps.wrist_pose_o.astype(np.float64))
    return object_w[0], wrist_w[0], HAND.clamp(grasps.joint_pos[0].astype(np.float64))


def _try(
    physics: MujocoCpuPhysics,
    wrist_w: Array,
    preshape: Array,
    target: Array,
    settings: TrialSettings | None = None,
    seed: int = 0,
) -> TrialResult:
    object_w = _good()[0]
    rng = np.random.default_rng(seed)
    objects_w = np.tile(object_w, (len(wrist_w), 1))
    return run_trials(physics, thing(), objects_w, wrist_w, preshape, target, settings or TrialSettings(), rng)


def test_a_good_grasp_is_verified_and_comes_back_as_it_holds_the_object(physics: MujocoCpuPhysics) -> None:
    object_w, wrist_w, joints = _good()
    opened = HAND.clamp(joints - 0.15 * HAND.closing)
    closed = HAND.clamp(joints + 0.1 * HAND.closing)
    result = _try(physics, wrist_w[None], opened[None], closed[None])
    assert result.row.tolist() == [0]
    assert result.cause == [""]
    assert result.links[0].sum() >= 2
    # closing moves the object by less than 2 cm, and the wrist stays: the pose is the one it was placed at
    np.testing.assert_allclose(result.object_pose_w[0, :3], object_w[:3], atol=0.02)
    moved = relative_pose(result.object_pose_w, wrist_w[None])
    np.testing.assert_allclose(result.wrist_pose_o[:, :3], moved[:, :3], atol=1e-3)
    # blocked joints stop short of their targets; none goes beyond the line between
    assert (HAND.closing * (closed - result.joint_pos[0]) > -0.05).all()


def test_a_hand_that_touches_nothing_has_few_contacts(physics: MujocoCpuPhysics) -> None:
    result = _try(physics, FAR_W[None], HAND.open_pose.copy()[None], FULLY_CLOSED[None])
    assert len(result.row) == 0
    assert result.cause == ["few_contacts"]


def test_a_grasp_that_upsets_the_object_beyond_the_bounds_is_rejected(physics: MujocoCpuPhysics) -> None:
    # the good grasp; closing fingers always move the object a little, more than these bounds allow
    _, wrist_w, joints = _good()
    opened = HAND.clamp(joints - 0.15 * HAND.closing)
    strict = replace(TrialSettings(), max_shift=1e-4)
    assert _try(physics, wrist_w[None], opened[None], joints[None], strict).cause == ["moved"]
    strict = replace(TrialSettings(), min_upright=1.0 - 1e-9)
    assert _try(physics, wrist_w[None], opened[None], joints[None], strict).cause == ["tilted"]


def test_the_lift_is_a_shaken_one(physics: MujocoCpuPhysics) -> None:
    _, wrist_w, joints = _good()
    violent = replace(TrialSettings(), shake=2000.0)
    assert _try(physics, wrist_w[None], joints[None], joints[None], violent).cause[0] in ("lift", "diverged")
    assert _try(physics, wrist_w[None], joints[None], joints[None]).cause == [""]


def test_closed_hands_that_are_too_easy_are_not_lifted(physics: MujocoCpuPhysics) -> None:
    object_w, wrist_w, joints = _good()
    asked: list[tuple[Array, Array]] = []

    def first_is_easy(object_pose_w: Array, wrist_pose_o: Array) -> NDArray[np.bool_]:
        asked.append((object_pose_w, wrist_pose_o))
        return np.arange(len(wrist_pose_o)) == 0

    wrists, hands = np.array([FAR_W, wrist_w, wrist_w]), np.array([HAND.open_pose.copy(), joints, joints])
    rng = np.random.default_rng(0)
    objects_w = np.tile(object_w, (3, 1))
    result = run_trials(physics, thing(), objects_w, wrists, hands, hands, TrialSettings(), rng, too_easy=first_is_easy)
    assert result.cause == ["few_contacts", "easy", ""]
    assert result.row.tolist() == [2]
    ((object_pose_w, wrist_pose_o),) = asked  # only the two that closed on the object
    np.testing.assert_allclose(absolute_pose(object_pose_w, wrist_pose_o), wrists[1:], atol=5e-3)  # contact gives way


def test_every_candidate_is_verified_or_rejected_for_one_cause(physics: MujocoCpuPhysics) -> None:
    _, wrist_w, joints = _good()
    wrists = np.array([wrist_w, FAR_W, wrist_w])
    preshape = np.array([joints, HAND.open_pose.copy(), HAND.open_pose.copy()])
    target = np.array([joints, FULLY_CLOSED, HAND.open_pose.copy()])
    result = _try(physics, wrists, preshape, target)
    assert result.row.tolist() == [0]
    assert [bool(cause) for cause in result.cause] == [False, True, True]
    assert set(result.cause[1:]) <= set(REJECTIONS)


def test_same_generator_same_result(physics: MujocoCpuPhysics) -> None:
    _, wrist_w, joints = _good()
    first, second = (_try(physics, wrist_w[None], joints[None], joints[None], seed=5) for _ in range(2))
    np.testing.assert_array_equal(first.joint_pos, second.joint_pos)
    np.testing.assert_array_equal(first.wrist_pose_o, second.wrist_pose_o)


def test_a_grasp_has_to_survive_every_lift(physics: MujocoCpuPhysics, monkeypatch: pytest.MonkeyPatch) -> None:
    object_w, wrist_w, joints = _good()
    wrists, hands, objects_w = np.tile(wrist_w, (3, 1)), np.tile(joints, (3, 1)), np.tile(object_w, (3, 1))
    tested: list[list[bool]] = []

    def lifts_one_less(worlds: object, *, active: NDArray[np.bool_], **_: object) -> LiftResult:
        tested.append(active.tolist())
        lifted = active & (np.arange(len(active)) >= len(tested))
        return LiftResult(lifted, np.zeros(len(active)), np.zeros(len(active)), np.zeros(len(active), dtype=bool))

    monkeypatch.setattr(trial, "lift_test", lifts_one_less)
    settings = TrialSettings(num_lifts=2)
    result = run_trials(physics, thing(), objects_w, wrists, hands, hands, settings, np.random.default_rng(0))
    assert tested == [[True, True, True, False], [False, True, True, False]]
    assert result.cause == ["lift", "lift", ""]
