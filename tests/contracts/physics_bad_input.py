"""The part of the physics contract about what a user can get wrong: every message names field, given and allowed."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from envs.hand.hand import Hand
from envs.physics.base import Array, PhysicsBackend
from tests.contracts.physics_start import HAND, Start, assert_same, flexed, hovering_start, put


class PhysicsMaker:
    """What both parts of the contract need from a backend's test class; ``hand`` is the hand in its worlds."""

    hand: Hand = HAND

    def make(self, num_worlds: int) -> PhysicsBackend:
        """A backend with so many worlds, nothing in them yet."""
        raise NotImplementedError

    def made(self, start: Start) -> PhysicsBackend:
        """A backend put to a start."""
        physics = self.make(len(start.objects))
        put(physics, start)
        return physics

    def hovering(self, num_worlds: int = 3) -> Start:
        """`hovering_start` with the hand."""
        return hovering_start(num_worlds, self.hand)

    def flexed(self, fraction: float, num_worlds: int = 3) -> Array:
        """`flexed` of the hand."""
        return flexed(fraction, num_worlds, self.hand)


class PhysicsBadInput(PhysicsMaker):
    """Errors of `PhysicsBackend`; a part of `tests.contracts.physics.PhysicsContract`."""

    def test_no_world_at_all(self) -> None:
        with pytest.raises(ValueError, match=r"num_worlds is 0, expected at least 1"):
            self.make(0)

    @pytest.mark.parametrize(
        ("field", "message"),
        [
            ("object_pose_w", r"object_pose_w has shape \(3, 6\), expected \(3, 7\)"),
            ("wrist_pose_w", r"wrist_pose_w has shape \(3, 6\), expected \(3, 7\)"),
            ("joint_pos", r"joint_pos has shape \(3, {few}\), expected \(3, {all}\): actuated joints in radians"),
        ],
    )
    def test_reset_with_a_column_too_few(self, field: str, message: str) -> None:
        start, count = self.hovering(), self.hand.num_joints
        with pytest.raises(ValueError, match=message.format(few=count - 1, all=count)):
            put(self.make(3), replace(start, **{field: getattr(start, field)[:, :-1]}))

    @pytest.mark.parametrize("field", ["object_pose_w", "wrist_pose_w", "joint_pos"])
    def test_reset_with_nan(self, field: str) -> None:
        start = self.hovering()
        getattr(start, field)[1, 2] = np.nan
        with pytest.raises(ValueError, match=f"{field} row 1 holds NaN or infinity"):
            put(self.make(3), start)

    @pytest.mark.parametrize("field", ["object_pose_w", "wrist_pose_w"])
    def test_reset_with_a_quaternion_off_unit_length(self, field: str) -> None:
        start = self.hovering()
        getattr(start, field)[2, 3:] *= 1.2
        with pytest.raises(ValueError, match=rf"{field} row 2 has a quaternion of length 1.2000.*order wxyz"):
            put(self.make(3), start)

    def test_reset_with_a_joint_beyond_its_limit_names_joint_and_range(self) -> None:
        start = self.hovering()
        start.joint_pos[1, 4] = 2.5
        name, low, high = self.hand.joints[4], self.hand.limits.low[4], self.hand.limits.high[4]
        message = rf"joint_pos row 1: joint {name} is 2.5000 rad, allowed \[{low:.3f}, {high:.3f}\].*clamp"
        with pytest.raises(ValueError, match=message):
            put(self.make(3), start)

    def test_reset_with_an_object_too_few(self) -> None:
        start = self.hovering()
        with pytest.raises(ValueError, match=r"objects has length 2, expected 3: one for each world"):
            put(self.make(3), replace(start, objects=start.objects[:2]))

    @pytest.mark.parametrize(
        ("worlds", "message"),
        [([0, 1, 3], r"worlds spans 0\.\.3, allowed 0\.\.2"), ([0, 1, 1], "names a world twice")],
    )
    def test_reset_of_worlds_that_do_not_exist_or_twice(self, worlds: list[int], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            put(self.make(3), self.hovering(), np.array(worlds))

    @pytest.mark.parametrize(
        ("command", "message"),
        [
            (lambda physics: physics.set_joint_targets(np.zeros((3, 22))), r"joint_target has shape \(3, 22\)"),
            (lambda physics: physics.set_wrist_targets(np.zeros((2, 7))), r"wrist_pose_w has shape \(2, 7\)"),
            (lambda physics: physics.set_side_acceleration(np.zeros(3)), r"acceleration_w has shape \(3,\)"),
            (lambda physics: physics.step(np.ones(2, dtype=bool)), r"active has shape \(2,\), expected \(3,\)"),
            (lambda physics: physics.set_wrist_targets(np.zeros((3, 7))), r"quaternion of length 0.0000"),
            (
                lambda physics: physics.set_joint_targets(np.full((3, physics.hand.num_joints), np.nan)),
                r"joint_target row 0 holds NaN",
            ),
            (
                lambda physics: physics.set_side_acceleration(np.full((3, 3), np.inf)),
                r"acceleration_w row 0 holds NaN or infinity",
            ),
        ],
    )
    def test_bad_commands(self, command: Callable[[PhysicsBackend], None], message: str) -> None:
        physics = self.made(self.hovering())
        before = physics.state().host()
        with pytest.raises(ValueError, match=message):
            command(physics)
        assert_same(before, physics.state().host(), [0, 1, 2])

    def test_step_before_any_reset(self) -> None:
        with pytest.raises(RuntimeError, match=r"call reset|reset it"):
            self.make(2).step()

    def test_step_of_a_world_without_an_object(self) -> None:
        start = self.hovering(2)
        physics = self.make(3)
        put(physics, start, np.array([0, 1]))
        physics.step(np.array([True, True, False]))
        with pytest.raises(RuntimeError, match="world 2 holds no object yet; reset it"):
            physics.step()

    @pytest.mark.parametrize(
        ("worlds", "message"),
        [([0, 3], r"worlds spans 0\.\.3, allowed 0\.\.2"), ([1, 1], "names a world twice")],
    )
    def test_penetration_in_worlds_that_do_not_exist_or_twice(self, worlds: list[int], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            self.made(self.hovering()).initial_penetration(np.array(worlds))

    def test_penetration_in_a_world_without_an_object(self) -> None:
        physics = self.make(3)
        put(physics, self.hovering(2), np.array([0, 1]))
        with pytest.raises(RuntimeError, match="world 2 holds no object yet; reset it"):
            physics.initial_penetration(np.array([0, 2]))

    def test_state_before_any_reset(self) -> None:
        with pytest.raises(RuntimeError, match="call reset"):
            self.make(2).state()
