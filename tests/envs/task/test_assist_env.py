"""The assisting task: what is observed, what stays hidden, and that the same seed gives the same episodes."""

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from datamodules.rollouts.grasp_targets import grasp_targets
from envs.conventions import EPISODE_STEPS
from envs.hand.model import normalise_joints, open_hand
from envs.objects.grasp_object import GraspObject
from envs.physics.base import PhysicsState
from envs.physics.mujoco_worlds import MujocoCpuPhysics
from envs.task.assist_env import HumanAssistEnv
from envs.task.episodes import Episodes
from envs.task.observations import OBSERVATION_GROUPS, POLICY_GROUPS, PRIVILEGED_GROUPS, Observation
from envs.task.outcomes import CAUSES, EpisodeOutcome
from envs.task.perception import PerceptionNoise
from tests.assisting import make_env, same_wrist_other_goal, sampler
from tests.contracts.physics_start import flexed
from tests.datamodules.grasps.examples import good_grasps, thing


class Library:
    """Gives the can of the good grasps."""

    def __contains__(self, name: str) -> bool:
        return True

    def get_many(self, names: Sequence[str]) -> list[GraspObject]:
        return [thing() for _ in names]


def closing(step: int, num_worlds: int) -> NDArray[np.float64]:
    """Joint targets of a hand that slowly closes."""
    return flexed(0.2 + 0.01 * step, num_worlds)


def run(env: HumanAssistEnv, episodes: Episodes, steps: int = EPISODE_STEPS) -> list[Observation]:
    """All observations of the first steps, the one after the reset included."""
    seen = [env.reset(episodes)]
    seen += [env.step(closing(step, env.num_worlds)) for step in range(steps)]
    return seen


def assert_same_groups(first: Observation, second: Observation, names: tuple[str, ...]) -> None:
    for name in names:
        assert torch.equal(first[name], second[name]), name
    assert first.objects is not None
    assert second.objects is not None
    assert torch.equal(first.objects.rows, second.objects.rows)


def assert_same_outcome(first: EpisodeOutcome, second: EpisodeOutcome) -> None:
    for item in fields(EpisodeOutcome):
        np.testing.assert_array_equal(getattr(first, item.name), getattr(second, item.name), err_msg=item.name)


# --- determinism


def test_the_same_seed_gives_the_same_episodes_whatever_the_number_of_threads() -> None:
    ends, outcomes = [], []
    for num_threads in (0, 1, 2):
        env = make_env(3, privileged=PRIVILEGED_GROUPS, num_threads=num_threads)
        ends.append(run(env, sampler(seed=3).sample(3))[-1])
        outcomes.append(env.finish())
    for end, outcome in zip(ends[1:], outcomes[1:], strict=True):
        assert_same_groups(ends[0], end, tuple(OBSERVATION_GROUPS))
        assert_same_outcome(outcomes[0], outcome)


def test_an_earlier_episode_leaves_no_trace() -> None:
    draws = sampler()
    first, between = draws.sample(2), draws.sample(2)
    env = make_env(privileged=PRIVILEGED_GROUPS)
    fresh, outcome = run(env, first)[-1], env.finish()
    run(env, between, steps=30)
    again = run(env, first)[-1]
    assert_same_groups(fresh, again, tuple(OBSERVATION_GROUPS))
    assert_same_outcome(outcome, env.finish())


# --- what a policy cannot know


@pytest.mark.parametrize("noise", [None, PerceptionNoise.table_6(2.0)])
def test_what_is_to_come_does_not_show_in_what_a_policy_sees(noise: PerceptionNoise | None) -> None:
    """Goal joints, goal wrist, arrival and the wrist's later way differ, everything until step 20 is the same."""
    episodes, until = sampler().sample(2), 20
    other = same_wrist_other_goal(episodes, until)
    first = run(make_env(privileged=PRIVILEGED_GROUPS, noise=noise), episodes, until)
    second = run(make_env(privileged=PRIVILEGED_GROUPS, noise=noise), other, until)
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
    truth = run(make_env(privileged=PRIVILEGED_GROUPS), episodes, 30)
    altered = run(make_env(privileged=PRIVILEGED_GROUPS, physics=Altered(2, num_threads=0)), episodes, 30)
    for step, (one, two) in enumerate(zip(truth, altered, strict=True)):
        assert_same_groups(one, two, POLICY_GROUPS)
        assert not torch.equal(one["object_motion"], two["object_motion"])
        assert step == 0 or not torch.equal(one["contacts"], two["contacts"])


def test_observing_hidden_state_changes_nothing_else() -> None:
    episodes = sampler().sample(2)
    alone, beside = run(make_env(), episodes, 5), run(make_env(privileged=PRIVILEGED_GROUPS), episodes, 5)
    for one, two in zip(alone, beside, strict=True):
        assert set(one.groups) == set(POLICY_GROUPS)
        assert set(two.groups) == set(OBSERVATION_GROUPS)
        assert_same_groups(one, two, POLICY_GROUPS)


def test_only_the_groups_that_were_asked_for_are_observed() -> None:
    observation = make_env(privileged=["remaining"]).reset(sampler().sample(2))
    assert set(observation.groups) == {*POLICY_GROUPS, "remaining"}


# --- what is observed


def test_every_group_has_the_shape_of_the_table() -> None:
    observation = make_env(privileged=PRIVILEGED_GROUPS).reset(sampler().sample(2))
    for name, group in OBSERVATION_GROUPS.items():
        assert observation[name].shape == (2, *group.shape), name
        assert observation[name].dtype == torch.float32, name


def test_the_first_observation_is_an_open_hand_at_the_start_that_never_moved() -> None:
    episodes = sampler().sample(2)
    observation = make_env().reset(episodes)
    expected = normalise_joints(torch.as_tensor(np.tile(open_hand(), (2, 1)))).float()
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
    for world, grasp_object in enumerate(episodes.things):
        object_w, wrist_w = state.object_pose_w[world], state.wrist_pose_w[world]
        cloud_w = Rotation.from_quat(object_w[3:], scalar_first=True).apply(grasp_object.cloud) + object_w[:3]
        turn = Rotation.from_quat(wrist_w[3:], scalar_first=True)
        expected = turn.inv().apply(cloud_w - wrist_w[:3])
        # float32, decimetres
        np.testing.assert_allclose(observation["points_h"][world], expected, atol=1e-6)


def test_errors_of_perception_reach_the_policy_and_not_the_critic() -> None:
    episodes = sampler().sample(2)
    noise = PerceptionNoise(wrist_position_m=0.02)
    exact = run(make_env(privileged=PRIVILEGED_GROUPS), episodes, 3)[-1]
    noisy = run(make_env(privileged=PRIVILEGED_GROUPS, noise=noise), episodes, 3)[-1]
    for name in ("wrist_history", "points_h"):
        assert not torch.equal(exact[name], noisy[name])
    assert_same_groups(exact, noisy, PRIVILEGED_GROUPS)


def test_the_hidden_groups_say_what_they_promise() -> None:
    episodes = sampler().sample(2)
    env = make_env(privileged=PRIVILEGED_GROUPS)
    seen = run(env, episodes)
    first, tenth, last = seen[0], seen[10], seen[-1]
    np.testing.assert_allclose(first["object_motion"], 0.0)
    np.testing.assert_allclose(tenth["remaining"][:, 0], 0.8, atol=1e-6)
    np.testing.assert_allclose(tenth["remaining"][:, 1], (episodes.arrival_step - 10) / 50, atol=1e-6)
    np.testing.assert_array_equal(last["remaining"], 0.0)
    # the last wrist pose is the goal's, but for what pressing fingers push it away
    np.testing.assert_allclose(last["goal_wrist"], 0.0, atol=0.02)
    assert first["goal_wrist"][:, :3].norm(dim=1).min() > 0.1
    goal = normalise_joints(torch.as_tensor(episodes.goal_joint_pos)).float()
    torch.testing.assert_close(tenth["goal_joints"], goal)
    np.testing.assert_array_equal(last["contacts"].bool(), env.physics.contact_links())


# --- the end


def stored_grasps() -> Episodes:
    grasps = good_grasps().grasps
    targets = grasp_targets(grasps, Library(), reachable_only=False)  # type: ignore[arg-type]
    return sampler(targets, mix=False).of_rows(np.arange(4))


def run_stored(env: HumanAssistEnv, episodes: Episodes, thrown: int | None = None) -> EpisodeOutcome:
    """Closes to the stored joints when the wrist has arrived; throws the object of a world in step 30."""
    env.reset(episodes)
    for step in range(EPISODE_STEPS):
        closes = (step >= np.minimum(episodes.arrival_step, 35))[:, None]
        force = np.zeros((len(episodes), 3))
        if step == 30 and thrown is not None:
            force[thrown, 0] = 1e5
        env.physics.set_side_acceleration(force)
        env.step(np.where(closes, episodes.goal_joint_pos, open_hand()))
    return env.finish()


def test_stored_grasps_lift_the_object_and_an_open_hand_does_not() -> None:
    episodes = stored_grasps()
    env = make_env(4)
    outcome = run_stored(env, episodes)
    assert outcome.is_success.sum() >= 2
    assert (outcome.rise[outcome.is_success] > 0.1).all()
    env.reset(episodes)
    for _ in range(EPISODE_STEPS):
        env.step(np.tile(open_hand(), (4, 1)))
    assert not env.finish().is_success.any()


def test_a_diverged_world_ends_as_a_failure_and_leaves_the_others_alone() -> None:
    episodes = stored_grasps()
    whole, broken = run_stored(make_env(4), episodes), run_stored(make_env(4), episodes, thrown=1)
    np.testing.assert_array_equal(broken.is_diverged, [False, True, False, False])
    assert not broken.is_success[1]
    assert CAUSES[broken.cause[1]] == "diverged"
    for name in ("is_success", "cause", "translation_m", "rise"):
        kept = [0, 2, 3]
        np.testing.assert_array_equal(getattr(broken, name)[kept], getattr(whole, name)[kept], err_msg=name)


# --- bad input


def test_an_unknown_group_is_named() -> None:
    with pytest.raises(ValueError, match=r"observation group 'objct_pose' is unknown; available: .*object_pose"):
        make_env(privileged=["objct_pose"])


def test_a_group_that_is_always_there_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'points_h' is not privileged and always observed; privileged groups: "):
        make_env(privileged=["points_h"])


def test_another_number_of_episodes_than_worlds_is_refused() -> None:
    with pytest.raises(ValueError, match="3 episodes for 2 worlds; expected one for each world"):
        make_env(2).reset(sampler().sample(3))


def test_nothing_happens_before_a_reset() -> None:
    env = make_env()
    with pytest.raises(RuntimeError, match="the environment has no episodes yet; call reset"):
        env.step(flexed(0.2, 2))
    with pytest.raises(RuntimeError, match="the episode is at step 0 of 50; finish comes at its end"):
        env.finish()


def test_an_episode_ends_after_fifty_steps() -> None:
    env = make_env()
    run(env, sampler().sample(2))
    with pytest.raises(RuntimeError, match="the episode ended after 50 steps; call finish, then reset"):
        env.step(flexed(0.2, 2))


def test_finish_comes_at_the_end() -> None:
    env = make_env()
    run(env, sampler().sample(2), 49)
    with pytest.raises(RuntimeError, match="the episode is at step 49 of 50"):
        env.finish()
