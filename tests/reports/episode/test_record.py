"""What is noted of a watched world is what happens in it, and watching changes nothing."""

from dataclasses import fields

import numpy as np
import torch

from datamodules.baselines.scripts import FixedStepClose, oracle
from datamodules.rollouts.policy import FingerPolicy
from datamodules.rollouts.runner import EpisodeFrames, EpisodeRunner
from envs.conventions import CONTROL_DT
from envs.physics.mujoco_cpu import MujocoCpu
from envs.task.episodes import Episodes, join_episodes
from envs.task.outcomes import EpisodeOutcome
from envs.task.settings import TaskSettings
from envs.trials.lift import CLOSE_STEPS
from lightning_modules.policy.finger_policies import LearntPolicy
from lightning_modules.residual_ppo_module import ResidualPPOModule
from reports.episode.record import EpisodeRecord, WatchedFactory, WatchedPolicy, WorldWatch
from tests.assisting import HAND, make_env, sampler
from tests.learning import tiny_module

WORLD = 1


def watched(
    episodes: Episodes, policy: FingerPolicy, task: TaskSettings | None = None
) -> tuple[EpisodeRecord, EpisodeOutcome]:
    watch = WorldWatch(WORLD)
    runner = EpisodeRunner(WatchedFactory(MujocoCpu(), watch), task=task, num_threads=0)
    outcome = runner.run(WatchedPolicy(policy, watch), episodes)
    return watch.record(episodes, CONTROL_DT), outcome


def closing() -> FingerPolicy:
    return FixedStepClose(HAND, HAND.closed_pose.copy(), 20)


def test_the_record_is_of_the_watched_world_and_outcomes_stay_the_same() -> None:
    episodes = sampler().sample(2)
    record, outcome = watched(episodes, closing())
    frames = EpisodeFrames((0, 7, 50))
    plain = EpisodeRunner(num_threads=0).run(closing(), episodes, frames=frames)
    for item in fields(EpisodeOutcome):
        np.testing.assert_array_equal(getattr(outcome, item.name), getattr(plain, item.name), err_msg=item.name)
    for index, step in enumerate((0, 7, 50)):
        for name in ("joint_pos", "wrist_pose_w", "object_pose_w"):
            np.testing.assert_array_equal(getattr(record, name)[step], getattr(frames, name)[index, WORLD])
    np.testing.assert_array_equal(record.object_pose_w[-1], frames.object_pose_w[-1, WORLD])  # after the lift
    assert record.grasp_object is episodes.grasp_objects[WORLD]


def test_moments_are_those_of_the_episode_and_the_lift_is_in_it() -> None:
    episodes = sampler().sample(2)
    record, _ = watched(episodes, closing())
    assert record.arrival == episodes.arrival_step[WORLD]
    assert not record.is_by_user
    assert record.lift == 50 + CLOSE_STEPS
    assert record.before == 50
    assert record.end == record.num_steps > record.lift
    assert len(record.actions["a"]) == 50
    # the wrist rises after the lift has begun and not before
    height = record.wrist_pose_w[:, 2]
    assert height[record.lift + 5] > height[record.lift] + 0.001
    assert abs(height[record.lift] - height[50]) < 0.02


def test_where_others_go_on_for_longer_actions_end_with_the_episode() -> None:
    episodes = join_episodes([sampler(num_steps=20).sample(1), sampler(num_steps=12).sample(1)])
    record, _ = watched(episodes, closing())
    assert len(record.actions["a"]) == 12
    assert record.num_steps > 20  # with the lift


def test_commands_touches_and_actions_are_noted() -> None:
    episodes = sampler().sample(2)
    record, _ = watched(episodes, closing())
    np.testing.assert_allclose(record.command[:20], np.tile(HAND.open_pose, (20, 1)))
    moved = record.command[21] - record.command[20]
    np.testing.assert_allclose(moved, 0.05 * record.actions["a"][20], atol=1e-9)
    assert np.abs(record.actions["a"][20:25]).max() == 1.0
    assert set(record.actions) == {"a"}  # a script has no primitive


def test_touches_are_those_of_the_physics() -> None:
    episodes = sampler().sample(2)
    episodes.wrist_pose_w[..., 2] -= 0.06  # into the object and the table
    record, _ = watched(episodes, closing())
    env = make_env()
    policy = closing()
    policy.start(2)
    observation = env.reset(episodes)
    for step in range(49):  # with the next one comes the lift
        observation = env.step(policy.act(observation, step)).observation
        np.testing.assert_array_equal(record.touches[step + 1], env.physics.contact_links()[WORLD])
        np.testing.assert_array_equal(record.on_table[step + 1], env.physics.table_links()[WORLD])
    assert record.touches.any()
    assert record.on_table.any()


def test_told_policies_are_told() -> None:
    record, outcome = watched(sampler().sample(2), oracle())
    assert outcome.posture_rad[WORLD] < 1.0
    assert np.abs(record.actions["a"]).max() > 0.5


def test_a_learnt_policy_says_what_its_action_is_made_of() -> None:
    torch.manual_seed(0)
    module = ResidualPPOModule(tiny_module(), bottleneck=4, hidden_widths=(16,)).eval()
    policy = module.policy()
    assert isinstance(policy, LearntPolicy)
    record, _ = watched(sampler(num_steps=12).sample(2), policy)
    a, a_p, a_s, a_r = (record.actions[name] for name in ("a", "a_p", "a_s", "a_r"))
    np.testing.assert_allclose(a, (a_p * a_s + a_r).clip(-1.0, 1.0), atol=1e-6)
    alone, _ = watched(sampler(num_steps=12).sample(2), module.primitive_policy())
    assert set(alone.actions) == {"a", "a_p"}


def test_an_object_that_is_moved_counts_from_where_it_was_put() -> None:
    episodes = sampler().sample(2)
    episodes.wrist_pose_w[..., 2] += 0.3
    record, _ = watched(episodes, FixedStepClose(HAND, HAND.open_pose.copy(), 0), TaskSettings(object_shift_m=0.04))
    shift = record.start_pose_w - record.start_pose_w[0]
    length = np.linalg.norm(shift[:, :2], axis=1)
    assert length[0] == 0.0
    np.testing.assert_allclose(length[-1], 0.04, atol=1e-6)
    off = np.linalg.norm(record.object_pose_w[:, :2] - record.start_pose_w[:, :2], axis=1)
    assert off.max() < 1e-3
