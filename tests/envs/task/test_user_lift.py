"""Lifts by the user: when an episode ends, what its outcome is made of, and the second try."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from envs.physics.base import PhysicsState
from envs.rows import take_rows
from envs.task.assist_env import HumanAssistEnv
from envs.task.env_step import EnvStep
from envs.task.episodes import Episodes
from envs.task.outcomes import CAUSES
from envs.task.user_lift import UserLifts
from envs.wrist.movement import AUTOMATIC, KINDS
from tests.assisting import HAND, make_env, sampler

COUNT = 4
ALL = np.arange(COUNT)


def user_episodes(**columns: NDArray[np.int64]) -> Episodes:
    """The wrist stands 30 cm high until step 10, rises by 15 cm until 20, comes down until 24, rises again until 30."""
    episodes = sampler().sample(COUNT)
    height = np.interp(np.arange(31), [0, 10, 20, 24, 26, 30], [0.3, 0.3, 0.45, 0.3, 0.3, 0.45])
    wrist_w = np.repeat(episodes.wrist_pose_w[:, :1], 31, axis=1)
    wrist_w[:, :, 2] = height
    step = {
        "num_steps": 20, "arrival_step": 5, "lift_step": 10, "retry_lift_step": 20, "retry_steps": 20, "kind": 0,
    }  # fmt: skip
    fixed = {name: np.full(COUNT, value) for name, value in step.items()}
    return replace(episodes, wrist_pose_w=wrist_w, **{**fixed, **columns})


def state(height: list[float], wrist: float) -> PhysicsState:
    """Objects at these heights under wrists at one height."""
    count = len(height)
    object_w, wrist_w = np.zeros((count, 7)), np.zeros((count, 7))
    object_w[:, 2], wrist_w[:, 2] = height, wrist
    blank = np.zeros((count, 18))
    return PhysicsState(blank, np.zeros((count, 4)), wrist_w, object_w, np.zeros((count, 6)), np.zeros(count, bool))


def run(env: HumanAssistEnv, episodes: Episodes) -> list[EnvStep]:
    env.reset(episodes)
    return [env.step(np.zeros((COUNT, HAND.num_joints))) for _ in range(episodes.max_steps)]


def test_the_lift_is_judged_against_the_moment_before_the_rise() -> None:
    episodes = user_episodes()
    lifts, moving = UserLifts(state([0.0] * COUNT, 0.0)), np.ones(COUNT, dtype=bool)
    # before the rise the wrist came down by 10 cm, which must not count
    assert not lifts.ended(episodes, np.full(COUNT, 9), state([0.05] * COUNT, 0.3), moving).any()
    assert not lifts.ended(episodes, np.full(COUNT, 10), state([0.05] * COUNT, 0.2), moving).any()
    # carried along; left on the table; lifted by 9 cm, too little; carried along but 6 cm nearer to the hand
    after = state([0.2, 0.05, 0.14, 0.26], 0.35)
    assert lifts.ended(episodes, np.full(COUNT, 20), after, moving).all()
    assert lifts.first(ALL).is_lifted.tolist() == [True, False, False, False]
    np.testing.assert_allclose(lifts.first(ALL).rise, [0.15, 0.0, 0.09, 0.21])
    np.testing.assert_array_equal(lifts.before(episodes, after, ALL).object_pose_w[:, 2], 0.05)


def test_only_until_the_lift_an_object_counts_as_pushed() -> None:
    episodes = user_episodes(lift_step=np.array([10, 10, AUTOMATIC, AUTOMATIC]))
    before, after = state([0.05] * COUNT, 0.2), state([0.06, 0.05, 0.06, 0.06], 0.2)
    lifts = UserLifts(before)
    for step, expected in ((10, [0.01, 0.0, 0.01, 0.01]), (11, [0.0, 0.0, 0.01, 0.01]), (21, [0.0] * COUNT)):
        found = lifts.pushed(episodes, np.full(COUNT, step), before, after)
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_of_arrays_of_the_host_pushes_are_those_of_numpy_to_the_bit() -> None:
    rng, count = np.random.default_rng(0), 999
    before, after = state([0.0] * count, 0.2), state([0.0] * count, 0.2)
    before.object_pose_w[:], after.object_pose_w[:] = rng.normal(size=(2, count, 7))
    episodes = take_rows(user_episodes(), np.zeros(count, dtype=np.int64))
    found = UserLifts(before).pushed(episodes, np.zeros(count, dtype=np.int64), before, after)
    expected = np.linalg.norm(after.object_pose_w[:, :3] - before.object_pose_w[:, :3], axis=1)
    np.testing.assert_array_equal(found.numpy(), expected)


def test_only_a_failed_lift_is_tried_again_and_the_second_try_counts_apart() -> None:
    again, none = np.array([26, 26, 26, 20]), np.array([30, 30, 30, 20])
    episodes = user_episodes(retry_lift_step=again, retry_steps=none)
    lifts, moving = UserLifts(state([0.05] * COUNT, 0.2)), np.ones(COUNT, dtype=bool)
    lifts.ended(episodes, np.full(COUNT, 10), state([0.05] * COUNT, 0.2), moving)
    ended = lifts.ended(episodes, np.full(COUNT, 20), state([0.2, 0.05, 0.05, 0.05], 0.35), moving)
    assert ended.tolist() == [True, False, False, True]
    moving = ~ended
    assert not lifts.ended(episodes, np.array([20, 26, 26, 20]), state([0.2, 0.06, 0.06, 0.05], 0.2), moving).any()
    last = state([0.2, 0.21, 0.06, 0.05], 0.35)
    assert lifts.ended(episodes, np.array([20, 30, 30, 20]), last, moving).tolist() == [False, True, True, False]
    assert lifts.second_try(last, ALL).tolist() == [0, 2, 1, 0]
    assert lifts.first(ALL).is_lifted.tolist() == [True, False, False, False]


def test_worlds_end_at_their_own_times_without_a_lift_of_the_environment() -> None:
    episodes = user_episodes(num_steps=np.array([14, 20, 20, 20]), retry_steps=np.array([14, 20, 30, 20]))
    env = make_env(COUNT)
    steps = run(env, episodes)
    ends = [np.flatnonzero(step.ended).tolist() for step in steps]
    assert [(index + 1, rows) for index, rows in enumerate(ends) if rows] == [(14, [0]), (20, [1, 3]), (30, [2])]
    outcomes = [step.outcome for step in steps if step.outcome is not None]
    assert [CAUSES[cause] for outcome in outcomes for cause in outcome.cause] == ["never_touched"] * COUNT
    assert [outcome.second_try.tolist() for outcome in outcomes] == [[0], [0, 0], [1]]
    assert not any(outcome.is_success.any() for outcome in outcomes)


def test_an_object_that_nobody_comes_for_has_to_be_left_alone() -> None:
    pass_by = np.full(COUNT, KINDS.index("pass_by"))
    episodes = user_episodes(kind=pass_by, lift_step=np.full(COUNT, 20))
    falls = episodes.object_pose_w + 0.03 * np.eye(7)[2] * np.array([[0.0], [1.0], [0.0], [1.0]])
    outcome = run(make_env(COUNT), replace(episodes, object_pose_w=falls))[19].outcome
    assert outcome is not None
    assert outcome.is_success.tolist() == [True, False, True, False]
    assert [CAUSES[cause] for cause in outcome.cause[[1, 3]]] == ["disturbed"] * 2
    assert not outcome.is_grasp.any()


def test_the_hand_closes_when_the_wrist_rises_and_only_then() -> None:
    env, episodes = make_env(COUNT), user_episodes()
    steps = run(env, episodes)
    commands = np.stack([HAND.denormalise(step.observation["command"].double()).numpy() for step in steps[:20]])
    flexing = HAND.closing > 0.0
    assert np.ptp(commands[:10][..., flexing], axis=0).max() < 1e-6
    closed = commands[19] - commands[0]
    assert (closed[:, flexing] > 0.08).all()
    told = replace(episodes, lift_step=np.full(COUNT, -1), num_steps=np.full(COUNT, 31))
    env.reset(told)
    untold = [env.step(np.zeros((COUNT, HAND.num_joints))) for _ in range(20)]
    assert np.allclose(untold[-1].observation["command"], untold[0].observation["command"])
