"""Trials in the world: placed at once, closed with collisions on, or moved with nothing in the way."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from datamodules.grasps.grasp_set import GraspSet
from datamodules.grasps.poses import absolute_pose
from envs.conventions import MAX_JOINT_STEP
from envs.hand.hand import Hand
from envs.hand.shadow import shadow_hand
from envs.objects.grasp_object import GraspObject
from envs.physics.base import Array, PhysicsBackend, PhysicsState
from envs.physics.settings import PhysicsSettings
from envs.trials.grasp_trials import GraspTrials, TrialOutcome, follow_freely
from envs.trials.lift import LiftResult
from tests.assisting import EPISODE_STEPS
from tests.datamodules.grasps.examples import good_grasps, thing

HAND = shadow_hand()

THING = thing()
"""What `good_grasps` holds."""


def scene(grasps: GraspSet) -> tuple[list[GraspObject], Array, Array, Array]:
    """Objects, object poses, wrist poses and joints of grasps of one object."""
    object_w = grasps.object_pose_w.astype(np.float64)
    wrist_w = absolute_pose(object_w, grasps.wrist_pose_o.astype(np.float64))
    return [THING] * len(grasps), object_w, wrist_w, grasps.joint_pos.astype(np.float64)


@pytest.fixture(scope="module")
def grasps() -> GraspSet:
    return good_grasps().grasps


def trials(grasps: GraspSet, **settings: Any) -> GraspTrials:
    grasp_objects, object_w, wrist_w, _ = scene(grasps)
    return GraspTrials(HAND, grasp_objects, object_w, wrist_w, **settings)


def far_away(count: int = 2, **settings: Any) -> GraspTrials:
    """Hands 40 cm above their objects."""
    object_w = np.tile(THING.rest_poses[0], (count, 1))
    wrist_w = np.tile([0.0, 0.0, 0.6, 1.0, 0.0, 0.0, 0.0], (count, 1))
    return GraspTrials(HAND, [THING] * count, object_w, wrist_w, **settings)


def assert_equal(first: TrialOutcome, second: TrialOutcome, rows: NDArray[np.int64] | slice = slice(None)) -> None:
    for name in TrialOutcome.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(first, name)[rows], getattr(second, name), err_msg=name)


def test_verified_grasps_lift_and_open_hands_do_not(grasps: GraspSet) -> None:
    joints = grasps.joint_pos.astype(np.float64)
    placed = trials(grasps).place(joints)
    assert placed.is_lifted.all()
    assert not placed.is_diverged.any()
    opened = trials(grasps).place(np.tile(HAND.open_pose.copy(), (len(grasps), 1)))
    assert not opened.is_lifted.any()


def test_placing_starts_at_the_given_joints_with_the_object_where_it_was(grasps: GraspSet) -> None:
    joints = grasps.joint_pos.astype(np.float64)
    placed = trials(grasps).place(joints)
    np.testing.assert_allclose(placed.joint_pos, joints, atol=1e-9)
    np.testing.assert_allclose(placed.shift, 0.0, atol=1e-9)


def test_closing_meets_the_object_on_its_way(grasps: GraspSet) -> None:
    # goals well inside the object: closed, fingers stop at its surface and push it
    deep = HAND.clamp(grasps.joint_pos.astype(np.float64) + 0.8 * (grasps.joint_pos > 0.3))
    closed = trials(grasps).close_towards(deep)
    short = np.linalg.norm(closed.joint_pos - deep, axis=1)
    assert (short > 0.2).mean() >= 0.5
    assert (closed.shift > 1e-4).any()


def test_closing_in_the_air_reaches_its_goal() -> None:
    goal = np.tile(HAND.clamp(HAND.open_pose.copy() + 0.5), (2, 1))
    closed = far_away().close_towards(goal)
    np.testing.assert_allclose(closed.joint_pos, goal, atol=0.03)  # position control sags by its gain
    assert not closed.is_lifted.any()
    np.testing.assert_allclose(closed.shift, 0.0, atol=2e-3)  # it settles on the table


def test_a_controller_sees_rows_joints_and_steps() -> None:
    seen: list[tuple[list[int], int]] = []

    def controller(rows: NDArray[np.int64], joint_pos: Array, step: int) -> Array:
        assert joint_pos.shape == (len(rows), 18)
        seen.append((rows.tolist(), step))
        return np.zeros((len(rows), 18))

    outcome = far_away(3).follow(controller)
    assert [step for _, step in seen] == list(range(EPISODE_STEPS))
    assert {tuple(rows) for rows, _ in seen} == {(0, 1, 2)}
    np.testing.assert_allclose(outcome.joint_pos, np.tile(HAND.open_pose.copy(), (3, 1)), atol=0.02)


def test_actions_are_clipped_to_full_speed() -> None:
    column = 5

    def push(size: float) -> Array:
        action = np.zeros((1, 18))
        action[:, column] = size
        return far_away(1).follow(lambda rows, joint_pos, step: action if step < 10 else 0.0 * action).joint_pos

    np.testing.assert_array_equal(push(1.0), push(100.0))
    # ten steps of 0.05 rad; the joint follows its command
    assert push(1.0)[0, column] - HAND.open_pose.copy()[column] == pytest.approx(10 * MAX_JOINT_STEP, abs=0.03)


class BlockedHand:
    """Stands in for a factory and its worlds: joints that nothing moves; remembers the commands of joint 5."""

    hand = HAND
    num_worlds = 1
    settings = PhysicsSettings()

    def __init__(self) -> None:
        self.commands: list[float] = []

    def make(self, hand: Hand, num_worlds: int) -> "BlockedHand":
        assert num_worlds == self.num_worlds
        return self

    def reset(self, grasp_objects: object, object_pose_w: Array, wrist_pose_w: Array, joint_pos: Array) -> None:
        still, fine = np.zeros((1, 6)), np.zeros(1, dtype=bool)
        self.present = PhysicsState(joint_pos, np.zeros((1, 0)), wrist_pose_w, object_pose_w, still, fine)

    def state(self) -> PhysicsState:
        return PhysicsState(**{name: value.copy() for name, value in vars(self.present).items()})

    def set_wrist_targets(self, wrist_pose_w: Array) -> None:
        np.testing.assert_array_equal(wrist_pose_w, self.present.wrist_pose_w)

    def set_joint_targets(self, joint_pos: Array) -> None:
        self.commands.append(float(joint_pos[0, 5]))

    def step(self) -> None:
        pass


def test_commands_stay_near_joints_that_are_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    def lift(physics: BlockedHand) -> LiftResult:
        no = np.zeros(physics.num_worlds, dtype=bool)
        return LiftResult(no, np.zeros(1), np.zeros(1), no)

    hand = BlockedHand()
    monkeypatch.setattr("envs.trials.grasp_trials.lift_test", lift)
    far_away(1, physics=hand).follow(lambda rows, joint_pos, step: np.full((1, 18), 1.0 if step < 20 else -1.0))
    found, start, gap = np.array(hand.commands), HAND.open_pose.copy()[5], hand.settings.max_target_gap
    # up by 0.05 rad a step until the gap of 0.3 rad is reached, and down again at once: no wind-up
    expected = start + np.minimum(MAX_JOINT_STEP * np.arange(1, 21), gap)
    np.testing.assert_allclose(found[:20], expected, atol=1e-12)
    np.testing.assert_allclose(found[20:23], start + gap - MAX_JOINT_STEP * np.arange(1, 4), atol=1e-12)


def test_outcomes_keep_the_order_of_grasps_whatever_the_batches(grasps: GraspSet) -> None:
    other = thing("bottle", 0)
    grasp_objects, object_w, wrist_w, joints = scene(grasps)
    # another object far below its hand, first and last: batches are sorted by object
    grasp_objects = [other, *grasp_objects, other]
    away = np.array([0.0, 0.0, 0.6, 1.0, 0.0, 0.0, 0.0])
    object_w = np.concatenate([other.rest_poses[:1], object_w, other.rest_poses[:1]])
    wrist_w = np.concatenate([away[None], wrist_w, away[None]])
    joints = np.concatenate([HAND.open_pose.copy()[None], joints, HAND.open_pose.copy()[None]])
    counts: list[int] = []
    whole = GraspTrials(HAND, grasp_objects, object_w, wrist_w).place(joints)
    parts = GraspTrials(HAND, grasp_objects, object_w, wrist_w, num_worlds=2, on_batch=counts.append).place(joints)
    assert_equal(whole, parts)
    assert whole.is_lifted.tolist() == [False, *[True] * len(grasps), False]
    assert sum(counts) == len(grasp_objects)
    assert max(counts) == 2


def test_each_grasp_is_tried_on_its_own(grasps: GraspSet) -> None:
    joints = grasps.joint_pos.astype(np.float64)
    whole = trials(grasps).place(joints)
    row = np.array([1])
    assert_equal(whole, trials(grasps.rows(row)).place(joints[row]), row)


def test_joints_beyond_the_limits_are_clamped() -> None:
    outcome = far_away(1).place(np.full((1, 18), 9.0))
    np.testing.assert_allclose(outcome.joint_pos[0], HAND.limits.high, atol=1e-9)


def test_free_fingers_move_by_the_actions_and_stop_at_the_limits() -> None:
    def controller(rows: NDArray[np.int64], joint_pos: Array, step: int) -> Array:
        action = np.zeros((len(rows), 18))
        action[0, 4] = 0.5 if step < 10 else 0.0
        action[1, 4] = 100.0
        return action

    final = follow_freely(HAND, controller, 2)
    expected = np.tile(HAND.open_pose.copy(), (2, 1))
    expected[0, 4] += 10 * 0.5 * MAX_JOINT_STEP
    expected[1, 4] = min(HAND.limits.high[4], HAND.open_pose.copy()[4] + EPISODE_STEPS * MAX_JOINT_STEP)
    np.testing.assert_allclose(final, expected)


def test_free_fingers_reach_what_is_near_enough() -> None:
    goal = HAND.clamp(np.random.default_rng(0).uniform(-0.3, 1.2, (4, 18)))
    final = follow_freely(HAND, lambda rows, joint_pos, step: (goal[rows] - joint_pos) / MAX_JOINT_STEP, 4)
    np.testing.assert_allclose(final, goal, atol=1e-12)


def test_uneven_arguments_are_counted() -> None:
    with pytest.raises(ValueError, match=r"2 objects, 1 object poses, 3 wrist poses and 1 rest poses; expected"):
        GraspTrials(HAND, [THING] * 2, np.zeros((1, 7)), np.zeros((3, 7)))


def test_fingers_close_from_the_rest_pose_and_placing_from_the_grasps(grasps: GraspSet) -> None:
    grasp_objects, object_w, wrist_w, joints = scene(grasps)
    aside_w = object_w + np.array([0.3, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])  # at rest 30 cm beside the hand
    apart = GraspTrials(HAND, grasp_objects, object_w, wrist_w, rest_pose_w=aside_w)
    assert apart.place(joints).is_lifted.all()
    assert not apart.close_towards(joints).is_lifted.any()


class Watcher:
    """Notes when it is called, for which trials, and what it sees."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, list[int]]] = []
        self.closing: list[float] = []
        self.lifts: list[bool] = []

    def step(self, rows: NDArray[np.int64], physics: PhysicsBackend, step: int) -> None:
        self.steps.append((step, rows.tolist()))

    def closed(self, rows: NDArray[np.int64], physics: PhysicsBackend) -> None:
        self.closing += physics.state().wrist_pose_w[:, 2].tolist()

    def lifted(self, rows: NDArray[np.int64], physics: PhysicsBackend, result: LiftResult) -> None:
        self.lifts += (physics.state().wrist_pose_w[:, 2] > 1.0).tolist()


def test_a_watcher_sees_every_step_the_closed_hand_and_the_lift() -> None:
    watcher = Watcher()
    world = far_away(1)
    world.follow(lambda rows, joint_pos, step: np.zeros_like(joint_pos), watcher)
    assert watcher.steps == [(step, [0]) for step in range(EPISODE_STEPS + 1)]
    np.testing.assert_allclose(watcher.closing, 0.6, atol=0.01)  # not yet risen
    assert len(watcher.lifts) == 1


def test_placed_grasps_are_watched_from_where_they_are_placed(grasps: GraspSet) -> None:
    watcher = Watcher()
    trials(grasps, num_worlds=2).place(grasps.joint_pos.astype(np.float64), watcher)
    assert sorted(row for _, rows in watcher.steps for row in rows) == list(range(len(grasps)))
    assert {step for step, _ in watcher.steps} == {0}
    assert watcher.lifts == [True] * len(grasps)
