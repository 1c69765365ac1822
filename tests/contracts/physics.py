"""What every physics backend must do (envs.physics.base). A backend's test file subclasses the contract:

class TestMyPhysics(PhysicsContract):
    def make(self, num_worlds: int) -> PhysicsBackend:
        return MyPhysics(self.hand, num_worlds)
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from envs.conventions import MAX_JOINT_STEP
from envs.hand.kinematics import HandKinematics
from envs.objects.builder import make_object
from envs.physics.base import Array, to_host
from envs.trials.lift import lift_test
from envs.wrist.clearance import open_hand_height
from tests.contracts.physics_bad_input import PhysicsBadInput
from tests.contracts.physics_start import (
    Start,
    angle_between,
    assert_same,
    put,
    run_script,
)

GRAVITY = 9.81


class PhysicsContract(PhysicsBadInput):
    """Subclass, name it Test..., and give `make`."""

    wrist_tolerance = 1e-3
    """Metres by which a free wrist may miss its target after a control step: moving fingers recoil."""

    turn_tolerance = 5e-3
    """Radians by which it may: all fingers starting to close at full speed turn a heavy palm by some milliradians."""

    joint_tolerance = 0.01
    """Radians between a free joint and its target once it had time: no integrator, but fingers weigh nothing."""

    def _tips_h(self) -> Array:
        """Fingertips of the open hand (F, 3), m."""
        return HandKinematics(self.hand).forward(torch.tensor(self.hand.open_pose[None])).fingertips[0].numpy()

    def _fingers_down(self, deep: float) -> Array:
        """Height, m, and orientation of a wrist whose longest finger is that deep in the table."""
        down = np.array([0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0])
        down[2] = -open_hand_height(self.hand, down) - deep
        return down[2:]

    # --- where things are

    def test_reset_puts_everything_where_told(self) -> None:
        rng = np.random.default_rng(0)
        start = self.hovering()
        wrist_w = start.wrist_pose_w.copy()
        wrist_w[:, :3] += rng.uniform(-0.1, 0.1, (3, 3))
        wrist_w[:, 3:] = Rotation.random(3, rng=rng).as_quat(scalar_first=True)
        object_w = start.object_pose_w.copy()
        object_w[:, :2] += rng.uniform(-0.1, 0.1, (3, 2))
        limits = self.hand.limits
        joint_pos = rng.uniform(limits.low, limits.high, (3, self.hand.num_joints))
        state = self.made(Start(start.objects, object_w, wrist_w, joint_pos)).state().host()
        # a backend may keep float32: 7 digits of at most 1.6
        np.testing.assert_allclose(state.joint_pos, joint_pos, atol=1e-6)
        np.testing.assert_allclose(state.coupled_pos, self.hand.coupled_from_actuated(joint_pos), atol=1e-6)
        np.testing.assert_allclose(state.wrist_pose_w, wrist_w, atol=1e-6)
        np.testing.assert_allclose(state.object_pose_w, object_w, atol=1e-6)
        assert not state.object_velocity.any()
        assert not state.is_diverged.any()

    def test_state_is_a_copy(self) -> None:
        physics = self.made(self.hovering())
        first = physics.state().host()
        kept = replace(first, **{name: getattr(first, name).copy() for name in first.__dataclass_fields__})
        physics.set_joint_targets(self.flexed(0.8))
        physics.step()
        assert_same(first, kept, [0, 1, 2])
        physics.state().host().object_pose_w[:] = 7.0
        assert (physics.state().host().object_pose_w != 7.0).any()

    def test_object_at_rest_stays_at_rest(self) -> None:
        start = self.hovering()
        physics = self.made(start)
        for _ in range(40):
            physics.step()
        state = physics.state().host()
        # soft contacts let 100 g sink by some tenths of a millimetre; one second would show any drift or tumble
        np.testing.assert_allclose(state.object_pose_w[:2, :3], start.object_pose_w[:2, :3], atol=5e-4)
        assert angle_between(state.object_pose_w[:2], start.object_pose_w[:2]).max() < np.deg2rad(1.0)

    def test_lifted_object_falls_by_half_g_t_squared(self) -> None:
        start = self.hovering()
        start.object_pose_w[:, 0] += 0.5
        start.object_pose_w[:, 2] += 0.3
        physics = self.made(start)
        for _ in range(8):
            physics.step()
        seconds = 8 * physics.settings.control_dt
        fallen = start.object_pose_w[:, 2] - physics.state().host().object_pose_w[:, 2]
        # a semi-implicit Euler step of 5 ms overestimates by dt / t = 2.5 %
        np.testing.assert_allclose(fallen, 0.5 * GRAVITY * seconds**2, rtol=0.03)

    # --- what moves

    def test_free_wrist_is_at_its_target_after_every_step(self) -> None:
        start = self.hovering()
        physics = self.made(start)
        for step in range(1, 11):
            target = start.wrist_pose_w.copy()
            target[:, :3] += step * np.array([0.006, -0.004, 0.005])
            target[:, 3:] = Rotation.from_rotvec(step * np.array([0.03, -0.02, 0.04])).as_quat(scalar_first=True)
            physics.set_wrist_targets(target)
            physics.set_joint_targets(start.joint_pos + MAX_JOINT_STEP * step * self.hand.closing)
            physics.step()
            wrist_w = physics.state().host().wrist_pose_w
            np.testing.assert_allclose(wrist_w[:, :3], target[:, :3], atol=self.wrist_tolerance)
            assert angle_between(wrist_w, target).max() < self.turn_tolerance

    def test_wrist_turns_the_shorter_way(self) -> None:
        start = self.hovering()
        target = start.wrist_pose_w.copy()
        target[:, 3:] = -Rotation.from_euler("x", 0.1).as_quat(scalar_first=True)  # the same rotation with w < 0
        physics = self.made(start)
        physics.set_wrist_targets(target)
        physics.step()
        assert angle_between(physics.state().host().wrist_pose_w, target).max() < self.turn_tolerance

    def test_joints_reach_their_targets_and_coupled_joints_follow(self) -> None:
        physics = self.made(self.hovering())
        target = self.flexed(0.5)
        # thumb and little finger stay aside, so that no link blocks another
        aside = np.isin(self.hand.joints, [joint for finger in self.hand.fingers[-2:] for joint in finger.joints])
        target[:, aside] = self.hand.open_pose[aside]
        physics.set_joint_targets(target)
        for _ in range(40):
            physics.step()
        state = physics.state().host()
        np.testing.assert_allclose(state.joint_pos, target, atol=self.joint_tolerance)
        np.testing.assert_allclose(
            state.coupled_pos, self.hand.coupled_from_actuated(target), atol=self.joint_tolerance
        )

    def test_joint_targets_beyond_the_limits_end_at_the_limits(self) -> None:
        physics = self.made(self.hovering())
        target = np.tile(self.hand.open_pose, (3, 1))
        column = int(np.flatnonzero(self.hand.closing > 0)[0])
        target[:, column] = 9.0
        physics.set_joint_targets(target)
        for _ in range(40):
            physics.step()
        limit = self.hand.limits.high[column]
        np.testing.assert_allclose(physics.state().host().joint_pos[:, column], limit, atol=self.joint_tolerance)

    def test_side_acceleration_carries_the_object_against_gravity_and_leaves_the_hand(self) -> None:
        start = self.hovering()
        start.wrist_pose_w[:, 0] += 0.5
        physics = self.made(start)
        physics.set_side_acceleration(np.tile([3.0, 0.0, 2.0 * GRAVITY], (3, 1)))
        for _ in range(8):
            physics.step()
        state, seconds = physics.state().host(), 8 * physics.settings.control_dt
        moved = state.object_pose_w[:, :3] - start.object_pose_w[:, :3]
        # g up and 3 m/s^2 along x remain; 3 % as in free fall, 1 mm for leaving the table's soft contact
        expected = 0.5 * seconds**2 * np.array([3.0, 0.0, GRAVITY])
        np.testing.assert_allclose(moved, np.tile(expected, (3, 1)), rtol=0.03, atol=1e-3)
        np.testing.assert_allclose(state.wrist_pose_w, start.wrist_pose_w, atol=self.wrist_tolerance)

    def test_velocity_and_side_acceleration_end_with_a_reset(self) -> None:
        start = self.hovering()
        physics = self.made(start)
        physics.set_side_acceleration(np.tile([0.0, 0.0, 2.0 * GRAVITY], (3, 1)))
        for _ in range(4):
            physics.step()
        assert (physics.state().host().object_velocity[:, 2] > 0.5).all()
        put(physics, start)
        assert not physics.state().host().object_velocity.any()
        for _ in range(4):
            physics.step()
        np.testing.assert_allclose(physics.state().host().object_pose_w[:, 2], start.object_pose_w[:, 2], atol=5e-4)

    # --- worlds are separate

    def test_inactive_worlds_stand_still(self) -> None:
        physics = self.made(self.hovering())
        physics.set_joint_targets(self.flexed(0.6))
        before = physics.state().host()
        physics.step(np.array([True, False, True]))
        after = physics.state().host()
        assert_same(before, after, [1])
        assert (before.joint_pos[[0, 2]] != after.joint_pos[[0, 2]]).any(axis=1).all()

    def test_reset_of_some_worlds_leaves_the_others_untouched(self) -> None:
        start = self.hovering()
        physics, undisturbed = self.made(start), self.made(start)
        for one in (physics, undisturbed):
            one.set_joint_targets(self.flexed(0.6))
            one.step()
        single = Start(start.objects[2:], start.object_pose_w[1:2], start.wrist_pose_w[1:2], start.joint_pos[1:2])
        put(physics, single, np.array([1]))
        assert_same(physics.state().host(), undisturbed.state().host(), [0, 2])
        np.testing.assert_allclose(physics.state().host().joint_pos[1], self.hand.open_pose, atol=1e-6)
        for one in (physics, undisturbed):
            one.step()
        assert_same(physics.state().host(), undisturbed.state().host(), [0, 2])

    def test_same_commands_give_the_same_states_bit_for_bit(self) -> None:
        assert_same(run_script(self.make(3)), run_script(self.make(3)), [0, 1, 2])

    def test_an_earlier_run_leaves_no_trace_after_a_reset(self) -> None:
        physics = self.make(3)
        first = run_script(physics)
        put(physics, replace(self.hovering(), objects=self.hovering(4).objects[1:]))
        physics.step()
        assert_same(first, run_script(physics), [0, 1, 2])

    # --- contacts

    def test_a_hand_away_from_the_object_touches_nothing(self) -> None:
        physics = self.made(self.hovering())
        physics.step()
        links = to_host(physics.contact_links())
        assert links.shape == (3, len(self.hand.links))
        assert links.dtype == bool
        assert not links.any()

    def test_links_that_touch_only_the_table_are_not_reported_as_touching_the_object(self) -> None:
        start = self.hovering()
        start.object_pose_w[:, 0] += 0.4
        start.wrist_pose_w[:, 2:] = self._fingers_down(deep=0.002)
        physics = self.made(start)
        physics.step()
        assert not to_host(physics.contact_links()).any()
        touching = to_host(physics.table_links())
        assert touching.shape == (3, len(self.hand.links))
        assert touching.dtype == bool
        longest = int(self._tips_h()[:, 2].argmax())
        expected = [name == self.hand.fingers[longest].tip_link for name in self.hand.links]
        np.testing.assert_array_equal(touching, np.tile(expected, (3, 1)))

    def test_a_hand_away_from_the_table_does_not_touch_it(self) -> None:
        physics = self.made(self.hovering())
        physics.step()
        links = to_host(physics.table_links())
        assert links.shape == (3, len(self.hand.links))
        # objects do stand on the table
        assert not links.any()

    def test_a_reset_ends_contact_with_the_table(self) -> None:
        start = self.hovering()
        low = replace(start, wrist_pose_w=start.wrist_pose_w.copy(), object_pose_w=start.object_pose_w.copy())
        low.object_pose_w[:, 0] += 0.4
        low.wrist_pose_w[:, 2:] = self._fingers_down(deep=0.002)
        physics = self.made(low)
        physics.step()
        assert to_host(physics.table_links()).any(axis=1).all()
        put(physics, start)
        physics.step()
        assert not to_host(physics.table_links()).any()

    def test_the_links_that_press_on_the_object_are_reported(self) -> None:
        # the palm faces down and sinks, in steps of a millimetre, until the ends of the fingers, 2 cm of them above a
        # box, lie in its upper side
        box = make_object("box", 0)
        extents = np.ptp(Rotation.from_quat(box.rest_poses[0, 3:], scalar_first=True).apply(box.vertices), axis=0)
        wrist_w = np.array(
            [[0.0, self._tips_h()[:-1, 2].mean() - 0.02 + 0.5 * extents[1], extents[2] + 0.1, *[0.0] * 4]]
        )
        wrist_w[0, 3:] = Rotation.from_euler("x", 90.0, degrees=True).as_quat(scalar_first=True)
        straight = self.hand.clamp(np.zeros((1, self.hand.num_joints)))
        physics = self.make(1)
        while wrist_w[0, 2] > 0.5 * extents[2]:
            put(physics, Start([box], box.rest_poses[:1], wrist_w, straight))
            if to_host(physics.initial_penetration(np.array([0]))) > 1e-3:
                break
            wrist_w[0, 2] -= 1e-3
        physics.step()
        links = to_host(physics.contact_links())[0]
        touching = {name for name, touches in zip(self.hand.links, links, strict=True) if touches}
        assert {finger.tip_link for finger in self.hand.fingers[:-1]} & touching
        assert not {self.hand.palm, *self.hand.links_of(self.hand.fingers[-1])} & touching
        assert not to_host(physics.table_links()).any()

    # --- overlap of a start

    def test_penetration_is_found_where_the_hand_overlaps_object_or_table(self) -> None:
        start = self.hovering()
        start.wrist_pose_w[1, 2] = 0.02  # upright hand through the can
        start.object_pose_w[2, 0] = 0.3
        start.wrist_pose_w[2, 2:] = self._fingers_down(deep=0.010)
        physics = self.made(start)
        depth = to_host(physics.initial_penetration(np.array([2, 0, 1])))  # in the order asked for
        assert depth[0] == pytest.approx(0.010, abs=2e-4)  # the contact of capsule and plane is exact to some 50 um
        assert depth[1] == 0.0
        assert depth[2] > 0.01

    def test_penetration_of_object_and_table_does_not_count(self) -> None:
        start = self.hovering(1)
        start.object_pose_w[:, 2] -= 0.005
        assert to_host(self.made(start).initial_penetration(np.array([0]))) == 0.0

    def test_asking_for_penetration_changes_nothing(self) -> None:
        asked, other = self.made(self.hovering()), self.made(self.hovering())
        asked.initial_penetration(np.array([0, 1, 2]))
        for one in (asked, other):
            one.step()
        assert_same(asked.state().host(), other.state().host(), [0, 1, 2])

    # --- arrays

    def test_commands_may_be_tensors(self) -> None:
        start = self.hovering()
        by_arrays, by_tensors = self.make(3), self.make(3)
        put(by_arrays, start)
        by_tensors.reset(
            start.objects,
            torch.as_tensor(start.object_pose_w),
            torch.as_tensor(start.wrist_pose_w),
            torch.as_tensor(start.joint_pos),
            worlds=torch.arange(3),
        )
        acceleration, active = np.tile([1.0, -2.0, 0.0], (3, 1)), np.array([True, False, True])
        for one, kind in ((by_arrays, np.asarray), (by_tensors, torch.as_tensor)):
            one.set_joint_targets(kind(self.flexed(0.6)))
            one.set_wrist_targets(kind(start.wrist_pose_w))
            one.set_side_acceleration(kind(acceleration))
            one.step(kind(active))
        assert_same(by_arrays.state().host(), by_tensors.state().host(), [0, 1, 2])

    def test_state_becomes_tensors_without_a_copy(self) -> None:
        state = self.made(self.hovering()).state()
        for name in state.__dataclass_fields__:
            values = getattr(state, name)
            tensor = torch.as_tensor(values)
            assert tensor.data_ptr() == (values.data_ptr() if isinstance(values, Tensor) else values.ctypes.data), name

    # --- worlds that break down

    def test_a_thrown_object_marks_its_world_alone_which_then_stands_still(self) -> None:
        physics = self.made(self.hovering())
        acceleration = np.zeros((3, 3))
        acceleration[1, 0] = 1e5  # 2,500 m/s after a control step
        physics.set_side_acceleration(acceleration)
        for _ in range(3):
            physics.step()
        first = physics.state().host()
        np.testing.assert_array_equal(first.is_diverged, [False, True, False])
        assert physics.num_diverged == 1
        assert np.isfinite(first.object_pose_w).all()
        assert not first.object_velocity[1].any()
        physics.set_wrist_targets(self.hovering().wrist_pose_w + np.array([0.0, 0.0, 0.01, 0.0, 0.0, 0.0, 0.0]))
        physics.step()
        second = physics.state().host()
        assert_same(first, second, [1])
        assert (first.wrist_pose_w[[0, 2]] != second.wrist_pose_w[[0, 2]]).any()

    def test_an_object_metres_away_marks_its_world(self) -> None:
        start = self.hovering()
        start.object_pose_w[2, 0] = 5.0
        physics = self.made(start)
        physics.step()
        np.testing.assert_array_equal(physics.state().host().is_diverged, [False, False, True])

    def test_a_broken_world_fails_the_lift_test_and_a_reset_heals_it(self) -> None:
        start = self.hovering()
        physics = self.made(start)
        result = lift_test(physics, side_acceleration_w=np.tile([0.0, 0.0, 1e5], (3, 1)))
        assert result.is_diverged.all()
        assert not result.is_lifted.any()
        assert physics.num_diverged == 3
        put(physics, start)
        physics.step()
        assert not physics.state().host().is_diverged.any()
        assert physics.num_diverged == 3
