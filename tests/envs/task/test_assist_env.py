"""The assisting task: what is observed, what stays hidden, and that the same seed gives the same episodes."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from datamodules.rollouts.grasp_targets import grasp_targets
from envs.hand.shadow import shadow_hand
from envs.objects.grasp_object import GraspObject
from envs.physics.base import PhysicsState
from envs.physics.mujoco_worlds import MujocoCpuPhysics
from envs.rows import take_rows
from envs.task.assist_env import HumanAssistEnv
from envs.task.env_step import EnvStep
from envs.task.episodes import Episodes, join_episodes
from envs.task.observations import ASKED_GROUPS, OBSERVATION_GROUPS, POLICY_GROUPS, Observation, group_shape
from envs.task.outcomes import CAUSES, EpisodeOutcome
from envs.task.perception import PerceptionNoise
from envs.task.rewards import RewardSettings
from envs.task.settings import TaskSettings
from tests.assisting import Throwing, make_env, same_wrist_other_goal, sampler
from tests.datamodules.grasps.examples import good_grasps, thing

HAND = shadow_hand()


class Library:
    """Gives the can of the good grasps."""

    def __contains__(self, name: str) -> bool:
        return True

    def get_many(self, names: Sequence[str]) -> list[GraspObject]:
        return [thing() for _ in names]


def closing(num_worlds: int) -> NDArray[np.float64]:
    """Actions of a hand that slowly closes."""
    return np.tile(0.2 * HAND.closing, (num_worlds, 1))


def run_steps(env: HumanAssistEnv, episodes: Episodes, steps: int | None = None) -> list[EnvStep]:
    """The first steps of a hand that closes; the whole episodes when None."""
    env.reset(episodes)
    count = episodes.max_steps if steps is None else steps
    return [env.step(closing(env.num_worlds)) for _ in range(count)]


def run(env: HumanAssistEnv, episodes: Episodes, steps: int | None = None) -> list[Observation]:
    """All observations of the first steps, the one after the reset included."""
    first = env.reset(episodes)
    return [first, *(done.observation for done in run_steps(env, episodes, steps))]


def outcome_of(env: HumanAssistEnv, episodes: Episodes) -> EpisodeOutcome:
    """How the episodes of a hand that closes end."""
    outcome = run_steps(env, episodes)[-1].outcome
    assert outcome is not None
    return outcome


def assert_same_groups(first: Observation, second: Observation, names: tuple[str, ...]) -> None:
    for name in names:
        assert torch.equal(first[name], second[name]), name
    assert first.objects is not None
    assert second.objects is not None
    assert torch.equal(first.objects.rows, second.objects.rows)


def assert_same_outcome(first: EpisodeOutcome | None, second: EpisodeOutcome | None) -> None:
    assert first is not None
    for item in fields(EpisodeOutcome):
        np.testing.assert_array_equal(getattr(first, item.name), getattr(second, item.name), err_msg=item.name)


# --- determinism


def test_the_same_seed_gives_the_same_episodes_whatever_the_number_of_threads() -> None:
    ends = []
    for num_threads in (0, 1, 2):
        env = make_env(3, privileged=ASKED_GROUPS, num_threads=num_threads)
        ends.append(run_steps(env, sampler(seed=3).sample(3))[-1])
    for end in ends[1:]:
        assert_same_groups(ends[0].observation, end.observation, tuple(OBSERVATION_GROUPS))
        assert_same_outcome(ends[0].outcome, end.outcome)


def test_an_earlier_episode_leaves_no_trace() -> None:
    draws = sampler()
    first, between = draws.sample(2), draws.sample(2)
    env = make_env(privileged=ASKED_GROUPS)
    fresh = run_steps(env, first)[-1]
    run_steps(env, between, steps=30)
    again = run_steps(env, first)[-1]
    assert_same_groups(fresh.observation, again.observation, tuple(OBSERVATION_GROUPS))
    assert_same_outcome(fresh.outcome, again.outcome)


# --- what a policy cannot know


@pytest.mark.parametrize("noise", [None, PerceptionNoise(wrist_position_m=0.02, wrist_rotation_rad=0.035)])
def test_what_is_to_come_does_not_show_in_what_a_policy_sees(noise: PerceptionNoise | None) -> None:
    """Goal joints, goal wrist, arrival and the wrist's later way differ, everything until step 20 is the same."""
    episodes, until = sampler().sample(2), 20
    other = same_wrist_other_goal(episodes, until)
    first = run(make_env(privileged=ASKED_GROUPS, noise=noise), episodes, until)
    second = run(make_env(privileged=ASKED_GROUPS, noise=noise), other, until)
    for step, (one, two) in enumerate(zip(first, second, strict=True)):
        assert_same_groups(one, two, POLICY_GROUPS)
        for hidden in ("goal_joints", "goal_wrist"):
            assert not torch.equal(one[hidden], two[hidden]), (hidden, step)
    assert not torch.equal(first[0]["remaining"], second[0]["remaining"])


class Altered(MujocoCpuPhysics):
    """Tells untruths about what only the simulator knows."""

    def state(self) -> PhysicsState:
        state = super().state()
        return replace(state, object_velocity=state.object_velocity + 1.0, is_diverged=~state.is_diverged)

    def contact_links(self) -> NDArray[np.bool_]:
        return ~super().contact_links()

    def table_links(self) -> NDArray[np.bool_]:
        return ~super().table_links()


def test_velocity_contacts_and_divergence_do_not_show_in_what_a_policy_sees() -> None:
    episodes = sampler().sample(2)
    truth = run(make_env(privileged=ASKED_GROUPS), episodes, 30)
    altered = run(make_env(privileged=ASKED_GROUPS, physics=Altered(HAND, 2, num_threads=0)), episodes, 30)
    for step, (one, two) in enumerate(zip(truth, altered, strict=True)):
        assert_same_groups(one, two, POLICY_GROUPS)
        assert not torch.equal(one["object_motion"], two["object_motion"])
        assert step == 0 or not torch.equal(one["contacts"], two["contacts"])


def test_observing_hidden_state_changes_nothing_else() -> None:
    episodes = sampler().sample(2)
    alone, beside = run(make_env(), episodes, 5), run(make_env(privileged=ASKED_GROUPS), episodes, 5)
    for one, two in zip(alone, beside, strict=True):
        assert set(one.groups) == set(POLICY_GROUPS)
        assert set(two.groups) == set(OBSERVATION_GROUPS)
        assert_same_groups(one, two, POLICY_GROUPS)


def test_only_the_groups_that_were_asked_for_are_observed() -> None:
    observation = make_env(privileged=["remaining"]).reset(sampler().sample(2))
    assert set(observation.groups) == {*POLICY_GROUPS, "remaining"}


# --- what is observed


def test_every_group_has_the_shape_of_the_table() -> None:
    observation = make_env(privileged=ASKED_GROUPS).reset(sampler().sample(2))
    for name in OBSERVATION_GROUPS:
        assert observation[name].shape == (2, *group_shape(name, HAND)), name
        assert observation[name].dtype == torch.float32, name


def test_the_first_observation_is_an_open_hand_at_the_start_that_never_moved() -> None:
    episodes = sampler().sample(2)
    observation = make_env().reset(episodes)
    expected = HAND.normalise(torch.as_tensor(np.tile(HAND.open_pose.copy(), (2, 1)))).float()
    torch.testing.assert_close(observation["joint_pos"], expected)
    start = torch.as_tensor(episodes.wrist_pose_w[:, 0]).float()
    torch.testing.assert_close(observation["wrist_history"], start[:, None].expand(2, 5, 7))
    assert observation.objects is not None
    assert observation.objects.rows.tolist() == episodes.object_index.tolist()
    assert observation.objects.clouds is episodes.clouds


def test_the_history_holds_the_last_five_wrist_poses_oldest_first() -> None:
    episodes = sampler().sample(2)
    seen = run(make_env(), episodes, 8)
    # after 8 steps: the poses of steps 4..8, which a free wrist reaches to a millimetre
    np.testing.assert_allclose(
        seen[8]["wrist_history"][..., :3], episodes.wrist_pose_w[:, 4:9, :3].astype(np.float32), atol=1e-3
    )
    # after 2: the start, held for as long as it stood there, then steps 1 and 2
    expected = episodes.wrist_pose_w[:, [0, 0, 0, 1, 2], :3]
    np.testing.assert_allclose(seen[2]["wrist_history"][..., :3], expected.astype(np.float32), atol=1e-3)


def test_the_cloud_is_the_objects_as_the_wrist_sees_it() -> None:
    episodes = sampler().sample(2)
    env = make_env()
    observation = run(env, episodes, 12)[-1]
    state = env.physics.state()
    for world, grasp_object in enumerate(episodes.grasp_objects):
        object_w, wrist_w = state.object_pose_w[world], state.wrist_pose_w[world]
        cloud_w = Rotation.from_quat(object_w[3:], scalar_first=True).apply(grasp_object.cloud) + object_w[:3]
        turn = Rotation.from_quat(wrist_w[3:], scalar_first=True)
        expected = turn.inv().apply(cloud_w - wrist_w[:3])
        # float32, decimetres
        np.testing.assert_allclose(observation["points_h"][world], expected, atol=1e-6)


def test_errors_of_perception_reach_the_policy_and_not_the_critic() -> None:
    episodes = sampler().sample(2)
    noise = PerceptionNoise(wrist_position_m=0.02)
    exact = run(make_env(privileged=ASKED_GROUPS), episodes, 3)[-1]
    noisy = run(make_env(privileged=ASKED_GROUPS, noise=noise), episodes, 3)[-1]
    for name in ("wrist_history", "points_h"):
        assert not torch.equal(exact[name], noisy[name])
    assert_same_groups(exact, noisy, ASKED_GROUPS)


def test_the_hidden_groups_say_what_they_promise() -> None:
    episodes = sampler().sample(2)
    env = make_env(privileged=ASKED_GROUPS)
    seen = run(env, episodes)
    first, tenth, last = seen[0], seen[10], seen[-1]
    np.testing.assert_allclose(first["object_motion"], 0.0)
    np.testing.assert_allclose(tenth["remaining"][:, 0], 0.8, atol=1e-6)
    np.testing.assert_allclose(tenth["remaining"][:, 1], (episodes.arrival_step - 10) / 50, atol=1e-6)
    np.testing.assert_array_equal(last["remaining"], 0.0)
    # the last wrist pose is the goal's, but for what pressing fingers push it away
    np.testing.assert_allclose(last["goal_wrist"], 0.0, atol=0.02)
    assert first["goal_wrist"][:, :3].norm(dim=1).min() > 0.1
    goal = HAND.normalise(torch.as_tensor(episodes.goal_joint_pos)).float()
    torch.testing.assert_close(tenth["goal_joints"], goal)
    env.reset(episodes)
    seventh = run_steps(env, episodes, 7)[-1].observation
    np.testing.assert_array_equal(seventh["contacts"].bool(), env.physics.contact_links())


# --- the end


def stored_grasps() -> Episodes:
    grasps = good_grasps().grasps
    targets = grasp_targets(grasps, Library(), reachable_only=False)  # type: ignore[arg-type]
    return sampler(targets, mix=False).of_rows(np.arange(4))


def run_stored(env: HumanAssistEnv, episodes: Episodes) -> EpisodeOutcome:
    """Closes to the stored joints when the wrist has arrived."""
    env.reset(episodes)
    for step in range(episodes.max_steps):
        closes = (step >= np.minimum(episodes.arrival_step, 35))[:, None]
        towards = (episodes.goal_joint_pos - env.physics.state().joint_pos) / 0.05
        done = env.step(np.where(closes, towards, 0.0))
    assert done.outcome is not None
    return done.outcome


def test_stored_grasps_lift_the_object_and_an_open_hand_does_not() -> None:
    episodes = stored_grasps()
    env = make_env(4)
    outcome = run_stored(env, episodes)
    assert outcome.is_success.sum() >= 2
    assert (outcome.rise[outcome.is_success] > 0.1).all()
    env.reset(episodes)
    for _ in range(episodes.max_steps):
        done = env.step(np.zeros((4, 18)))
    assert done.outcome is not None
    assert not done.outcome.is_success.any()


def test_a_diverged_world_ends_as_a_failure_and_leaves_the_others_alone() -> None:
    episodes = stored_grasps()
    whole = run_stored(make_env(4), episodes)
    broken = run_stored(make_env(physics=Throwing(step=30, world=1, num_worlds=4)), episodes)
    np.testing.assert_array_equal(broken.is_diverged, [False, True, False, False])
    assert not broken.is_success[1]
    assert CAUSES[broken.cause[1]] == "diverged"
    for name in ("is_success", "cause", "translation_m", "rise"):
        kept = [0, 2, 3]
        np.testing.assert_array_equal(getattr(broken, name)[kept], getattr(whole, name)[kept], err_msg=name)


def mixed_lengths() -> Episodes:
    """An episode of 12 steps and one of 20."""
    short, long = (sampler(seed=seed, num_steps=steps).sample(1) for seed, steps in ((0, 12), (1, 20)))
    return join_episodes([short, long])


def test_each_world_ends_in_its_own_time_and_waits() -> None:
    env = make_env(reward=RewardSettings({"height": 1.0}))
    steps = run_steps(env, mixed_lengths())
    ended = np.stack([done.ended for done in steps])
    assert np.argwhere(ended).tolist() == [[11, 0], [19, 1]]
    assert [len(done.outcome or []) for done in steps] == [1 if index in (11, 19) else 0 for index in range(20)]
    assert all(done.reward[0] == 0.0 for done in steps[12:])
    # after its lift it stands still, to the bit
    for done in steps[13:]:
        for name in ("joint_pos", "wrist_pose_w", "object_pose_w"):
            np.testing.assert_array_equal(getattr(done.state, name)[0], getattr(steps[12].state, name)[0])
    with pytest.raises(RuntimeError, match="every episode is over, after 20 steps; call reset"):
        env.step(closing(2))


@pytest.mark.parametrize("world", [0, 1])
def test_the_lift_of_one_world_leaves_the_others_unchanged_to_the_bit(world: int) -> None:
    """Each world of two that end at different times fares as it does alone."""
    episodes = mixed_lengths()
    together = run_steps(make_env(privileged=ASKED_GROUPS), episodes)
    alone = run_steps(
        make_env(1, privileged=ASKED_GROUPS),
        take_rows(episodes, np.array([world])),
        int(episodes.num_steps[world]),
    )
    for one, two in zip(alone, together, strict=False):
        for name in OBSERVATION_GROUPS:
            if name != "points_h":  # a batch of another size rounds otherwise
                assert torch.equal(one.observation[name][0], two.observation[name][world]), name
        for item in fields(PhysicsState):
            mine, theirs = getattr(one.state, item.name)[0], getattr(two.state, item.name)[world]
            np.testing.assert_array_equal(mine, theirs, err_msg=item.name)
    assert_same_outcome(alone[-1].outcome, together[int(episodes.num_steps[world]) - 1].outcome)


def test_a_world_begins_anew_in_the_step_after_its_end() -> None:
    """Gymnasium's next-step autoreset: that step's action counts for nothing, its reward is 0."""
    first, source = mixed_lengths(), sampler(seed=2, num_steps=9)
    reward = RewardSettings({"following": 1.0, "height": 1.0}, follow_every=1)
    env = make_env(source=sampler(seed=2, num_steps=9), reward=reward, privileged=["remaining"])
    env.reset(first)
    a_p = torch.ones(2, 18)
    steps = [env.step(closing(2), a_p) for _ in range(12)]
    begun = env.step(np.stack([np.ones(18), closing(1)[0]]), a_p)
    new = source.sample(1)
    assert begun.reward[0] == 0.0
    assert begun.reward[1] != 0.0
    assert not begun.ended.any()
    fresh = make_env(1, privileged=["remaining"])
    expected = fresh.reset(new)
    for name in ("joint_pos", "wrist_history", "command", "remaining"):
        assert torch.equal(begun.observation[name][0], expected[name][0]), name
    torch.testing.assert_close(begun.observation["points_h"][0], expected["points_h"][0])
    assert steps[-1].ended.tolist() == [True, False]
    later = [env.step(closing(2), a_p) for _ in range(9)]
    alone = [fresh.step(closing(1)) for _ in range(9)]
    for one, two in zip(alone, later, strict=True):
        np.testing.assert_array_equal(one.state.joint_pos[0], two.state.joint_pos[0])
        assert torch.equal(one.observation["wrist_history"][0], two.observation["wrist_history"][0])
    assert [done.ended.tolist() for done in later[6:]] == [[False, True], [False, False], [True, False]]
    outcome = later[-1].outcome
    assert outcome is not None
    assert_same_outcome(alone[-1].outcome, outcome)


ERRORS = PerceptionNoise(
    wrist_position_m=0.02, wrist_rotation_rad=0.02, point_m=0.004, wrist_latency_s=0.05, wrist_lost=0.3, one_camera=True
)


@pytest.mark.parametrize("noise", [None, ERRORS])
def test_a_world_that_begins_anew_at_once_fares_as_one_a_step_later(noise: PerceptionNoise | None) -> None:
    """Same-step autoreset, errors of perception included; of the world beside it nothing else is known than before."""

    def made() -> HumanAssistEnv:
        env = make_env(noise=noise, source=sampler(seed=2, num_steps=9), privileged=ASKED_GROUPS)
        env.reset(mixed_lengths())
        return env

    def same(one: Observation, two: Observation, world: int) -> None:
        for name in OBSERVATION_GROUPS:
            torch.testing.assert_close(one[name][world], two[name][world], atol=1e-6, rtol=0.0, msg=name)

    later, at_once = made(), made()
    expected = [later.step(closing(2)).observation for _ in range(21)]
    steps = [at_once.step(closing(2)).observation for _ in range(12)]
    same(steps[-1], expected[11], 0)
    begun = at_once.begin_anew()
    same(begun, expected[12], 0)
    same(begun, expected[11], 1)
    for before in range(12, 20):
        done = at_once.step(closing(2))
        same(done.observation, expected[before + 1], 0)
        same(done.observation, expected[before], 1)
    assert done.ended.tolist() == [False, True]
    same(at_once.begin_anew(), expected[20], 1)


def test_without_a_source_nothing_begins_anew_at_once() -> None:
    env = make_env()
    env.reset(mixed_lengths())
    with pytest.raises(RuntimeError, match="there is no source of episodes to begin anew with; give one, or call"):
        env.begin_anew()


# --- the command and the task


def test_the_command_starts_open_and_follows_the_actions() -> None:
    env = make_env()
    first = env.reset(sampler().sample(2))
    torch.testing.assert_close(first["command"], first["joint_pos"])
    action = np.zeros((2, 18))
    action[0, 4] = 1.0
    moved = [env.step(action).observation["command"] for _ in range(3)]
    limits = HAND.limits
    step = 2.0 * 0.05 / (limits.high[4] - limits.low[4])
    torch.testing.assert_close((moved[2] - moved[0])[0, 4], torch.tensor(2.0 * step, dtype=torch.float32))
    assert torch.equal(moved[2][1], first["command"][1])


def test_an_action_moves_as_far_as_the_task_says() -> None:
    slow, fast = (make_env(task=TaskSettings(max_joint_step=size)) for size in (0.01, 0.02))
    commands = [run(env, sampler().sample(2), 4)[-1]["command"] - run(env, sampler().sample(2), 0)[0]["command"]
                for env in (slow, fast)]  # fmt: skip
    torch.testing.assert_close(2.0 * commands[0], commands[1], atol=1e-5, rtol=0.0)


def test_the_history_is_as_long_as_the_task_says() -> None:
    assert run(make_env(task=TaskSettings(history_length=3)), sampler().sample(2), 4)[-1]["wrist_history"].shape == (
        2, 3, 7,
    )  # fmt: skip


# --- reward


def test_a_reward_of_the_primitive_needs_its_action() -> None:
    env = make_env(reward=RewardSettings({"following": 1.0}))
    env.reset(sampler().sample(2))
    with pytest.raises(ValueError, match="reward term 'following' needs a_p, which was not given"):
        env.step(closing(2))
    env.reset(sampler().sample(2))
    assert env.step(closing(2), torch.ones(2, 18)).terms["following"].shape == (2,)


def test_a_world_that_breaks_down_earns_nothing_from_then_on_and_stays_finite() -> None:
    reward = RewardSettings({"fingertip": 1.0, "goal": 1.0, "height": 1.0, "success": 1.0})
    env = make_env(physics=Throwing(step=10, world=1), reward=reward, privileged=ASKED_GROUPS)
    steps = run_steps(env, sampler().sample(2))
    rewards = torch.stack([done.reward for done in steps])
    assert (rewards[:10] < 0.0).all()
    assert not rewards[10:, 1].any()
    assert (rewards[10:-1, 0] < 0.0).all()
    assert not any(value[1] for done in steps[10:] for value in done.terms.values())
    assert steps[-1].ended.tolist() == [True, True]
    for done in steps:
        assert all(values.isfinite().all() for values in done.observation.groups.values())


def test_an_object_that_moves_is_charged_its_way() -> None:
    env = make_env(physics=Throwing(step=10, world=1), reward=RewardSettings({"displacement": 1.0}))
    episodes = sampler().sample(2)
    env.reset(episodes)
    before, ways = torch.as_tensor(env.physics.state().object_pose_w)[:, :3], []
    for _ in range(episodes.max_steps):
        done = env.step(closing(2))
        now = torch.as_tensor(done.state.object_pose_w)[:, :3]
        ways.append(((now - before).norm(dim=1), done.terms["displacement"]))
        before = now
    for way, term in ways[:10]:
        torch.testing.assert_close(term, -way.float().clamp(max=0.02))
    assert any(way.max() > 1e-4 for way, _ in ways[:10])


def test_without_a_reward_there_is_none() -> None:
    done = run_steps(make_env(), sampler().sample(2), 1)[0]
    assert done.terms == {}
    assert done.reward.tolist() == [0.0, 0.0]


# --- errors of perception


def test_errors_of_perception_belong_to_the_episode_whatever_runs_beside_it() -> None:
    noise, episodes = (
        PerceptionNoise(wrist_position_m=0.02, wrist_rotation_rad=0.02, point_m=0.004),
        sampler().sample(3),
    )
    together = run(make_env(3, noise=noise), episodes, 6)
    for rows in ([2], [1, 2], [2, 0]):
        chosen = take_rows(episodes, np.array(rows))
        for one, two in zip(run(make_env(len(rows), noise=noise), chosen, 6), together, strict=True):
            assert torch.equal(one["wrist_history"], two["wrist_history"][rows])
            torch.testing.assert_close(one["points_h"], two["points_h"][rows], atol=1e-6, rtol=0.0)


@pytest.mark.parametrize("noise", [None, PerceptionNoise(wrist_position_m=0.02, wrist_rotation_rad=0.02)])
def test_clouds_without_errors_of_their_own_are_made_again_from_poses(noise: PerceptionNoise | None) -> None:
    for seen in run(make_env(3, noise=noise), sampler().sample(3), 6):
        assert seen.objects is not None
        assert seen.cloud_pose_h is not None
        torch.testing.assert_close(seen.objects.moved(seen.cloud_pose_h), seen["points_h"], atol=1e-6, rtol=0.0)
        some = seen.rows(torch.tensor([2, 0]))
        assert some.objects is not None
        assert some.cloud_pose_h is not None
        torch.testing.assert_close(some.objects.moved(some.cloud_pose_h), some["points_h"], atol=1e-6, rtol=0.0)


@pytest.mark.parametrize("noise", [PerceptionNoise(point_m=0.001), PerceptionNoise(one_camera=True)])
def test_of_clouds_with_errors_of_their_own_no_pose_is_told(noise: PerceptionNoise) -> None:
    assert noise.moves_points
    assert all(seen.cloud_pose_h is None for seen in run(make_env(noise=noise), sampler().sample(2), 2))


def test_of_clouds_that_nobody_knows_no_pose_is_told() -> None:
    unknown = replace(sampler().sample(2), clouds=None)
    assert all(seen.cloud_pose_h is None for seen in run(make_env(), unknown, 2))


# --- bad input


def test_an_unknown_group_is_named() -> None:
    with pytest.raises(ValueError, match=r"observation group 'objct_pose' is unknown; available: .*object_pose"):
        make_env(privileged=["objct_pose"])


def test_a_group_that_is_always_there_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'points_h' is not privileged and always observed; to be asked for are: "):
        make_env(privileged=["points_h"])


def test_another_number_of_episodes_than_worlds_is_refused() -> None:
    with pytest.raises(ValueError, match="3 episodes for 2 worlds; expected one for each world"):
        make_env(2).reset(sampler().sample(3))


def test_nothing_happens_before_a_reset() -> None:
    with pytest.raises(RuntimeError, match="the environment has no episodes yet; call reset"):
        make_env().step(closing(2))


@pytest.mark.parametrize("name", ["episode_steps", "max_joint_step", "history_length"])
def test_a_task_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} of the task is 0, expected a number above 0"):
        replace(TaskSettings(), **dict[str, Any]({name: 0}))
