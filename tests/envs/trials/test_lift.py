"""The lift test: on scripted worlds, where the outcome is known exactly, and on real grasps."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from datamodules.grasps.poses import absolute_pose
from envs.conventions import CONTROL_DT
from envs.hand.kinematics import HandKinematics
from envs.hand.shadow import shadow_hand
from envs.objects.grasp_object import GraspObject
from envs.physics.base import Array, PhysicsState
from envs.physics.mujoco_worlds import MujocoCpuPhysics
from envs.trials.lift import CLOSE_STEPS, EARLY_VERDICT, LIFT_HEIGHT, LIFT_STEPS, lift_test
from tests.datamodules.grasps.examples import good_grasps, thing

HAND = shadow_hand()

Script = Callable[[float], tuple[float, float]]
"""Wrist's rise, m -> the object's shift along x and z, m."""

START_X, START_Z = 0.02, -0.1
"""Where scripted objects start, relative to the wrist."""


def comes_along(rise: float) -> tuple[float, float]:
    return 0.0, rise


class ScriptedPhysics:
    """Worlds whose wrist is always at its target and whose object follows a script; records what it is told."""

    hand = HAND

    def __init__(self, *scripts: Script, is_diverged: Sequence[bool] | None = None) -> None:
        self.scripts = scripts
        self.is_diverged = np.array(is_diverged or [False] * len(scripts))
        self.start_w = np.tile([0.3, 0.2, 0.15, 1.0, 0.0, 0.0, 0.0], (len(scripts), 1))
        self.wrist_w = self.start_w.copy()
        self.wrist_target_w = self.start_w.copy()
        self.joint_target = np.zeros((len(scripts), 18))
        self.side_acceleration_w: Array | None = None
        self.wrist_heights: list[Array] = []
        self.stepped: list[NDArray[np.bool_]] = []
        self.shaken: list[bool] = []

    @property
    def num_worlds(self) -> int:
        return len(self.scripts)

    def reset(
        self,
        objects: Sequence[GraspObject],
        object_pose_w: Array,
        wrist_pose_w: Array,
        joint_pos: Array,
        *,
        worlds: NDArray[np.int64] | None = None,
    ) -> None:
        raise NotImplementedError

    def set_joint_targets(self, joint_target: Array) -> None:
        self.joint_target = joint_target

    def set_wrist_targets(self, wrist_pose_w: Array) -> None:
        self.wrist_target_w = wrist_pose_w.copy()

    def set_side_acceleration(self, acceleration_w: Array) -> None:
        self.side_acceleration_w = acceleration_w

    def step(self, active: NDArray[np.bool_] | None = None) -> None:
        moving = np.ones(self.num_worlds, dtype=bool) if active is None else active
        self.wrist_w[moving] = self.wrist_target_w[moving]
        self.wrist_heights.append(self.wrist_w[:, 2].copy())
        self.stepped.append(moving.copy())
        self.shaken.append(self.side_acceleration_w is not None)

    def state(self) -> PhysicsState:
        object_w = self.start_w.copy()
        for world, script in enumerate(self.scripts):
            along_x, along_z = script(self.wrist_w[world, 2] - self.start_w[world, 2])
            object_w[world, 0] += START_X + along_x
            object_w[world, 2] += START_Z + along_z
        count = self.num_worlds
        return PhysicsState(
            joint_pos=np.tile(HAND.open_pose.copy() + 0.5, (count, 1)),
            coupled_pos=np.zeros((count, 4)),
            wrist_pose_w=self.wrist_w.copy(),
            object_pose_w=object_w,
            object_velocity=np.zeros((count, 6)),
            is_diverged=self.is_diverged.copy(),
        )

    def contact_links(self) -> NDArray[np.bool_]:
        return np.zeros((self.num_worlds, len(HAND.links)), dtype=bool)


def slips_by(metres: float) -> Script:
    """An object that hangs ever lower below the wrist; it starts 20 mm beside and 100 mm below."""
    start = float(np.hypot(START_X, START_Z))

    def script(rise: float) -> tuple[float, float]:
        distance = start + metres * rise / LIFT_HEIGHT
        return 0.0, rise - (float(np.sqrt(distance**2 - START_X**2)) + START_Z)

    return script


def keeps_its_distance_but_rises_by(metres: float) -> Script:
    """An object that moves away sideways so that its distance from the wrist never changes."""
    start = float(np.hypot(START_X, START_Z))

    def script(rise: float) -> tuple[float, float]:
        height = min(rise, metres)
        below = rise - height - START_Z
        return float(np.sqrt(max(start**2 - below**2, 0.0))) - START_X, height

    return script


def test_an_object_that_comes_along_is_lifted() -> None:
    result = lift_test(ScriptedPhysics(comes_along))
    assert result.is_lifted.all()
    np.testing.assert_allclose(result.rise, 1.0)
    np.testing.assert_allclose(result.slip, 0.0, atol=1e-12)


def test_an_object_that_stays_on_the_table_is_not_lifted() -> None:
    result = lift_test(ScriptedPhysics(lambda _: (0.0, 0.0)))
    assert not result.is_lifted.any()
    assert result.rise == 0.0


def test_slip_alone_decides() -> None:
    # both rise by more than 0.9 m; the distance may change by less than 0.05 m (GraspGF Sec. 4.2)
    result = lift_test(ScriptedPhysics(slips_by(0.049), slips_by(0.051)))
    np.testing.assert_allclose(result.slip, [0.049, 0.051], atol=1e-9)
    assert (result.rise > 0.9).all()
    np.testing.assert_array_equal(result.is_lifted, [True, False])


def test_rise_alone_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    # a wrist that rises by 0.11 m; objects at a constant distance that rise by 0.105 and by 0.095 m
    monkeypatch.setattr("envs.trials.lift.LIFT_HEIGHT", 0.11)
    result = lift_test(ScriptedPhysics(*(keeps_its_distance_but_rises_by(metres) for metres in (0.105, 0.095))))
    np.testing.assert_allclose(result.rise, [0.105, 0.095], atol=1e-9)
    assert (result.slip < 0.05).all()
    np.testing.assert_array_equal(result.is_lifted, [True, False])


def test_a_diverged_world_is_never_lifted() -> None:
    result = lift_test(ScriptedPhysics(comes_along, comes_along, is_diverged=[False, True]))
    np.testing.assert_array_equal(result.is_lifted, [True, False])
    np.testing.assert_array_equal(result.is_diverged, [False, True])


def test_worlds_that_are_not_tested_are_not_stepped_and_count_as_not_lifted() -> None:
    physics = ScriptedPhysics(comes_along, comes_along)
    active = np.array([True, False])
    result = lift_test(physics, active=active)
    np.testing.assert_array_equal(result.is_lifted, [True, False])
    assert not np.array(physics.stepped)[:, 1].any()
    np.testing.assert_array_equal(active, [True, False])


def test_a_lost_object_ends_its_world_early() -> None:
    physics = ScriptedPhysics(comes_along, lambda _: (0.0, 0.0))
    lift_test(physics)
    stepped = np.array(physics.stepped).sum(axis=0)
    assert stepped[0] == CLOSE_STEPS + LIFT_STEPS
    # the hand is 79 mm up after nine steps of the rise and 104 mm after ten; every second step looks for lost objects
    assert stepped[1] == CLOSE_STEPS + 10


def test_hand_closes_by_a_tenth_of_a_radian_before_it_rises() -> None:
    physics = ScriptedPhysics(comes_along)
    lift_test(physics)
    np.testing.assert_allclose(
        physics.joint_target - (HAND.open_pose.copy() + 0.5), 0.1 * HAND.closing[None], atol=1e-12
    )
    heights = np.array(physics.wrist_heights)[:, 0]
    np.testing.assert_array_equal(heights[:CLOSE_STEPS], heights[0])


def test_wrist_rises_one_metre_smoothly() -> None:
    physics = ScriptedPhysics(comes_along)
    lift_test(physics)
    heights = np.array(physics.wrist_heights)[CLOSE_STEPS - 1 :, 0]
    assert heights[-1] - heights[0] == pytest.approx(1.0)
    velocity = np.diff(heights) / CONTROL_DT
    assert (velocity > 0.0).all()
    # minimum jerk over 1 m in 1 s: peak speed 1.875 m/s, peak acceleration 5.77 m/s^2; 1 % for finite differences
    assert velocity.max() == pytest.approx(1.875, rel=0.01)
    assert np.abs(np.diff(velocity) / CONTROL_DT).max() == pytest.approx(5.77, rel=0.01)


def test_an_early_verdict_ends_the_rise_half_way_up() -> None:
    def falls_late(rise: float) -> tuple[float, float]:
        return (0.0, rise) if rise < 0.6 else (0.5, 0.0)

    physics = ScriptedPhysics(comes_along, falls_late)
    early = lift_test(physics, rise_steps=EARLY_VERDICT)
    assert len(physics.stepped) == CLOSE_STEPS + EARLY_VERDICT
    np.testing.assert_allclose(early.rise, 0.5)
    assert early.is_lifted.tolist() == [True, True]
    assert lift_test(ScriptedPhysics(comes_along, falls_late)).is_lifted.tolist() == [True, False]


def test_shake_begins_with_the_rise() -> None:
    physics = ScriptedPhysics(comes_along)
    shake = np.array([[1.0, 2.0, 0.0]])
    lift_test(physics, side_acceleration_w=shake)
    assert physics.shaken == [False] * CLOSE_STEPS + [True] * LIFT_STEPS
    assert physics.side_acceleration_w is shake


# --- closing direction


def test_every_closing_joint_brings_its_fingertip_towards_the_object() -> None:
    kinematics, direction = HandKinematics(HAND), HAND.closing
    grasped_h = torch.tensor([0.011, -0.045, 0.09], dtype=torch.float64)  # before the palm, between thumb and fingers

    def gaps(joint_pos: Array) -> Array:
        return (kinematics.forward(torch.as_tensor(joint_pos[None])).fingertips[0] - grasped_h).norm(dim=1).numpy()

    half_open = HAND.clamp(HAND.open_pose.copy() + 0.3 * direction)
    half_open[HAND.joints.index("THJ4")] = 0.9  # thumb opposed
    finger_of = {"FF": 0, "MF": 1, "RF": 2, "LF": 3, "TH": 4}
    for column, name in enumerate(HAND.joints):
        closer = half_open.copy()
        closer[column] += 0.05 * direction[column]
        change = gaps(closer) - gaps(half_open)
        if direction[column]:
            assert change[finger_of[name[:2]]] < -1e-4, name  # 0.05 rad over a lever of some centimetres
        else:
            assert not change.any(), name


# --- real grasps


def _placed(joint_pos: Array) -> MujocoCpuPhysics:
    """The example grasps, each in a world, with other joints."""
    grasps = good_grasps().grasps
    object_w = grasps.object_pose_w.astype(np.float64)
    wrist_w = absolute_pose(object_w, grasps.wrist_pose_o.astype(np.float64))
    physics = MujocoCpuPhysics(HAND, len(grasps), num_threads=0)
    physics.reset([thing()] * len(grasps), object_w, wrist_w, joint_pos)
    return physics


def test_verified_grasps_lift_again_and_the_object_stays_in_the_hand() -> None:
    grasps = good_grasps().grasps
    result = lift_test(_placed(HAND.clamp(grasps.joint_pos.astype(np.float64))))
    # verified twice under noise; one may still fail on another processor, where contacts round differently
    assert len(grasps) >= 6
    assert result.is_lifted.sum() >= len(grasps) - 1
    assert result.rise[result.is_lifted] == pytest.approx(1.0, abs=0.05)


def test_an_early_verdict_on_real_grasps_is_the_late_one() -> None:
    joint_pos = HAND.clamp(good_grasps().grasps.joint_pos.astype(np.float64))
    early = lift_test(_placed(joint_pos), rise_steps=EARLY_VERDICT).is_lifted
    assert (early != lift_test(_placed(joint_pos)).is_lifted).sum() <= 1


def test_an_open_hand_at_the_same_place_lifts_nothing() -> None:
    count = len(good_grasps().grasps)
    assert not lift_test(_placed(np.tile(HAND.open_pose.copy(), (count, 1)))).is_lifted.any()


def test_a_violent_shake_throws_objects_that_lift_at_rest() -> None:
    joint_pos = HAND.clamp(good_grasps().grasps.joint_pos.astype(np.float64))
    side = np.tile([200.0, 0.0, 0.0], (len(joint_pos), 1))  # 20 g; a hand that encloses the can may still hold it
    assert lift_test(_placed(joint_pos), side_acceleration_w=side).is_lifted.sum() <= len(joint_pos) // 2
