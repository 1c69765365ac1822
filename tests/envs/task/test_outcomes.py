"""Outcomes of episodes: measures on poses that can be checked by hand, causes from made-up facts."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from envs.hand.shadow import shadow_hand
from envs.physics.base import Array, PhysicsState
from envs.rows import join_rows
from envs.task.outcomes import (
    CAUSES,
    OVER_ANGLE,
    TABLE_STEPS,
    EpisodeFacts,
    EpisodeOutcome,
    axis_distance,
    judge,
    lean,
    translation,
)
from envs.trials.lift import LiftResult

HAND = shadow_hand()


def poses(count: int, *, axis: str = "z", degrees: float = 0.0, shift: float = 0.0) -> Array:
    """Equal poses 10 cm above the table, turned about an axis of the world and moved along x."""
    quat = Rotation.from_euler(axis, degrees, degrees=True).as_quat(scalar_first=True)
    return np.tile(np.concatenate([[shift, 0.0, 0.1], quat]), (count, 1))


def links(*touching: bool) -> NDArray[np.bool_]:
    """Links (E, 23) of which the third touches in the worlds that say so."""
    mask = np.zeros((len(touching), len(HAND.links)), dtype=bool)
    mask[:, 2] = touching
    return mask


def state(object_pose_w: Array, joint_pos: Array | None = None, is_diverged: bool = False) -> PhysicsState:
    count = len(object_pose_w)
    return PhysicsState(
        joint_pos=np.zeros((count, 18)) if joint_pos is None else joint_pos,
        coupled_pos=np.zeros((count, 4)),
        wrist_pose_w=poses(count),
        object_pose_w=object_pose_w,
        object_velocity=np.zeros((count, 6)),
        is_diverged=np.full(count, is_diverged),
    )


def lift(count: int, *, is_lifted: bool = False, rise: float = 0.0, is_diverged: bool = False) -> LiftResult:
    return LiftResult(
        np.full(count, is_lifted), np.full(count, rise), np.full(count, 0.01), np.full(count, is_diverged)
    )


def cause_of(
    end_pose_w: Array,
    *,
    touched: tuple[bool, ...] = (True, True),
    table: int = 0,
    is_lifted: bool = False,
    is_diverged: bool = False,
) -> str:
    """The cause of one world that started at rest, was touched or not step by step, ``table`` steps on the table."""
    facts = EpisodeFacts.at_start(poses(1))
    for step in range(max(table, len(touched))):
        facts.note(HAND, links(touched[min(step, len(touched) - 1)]), links(step < table), np.ones(1, dtype=bool))
    outcome = judge(facts, state(end_pose_w), lift(1, is_lifted=is_lifted, is_diverged=is_diverged), np.zeros((1, 18)))
    return CAUSES[int(outcome.cause[0])]


# --- measures


def test_translation_is_the_distance_of_positions() -> None:
    end_w = poses(1)
    end_w[0, :3] += [0.03, 0.0, -0.04]
    np.testing.assert_allclose(translation(poses(1), end_w), 0.05)


@pytest.mark.parametrize(
    ("axis", "degrees", "expected"),
    [("z", 0.0, 0.0), ("z", 60.0, 0.5), ("y", 90.0, 1.0), ("z", 180.0, 2.0), ("x", 90.0, 0.0)],
)
def test_rotation_is_the_cosine_distance_of_the_x_axis(axis: str, degrees: float, expected: float) -> None:
    # 1 - cos(angle); a turn about x leaves the x axis where it is
    distance = axis_distance(poses(1), poses(1, axis=axis, degrees=degrees))
    np.testing.assert_allclose(distance, expected, atol=1e-12)


def test_rotation_counts_from_the_start_and_not_from_the_world() -> None:
    turned = poses(1, axis="y", degrees=40.0)
    np.testing.assert_allclose(axis_distance(turned, turned), 0.0, atol=1e-12)
    np.testing.assert_allclose(axis_distance(turned, poses(1, axis="y", degrees=100.0)), 0.5)  # 60 degrees between


def test_measures_agree_with_rotation_matrices() -> None:
    rng = np.random.default_rng(0)
    turns = Rotation.random(8, rng=rng), Rotation.random(8, rng=rng)
    start, end = (np.concatenate([np.zeros((8, 3)), turn.as_quat(scalar_first=True)], axis=1) for turn in turns)
    first, second = (turn.as_matrix() for turn in turns)
    np.testing.assert_allclose(axis_distance(start, end), 1.0 - (first[:, :, 0] * second[:, :, 0]).sum(axis=1))
    # the object's axis that was vertical, R_end R_start^T z, against z
    upright = (second @ first.transpose(0, 2, 1))[:, 2, 2]
    np.testing.assert_allclose(np.cos(lean(start, end)), upright, atol=1e-12)


@pytest.mark.parametrize(("axis", "degrees", "expected"), [("z", 170.0, 0.0), ("x", 25.0, 25.0), ("y", -90.0, 90.0)])
def test_lean_ignores_turns_about_the_vertical(axis: str, degrees: float, expected: float) -> None:
    found = np.rad2deg(lean(poses(1), poses(1, axis=axis, degrees=degrees)))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_posture_is_the_distance_to_the_grasps_joints() -> None:
    joint_pos, goal = np.zeros((1, 18)), np.zeros((1, 18))
    joint_pos[0, :2] = 0.3, -0.4
    outcome = judge(EpisodeFacts.at_start(poses(1)), state(poses(1), joint_pos), lift(1), goal)
    np.testing.assert_allclose(outcome.posture_rad, 0.5)
    np.testing.assert_array_equal(outcome.joint_pos, joint_pos)
    np.testing.assert_allclose(outcome.height, 0.1)
    np.testing.assert_allclose(outcome.slip, 0.01)


# --- causes


def test_success() -> None:
    assert cause_of(poses(1), is_lifted=True) == "success"


def test_a_hand_that_never_touches() -> None:
    assert cause_of(poses(1), touched=(False,)) == "never_touched"
    assert cause_of(poses(1), touched=(False,), table=TABLE_STEPS) == "never_touched"


def test_an_object_that_falls_over() -> None:
    just_over = np.rad2deg(OVER_ANGLE) + 1.0
    assert cause_of(poses(1, axis="x", degrees=just_over)) == "pushed_over"
    assert cause_of(poses(1, axis="x", degrees=just_over - 2.0)) == "slipped_in_lift"
    assert cause_of(poses(1, axis="z", degrees=90.0)) == "slipped_in_lift"  # it turned, and still stands


def test_an_object_that_slides_away() -> None:
    assert cause_of(poses(1, shift=0.06)) == "pushed_away"
    assert cause_of(poses(1, shift=0.04)) == "slipped_in_lift"
    assert cause_of(poses(1, axis="x", degrees=80.0, shift=0.06)) == "pushed_over"


def test_fingers_that_rest_on_the_table() -> None:
    assert cause_of(poses(1), table=TABLE_STEPS) == "hit_table"
    assert cause_of(poses(1), table=TABLE_STEPS - 1) == "slipped_in_lift"


def test_an_object_that_is_let_go_before_the_lift() -> None:
    assert cause_of(poses(1), touched=(True, False)) == "let_go"
    assert cause_of(poses(1), touched=(False, True)) == "slipped_in_lift"


def test_a_diverged_world_fails_without_a_rise() -> None:
    assert cause_of(poses(1), is_diverged=True) == "diverged"
    thrown = judge(
        EpisodeFacts.at_start(poses(1)), state(poses(1)), lift(1, is_lifted=True, rise=2.0, is_diverged=True),
        np.zeros((1, 18)),
    )  # fmt: skip
    assert not thrown.is_success.any()
    assert thrown.rise.tolist() == [0.0]
    before = judge(EpisodeFacts.at_start(poses(1)), state(poses(1), is_diverged=True), lift(1), np.zeros((1, 18)))
    assert before.is_diverged.all()
    assert CAUSES[int(before.cause[0])] == "diverged"


def test_facts_are_kept_world_by_world() -> None:
    facts = EpisodeFacts.at_start(poses(3))
    everywhere = np.ones(3, dtype=bool)
    facts.note(HAND, links(True, False, False), links(False, True, False), everywhere)
    facts.note(HAND, links(False, True, False), links(False, True, False), everywhere)
    assert facts.was_touched.tolist() == [True, True, False]
    assert facts.is_touched.tolist() == [False, True, False]
    assert facts.table_steps.tolist() == [0, 2, 0]


def test_steps_count_from_which_on_the_object_was_held_without_a_break() -> None:
    facts, no = EpisodeFacts.at_start(poses(3)), links(False, False, False)
    # held at last for two steps; not in the last; the third world no longer counts after the first
    steps = [(True, True, True), (False, True, True), (True, True, True), (True, False, False)]
    for number, is_held in enumerate(steps):
        touching = links(*is_held)
        touching[:, -1] = is_held  # the thumb as well
        facts.note(HAND, touching, no, np.array([True, True, number == 0]))
    facts.note(HAND, links(True, True, True), no, np.zeros(3, dtype=bool))  # nothing that counts
    assert facts.held_steps.tolist() == [2, 0, 1]
    assert judge(facts, state(poses(3)), lift(3), np.zeros((3, 18))).held_steps.tolist() == [2, 0, 1]
    facts.begin(np.array([0]), poses(1))
    assert facts.held_steps.tolist() == [0, 0, 1]


def test_facts_do_not_follow_later_changes_of_the_start() -> None:
    start_w = poses(1)
    facts = EpisodeFacts.at_start(start_w)
    start_w[:] = 0.0
    np.testing.assert_array_equal(facts.start_pose_w, poses(1))


# --- batches


def test_batches_are_put_together_in_order() -> None:
    def batch(count: int, is_lifted: bool) -> EpisodeOutcome:
        facts = EpisodeFacts.at_start(poses(count))
        return judge(facts, state(poses(count)), lift(count, is_lifted=is_lifted), np.zeros((count, 18)))

    whole = join_rows([batch(2, True), batch(1, False)])
    assert len(whole) == 3
    assert whole.is_success.tolist() == [True, True, False]
    assert whole.joint_pos.shape == (3, 18)
    counts = whole.cause_counts()
    assert set(counts) == set(CAUSES)
    assert counts["success"] == 2
    assert counts["never_touched"] == 1
    assert sum(counts.values()) == 3


@pytest.mark.parametrize(("is_lifted", "at_last"), [(False, [False, False, True]), (True, [True, True, True])])
def test_a_second_try_that_succeeds_counts_at_last_alone(is_lifted: bool, at_last: list[bool]) -> None:
    facts, now = EpisodeFacts.at_start(poses(3)), state(poses(3))
    outcome = judge(facts, now, lift(3, is_lifted=is_lifted), now.joint_pos, second_try=np.array([0, 1, 2]))
    assert outcome.is_success.tolist() == [is_lifted] * 3
    assert outcome.is_success_at_last.tolist() == at_last
