"""Moving wrists take good grasps, and nothing where the hand does not close."""

from typing import Any

import mujoco
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from datamodules.synthesis import reachability
from datamodules.synthesis.reachability import ARRIVAL_STEPS, HOLD_STEPS, NUM_STEPS, check_reachable
from envs.hand.kinematics import fingertip_centres
from envs.hand.shadow import shadow_hand
from envs.physics.mujoco_worlds import MujocoCpuPhysics
from envs.trials.lift import LIFT_STEPS, SURE_VERDICT, LiftResult, lift_test
from tests.datamodules.grasps.examples import good_grasps, thing

HAND = shadow_hand()

Array = NDArray[np.float64]


class CountingPhysics(MujocoCpuPhysics):
    """Notes how many worlds each control step moves."""

    def __init__(self, num_worlds: int) -> None:
        super().__init__(HAND, num_worlds, num_threads=0)
        self.moved: list[int] = []

    def step(self, active: NDArray[np.bool_] | None = None) -> None:
        assert active is not None
        self.moved.append(int(active.sum()))
        super().step(active)


def _check(
    joint_pos: Array | None = None, num_worlds: int = 8, seed: int = 0, physics: MujocoCpuPhysics | None = None
) -> NDArray[np.bool_]:
    grasps = good_grasps().grasps
    stored = HAND.clamp(grasps.joint_pos.astype(np.float64))
    return check_reachable(
        physics or MujocoCpuPhysics(HAND, num_worlds, num_threads=0),
        thing(),
        grasps.object_pose_w.astype(np.float64),
        grasps.wrist_pose_o.astype(np.float64),
        grasps.preshape.astype(np.float64),
        stored if joint_pos is None else joint_pos,
        np.random.default_rng(seed),
    )


def test_fingertip_centre_agrees_with_mujoco() -> None:
    rng = np.random.default_rng(0)
    joint_pos = HAND.clamp(rng.uniform(-0.3, 1.5, (2, 18)))
    quat = Rotation.random(2, rng=rng).as_quat(scalar_first=True)
    wrist_w = np.concatenate([rng.uniform(-0.3, 0.3, (2, 3)), quat], axis=1)
    centres_w = fingertip_centres(HAND, wrist_w, joint_pos)
    model = HAND.model()
    for row in range(2):
        data = mujoco.MjData(model)
        values = np.concatenate([joint_pos[row], HAND.coupled_from_actuated(joint_pos[row])])
        for name, value in zip(HAND.all_joints, values, strict=True):
            data.joint(HAND.element(name)).qpos[0] = value
        mujoco.mj_kinematics(model, data)
        tips_h = np.array([data.site(HAND.element(f"S_{finger}tip")).xpos for finger in ("ff", "mf", "rf", "lf", "th")])
        expected = Rotation.from_quat(wrist_w[row, 3:], scalar_first=True).apply(tips_h.mean(axis=0)) + wrist_w[row, :3]
        np.testing.assert_allclose(centres_w[row], expected, atol=1e-5)  # as forward kinematics


def test_some_verified_grasps_are_reachable() -> None:
    # of the example grasps the wraps pass and the pinches mostly do not
    assert _check().any()


def test_a_hand_that_never_closes_reaches_nothing() -> None:
    assert not _check(np.tile(HAND.open_pose.copy(), (len(good_grasps().grasps), 1))).any()


def test_an_approach_ends_once_the_object_is_pushed_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reachability, "MAX_SHOVE", 0.0)
    physics = CountingPhysics(len(good_grasps().grasps))
    assert not _check(physics=physics).any()
    assert min(physics.moved[:5]) == physics.num_worlds
    assert not any(physics.moved[5:])  # neither approached nor lifted


def test_a_hand_that_has_closed_waits_some_steps_for_the_lift_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    count = len(good_grasps().grasps)
    approaches: list[list[int]] = []

    def never_lifts(physics: CountingPhysics, **_: object) -> LiftResult:
        approaches.append(physics.moved.copy())
        return LiftResult(np.zeros(count, dtype=bool), np.zeros(count), np.zeros(count), np.zeros(count, dtype=bool))

    monkeypatch.setattr(reachability, "lift_test", never_lifts)
    preshape = HAND.clamp(good_grasps().grasps.preshape.astype(np.float64))
    assert not _check(preshape, physics=CountingPhysics(count)).any()  # nothing to close on arrival
    (moved,) = approaches
    assert moved[ARRIVAL_STEPS[0] + HOLD_STEPS - 1] == count
    assert moved[-1] < count
    assert len(moved) < NUM_STEPS


def test_only_the_lift_of_the_last_approach_goes_all_the_way_up(monkeypatch: pytest.MonkeyPatch) -> None:
    heights: list[int] = []

    def noted(physics: MujocoCpuPhysics, *, rise_steps: int, **rest: Any) -> LiftResult:
        heights.append(rise_steps)
        return lift_test(physics, rise_steps=rise_steps, **rest)

    monkeypatch.setattr(reachability, "lift_test", noted)
    assert _check().any()
    assert heights == [SURE_VERDICT, LIFT_STEPS]


def test_more_grasps_than_worlds_are_checked_in_batches() -> None:
    count = len(good_grasps().grasps)
    in_batches = _check(num_worlds=3)
    assert in_batches.shape == (count,)
    assert in_batches.any()


def test_no_grasp_is_no_work() -> None:
    poses, joints = np.zeros((0, 7)), np.zeros((0, 18))
    physics = MujocoCpuPhysics(HAND, 1, num_threads=0)
    empty = check_reachable(physics, thing(), poses, poses, joints, joints, np.random.default_rng(0))
    assert empty.shape == (0,)
