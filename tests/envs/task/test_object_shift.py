"""Objects that are moved on the way: when, where to, that the wrist follows, and what is judged from there."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from envs.physics.mujoco_worlds import MujocoCpuPhysics
from envs.rows import take_rows
from envs.task.assist_env import HumanAssistEnv
from envs.task.env_step import EnvStep
from envs.task.episodes import Episodes
from envs.task.outcomes import CAUSES
from envs.task.rewards import RewardSettings
from envs.task.settings import TaskSettings
from envs.wrist.movement import KINDS
from tests.assisting import HAND, make_env, sampler

SHIFTED = TaskSettings(object_shift_m=0.03)


class Counting(MujocoCpuPhysics):
    """Counts resets; says of the first ``crowded`` places after that of the object that the hand is in the way.

    The hand overlaps with the table by ``resting`` m wherever the object stands.
    """

    def __init__(self, num_worlds: int = 2, crowded: int = 0, resting: float = 0.0) -> None:
        super().__init__(HAND, num_worlds, num_threads=0)
        self.num_resets = 0
        self._answers = iter([resting, *[0.01] * crowded])
        self._resting = resting

    def reset(self, *given: Any, **more: Any) -> None:
        self.num_resets += 1
        super().reset(*given, **more)

    def initial_penetration(self, worlds: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.full(len(worlds), next(self._answers, self._resting))


def run(env: HumanAssistEnv, episodes: Episodes) -> list[EnvStep]:
    """Whole episodes of hands that stay open."""
    env.reset(episodes)
    return [env.step(np.zeros((env.num_worlds, 18))) for _ in range(episodes.max_steps)]


def places(steps: list[EnvStep], what: str = "object_pose_w") -> NDArray[np.float64]:
    """Positions (T, E, 3) after each step."""
    return np.stack([getattr(done.state, what)[:, :3] for done in steps])


def raised(episodes: Episodes) -> Episodes:
    """Wrists that come to a place 30 cm above their grasps: nothing touches anything."""
    wrist_w = episodes.wrist_pose_w.copy()
    wrist_w[..., 2] += 0.3
    return replace(episodes, wrist_pose_w=wrist_w)


def test_without_a_shift_nothing_happens_at_all() -> None:
    physics, episodes = Counting(), sampler().sample(2)
    env = make_env(physics=physics)
    run(env, episodes)
    assert env.episodes is episodes
    assert physics.num_resets == 1


def test_the_object_is_moved_once_on_the_way_and_the_wrist_follows() -> None:
    episodes = raised(sampler().sample(4))
    given = episodes.wrist_pose_w.copy()
    plain, shifted = run(make_env(4), episodes), run(make_env(4, task=SHIFTED), episodes)
    np.testing.assert_array_equal(episodes.wrist_pose_w, given)  # the caller's
    moved = places(shifted) - places(plain)
    for world in range(4):
        length = np.linalg.norm(moved[:, world], axis=1)
        first = int(np.argmax(length > 0.02))  # seen after the step that follows the move
        assert first / episodes.arrival_step[world] + 0.02 >= 0.4
        assert first / episodes.arrival_step[world] <= 0.72
        np.testing.assert_allclose(length[:first], 0.0)
        np.testing.assert_allclose(length[first:], 0.03, atol=1e-3)
        aside = places(shifted, "wrist_pose_w")[:, world] - places(plain, "wrist_pose_w")[:, world]
        np.testing.assert_array_equal(aside[:first], 0.0)
        # 0.3 s are 12 steps: half of it after 6, all of it after 12, as minimum jerk is symmetric
        np.testing.assert_allclose(aside[first + 5], 0.5 * moved[-1, world], atol=2e-3)
        np.testing.assert_allclose(aside[first + 11 :], np.tile(moved[-1, world], (50 - first - 11, 1)), atol=2e-3)
    directions = moved[-1, :, :2] / 0.03
    assert np.ptp(directions, axis=0).max() > 0.5  # each has its own


def test_what_was_moved_is_judged_from_where_it_was_put() -> None:
    outcome = run(make_env(4, task=SHIFTED), raised(sampler().sample(4)))[-1].outcome
    assert outcome is not None
    assert (outcome.translation_m < 0.001).all()
    assert [CAUSES[cause] for cause in outcome.cause] == ["never_touched"] * 4


def test_the_hand_is_not_blamed_for_the_move() -> None:
    steps = run(make_env(4, task=SHIFTED, reward=RewardSettings({"displacement": 1.0})), raised(sampler().sample(4)))
    told = torch.stack([done.terms["displacement"] for done in steps])
    assert told.abs().max() < 1e-3  # an object that settles; of the move a step would count 2 cm


def test_how_far_an_object_was_pushed_before_is_not_forgotten() -> None:
    env, episodes = make_env(1, task=SHIFTED), raised(sampler().sample(1))
    env.reset(episodes)
    pushed = episodes.object_pose_w.copy()
    pushed[:, 0] += 0.04
    joints = np.tile(HAND.open_pose, (1, 1))
    env.physics.reset(episodes.grasp_objects, pushed, episodes.wrist_pose_w[:, 0], joints)
    env._state = env.physics.state()
    for _ in range(episodes.max_steps):
        outcome = env.step(np.zeros((1, 18))).outcome
    assert outcome is not None
    assert outcome.translation_m[0] == pytest.approx(0.04, abs=1e-3)


def test_hidden_groups_follow_the_object() -> None:
    env = make_env(1, task=SHIFTED, privileged=["object_motion", "goal_wrist"])
    last = run(env, raised(sampler().sample(1)))[-1].observation
    np.testing.assert_allclose(last["object_motion"], 0.0, atol=1e-3)
    np.testing.assert_allclose(last["goal_wrist"], 0.0, atol=1e-3)


@pytest.mark.parametrize(("crowded", "turn_deg"), [(1, 90.0), (3, 270.0)])
def test_it_is_moved_elsewhere_where_the_hand_is_in_the_way(crowded: int, turn_deg: float) -> None:
    episodes = raised(sampler().sample(1))
    free, turned = (
        run(make_env(physics=Counting(1, crowded=count), task=SHIFTED), episodes)[-1].state.object_pose_w[0, :2]
        - episodes.object_pose_w[0, :2]
        for count in (0, crowded)
    )
    cosine, sine = math.cos(math.radians(turn_deg)), math.sin(math.radians(turn_deg))
    expected = [cosine * free[0] - sine * free[1], sine * free[0] + cosine * free[1]]
    np.testing.assert_allclose(turned, expected, atol=1e-3)


def test_where_there_is_no_room_object_and_wrist_stay() -> None:
    episodes = raised(sampler().sample(1))
    plain = run(make_env(1), episodes)
    stayed = run(make_env(physics=Counting(1, crowded=99), task=SHIFTED), episodes)
    for what, tolerance in (("object_pose_w", 1e-4), ("wrist_pose_w", 1e-9)):
        np.testing.assert_allclose(places(stayed, what), places(plain, what), atol=tolerance)


def test_a_finger_on_the_table_does_not_keep_the_object() -> None:
    episodes = raised(sampler().sample(1))
    free, resting = (
        places(run(make_env(physics=Counting(1, resting=depth), task=SHIFTED), episodes)) for depth in (0.0, 2e-4)
    )
    np.testing.assert_array_equal(resting, free)
    assert np.linalg.norm(free[-1, 0] - episodes.object_pose_w[0, :3]) > 0.02


class Watching(MujocoCpuPhysics):
    """Notes how deep the hand overlaps with what stands around before the step that follows a reset of some worlds."""

    def __init__(self, num_worlds: int) -> None:
        super().__init__(HAND, num_worlds, num_threads=0)
        self.depths: dict[int, float] = {}
        self.num_tries = 0
        self._fresh: set[int] = set()

    def reset(self, *given: Any, worlds: Any = None, **more: Any) -> None:
        super().reset(*given, worlds=worlds, **more)
        self._fresh |= set() if worlds is None else set(worlds.tolist())
        self.num_tries += 0 if worlds is None else len(worlds)

    def step(self, active: Any = None) -> None:
        for world in self._fresh:
            self.depths[world] = float(self.initial_penetration(np.array([world]))[0])
        self._fresh.clear()
        super().step(active)


def test_no_object_is_put_into_a_hand() -> None:
    """Hands 5 cm above their grasps reach beside the objects: some directions are not free."""
    episodes = sampler().sample(24)
    episodes.wrist_pose_w[..., 2] += 0.05
    physics = Watching(24)
    env = make_env(physics=physics, task=TaskSettings(object_shift_m=0.06))
    run(env, episodes)
    has_moved = np.linalg.norm(env.episodes.object_pose_w - episodes.object_pose_w, axis=1) > 0.05
    assert has_moved.sum() > 12
    assert physics.num_tries > 48  # each where it stands and in the first direction, some in another one
    assert {world: physics.depths[world] for world in np.flatnonzero(has_moved).tolist()} == dict.fromkeys(
        np.flatnonzero(has_moved).tolist(), 0.0
    )


def test_objects_that_nobody_comes_to_grasp_stay() -> None:
    episodes = raised(sampler().sample(2))
    passing = replace(episodes, kind=np.array([KINDS.index("pass_by"), KINDS.index("grasp")]))
    env = make_env(task=SHIFTED)
    moved = places(run(env, passing))[-1] - episodes.object_pose_w[:, :3]
    np.testing.assert_allclose(np.linalg.norm(moved[:, :2], axis=1), [0.0, 0.03], atol=1e-3)


def test_moment_and_direction_belong_to_the_episode() -> None:
    episodes = raised(sampler().sample(3))
    together = run(make_env(3, task=SHIFTED), episodes)
    alone = run(make_env(1, task=SHIFTED), take_rows(episodes, np.array([2])))
    np.testing.assert_array_equal(places(together)[:, 2], places(alone)[:, 0])


def test_a_world_that_begins_anew_is_moved_as_its_new_episode_says() -> None:
    first, source = raised(sampler(num_steps=12).sample(1)), sampler(seed=2, num_steps=20)
    env = make_env(1, task=SHIFTED, source=source)
    env.reset(first)
    new = [env.step(np.zeros((1, 18))) for _ in range(33)][13:]
    expected = run(make_env(1, task=SHIFTED), sampler(seed=2, num_steps=20).sample(1))
    np.testing.assert_array_equal(places(new), places(expected))


def test_a_policy_sees_the_object_where_it_was_put() -> None:
    episodes = raised(sampler().sample(1))
    plain, shifted = run(make_env(1), episodes), run(make_env(1, task=SHIFTED), episodes)
    # the wrist has followed: the object stands before it as it would have
    torch.testing.assert_close(
        plain[-1].observation["points_h"], shifted[-1].observation["points_h"], atol=1e-3, rtol=0.0
    )
    seen = [
        (one.observation["points_h"] - two.observation["points_h"]).norm(dim=2).max()
        for one, two in zip(plain, shifted, strict=True)
    ]
    assert max(seen) > 0.02


@pytest.mark.parametrize("distance", [-0.01, 0.3, math.nan])
def test_a_shift_that_cannot_be_is_refused(distance: float) -> None:
    with pytest.raises(ValueError, match=rf"object_shift_m of the task is {distance}, expected 0 .* to 0.2 m"):
        TaskSettings(object_shift_m=distance)
