"""Worlds of a simulator on a device: what is observed, paid and judged is as on the CPU, wherever the state lies."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, cast

import numpy as np
import pytest
import torch

from datamodules.baselines.scripts import oracle
from datamodules.rollouts.recording import record_episodes
from datamodules.rollouts.runner import EpisodeFrames, EpisodeRunner
from envs.gym.vector_env import AssistVectorEnv
from envs.physics.base import PhysicsBackend
from envs.physics.mujoco_worlds import MujocoCpuPhysics
from envs.task.assist_env import HumanAssistEnv
from envs.task.env_step import EnvStep
from envs.task.episodes import Episodes, EpisodeSampler
from envs.task.observations import ASKED_GROUPS, OBSERVATION_GROUPS, Observation
from envs.task.outcomes import EpisodeOutcome
from envs.task.perception import PerceptionNoise
from envs.task.rewards import TERMS, RewardSettings
from envs.task.settings import TaskSettings
from envs.wrist.patterns import generate_patterns
from tests.assisting import HAND, made_up_targets, sampler
from tests.envs.task.test_user_lift import COUNT, user_episodes
from tests.gym import settings, sources
from tests.physics_on import MujocoOn, PhysicsOn
from tests.second_device import (
    OWN_PROCESS,
    brought_to_host,
    check_in_own_process,
    each_device,
    not_in_own_process,
    second_device,
)

HERE = torch.device("cpu")

WORLDS = COUNT

ATOL = 1e-4
"""Devices sum in another order: float32 numbers of the order of 1, some steps one after another."""

PAPER = TaskSettings(episode_steps=8, object_shift_m=0.03)

ERRORS = PerceptionNoise(
    wrist_position_m=0.02, wrist_rotation_rad=0.03, point_m=0.001, wrist_latency_s=0.05, wrist_lost=0.2,
    varied_share=0.5,
)  # fmt: skip


device = each_device


@not_in_own_process
def test_all_of_these_hold_on_a_second_device() -> None:
    check_in_own_process(__file__)


def worlds_on(device: torch.device, count: int = WORLDS) -> PhysicsBackend:
    return cast(PhysicsBackend, PhysicsOn(MujocoCpuPhysics(HAND, count, num_threads=0), device))


def draws(task: TaskSettings, seed: int = 0) -> EpisodeSampler:
    patterns = generate_patterns().split("train")
    return EpisodeSampler(made_up_targets(), patterns, mix=True, seed=seed, task=task)


def of_paper() -> Episodes:
    """The environment lifts, after an object was moved on the way."""
    return draws(PAPER).sample(WORLDS)


def of_user() -> Episodes:
    """Users lift from step 10 on, the first for a shorter time; the third comes down and tries again until step 30."""
    ends, again = np.array([14, 20, 20, 20]), np.array([14, 20, 30, 20])
    return user_episodes(num_steps=ends, retry_lift_step=np.array([14, 20, 26, 20]), retry_steps=again)


EPISODES = pytest.mark.parametrize("episodes_of", [of_paper, of_user])

EVERY_TERM = dict.fromkeys(TERMS, 1.0)


def env_on(
    device: torch.device, task: TaskSettings = PAPER, reward: Mapping[str, float] = EVERY_TERM, **more: Any
) -> HumanAssistEnv:
    """An environment that shows every group and pays, unless told otherwise, for every term."""
    physics = worlds_on(device)
    return HumanAssistEnv(physics, task=task, reward=RewardSettings(reward), privileged=ASKED_GROUPS, **more)


def stepped(env: HumanAssistEnv, count: int) -> list[EnvStep]:
    """So many steps of hands that close a little."""
    a_p = torch.linspace(-1.0, 1.0, HAND.num_joints).expand(WORLDS, -1)
    return [env.step(np.full((WORLDS, HAND.num_joints), 0.1), a_p) for _ in range(count)]


def assert_seen_alike(there: Observation, here: Observation, device: torch.device) -> None:
    assert set(there.groups) == set(OBSERVATION_GROUPS)
    for name, value in there.groups.items():
        assert value.device.type == device.type, name
        torch.testing.assert_close(value.cpu(), here[name], atol=ATOL, rtol=0.0)
    assert there.flat(ASKED_GROUPS).shape == here.flat(ASKED_GROUPS).shape  # one row for a critic


def assert_ends_alike(there: EpisodeOutcome | None, here: EpisodeOutcome | None) -> None:
    assert (there is None) == (here is None)
    for item in fields(EpisodeOutcome) if there is not None else ():
        np.testing.assert_allclose(getattr(there, item.name), getattr(here, item.name), atol=ATOL, err_msg=item.name)


def assert_same_steps(there: Sequence[EnvStep], here: Sequence[EnvStep], device: torch.device) -> None:
    for one, other in zip(there, here, strict=True):
        assert_seen_alike(one.observation, other.observation, device)
        assert set(one.terms) == set(TERMS)
        for name, value in {**one.terms, "reward": one.reward}.items():
            assert value.device.type == device.type, name
            expected = other.reward if name == "reward" else other.terms[name]
            torch.testing.assert_close(value.cpu(), expected, atol=ATOL, rtol=0.0)
        np.testing.assert_array_equal(one.ended, other.ended)
        assert_ends_alike(one.outcome, other.outcome)


@pytest.mark.parametrize("noise", [None, ERRORS], ids=["exact", "errors"])
@EPISODES
def test_an_episode_is_what_it_is_on_the_cpu(
    episodes_of: Callable[[], Episodes], noise: PerceptionNoise | None, device: torch.device
) -> None:
    steps = []
    for where in (device, HERE):
        env, episodes = env_on(where, noise=noise), episodes_of()
        first = env.reset(episodes)
        assert first["goal_wrist"].device.type == where.type
        steps.append(stepped(env, episodes.max_steps))
    assert_same_steps(*steps, device)


def test_worlds_begin_anew_there(device: torch.device) -> None:
    task, steps, errors = TaskSettings(episode_steps=3), [], replace(ERRORS, one_camera=True)
    for where in (device, HERE):
        env = env_on(where, task, source=draws(task, seed=1), noise=errors)
        env.reset(draws(task).sample(WORLDS))
        steps.append(stepped(env, 6))
        assert steps[-1][2].outcome is not None
        assert stepped(env, 1)[0].outcome is not None  # the second episode's, begun in the fourth step
        assert env.begin_anew()["remaining"][:, 0].tolist() == [1.0] * WORLDS
    assert_same_steps(*steps, device)


def test_episodes_with_frames_are_what_they_are_on_the_cpu(device: torch.device) -> None:
    task, found = TaskSettings(episode_steps=10), []
    for where in (device, HERE):
        frames = EpisodeFrames((0, 5, 5, 10))
        runner = EpisodeRunner(MujocoOn(where), task=task, num_worlds=WORLDS, num_threads=0)
        found.append((runner.run(oracle(), sampler(num_steps=10).sample(3), frames=frames), frames))
    (there, frames_there), (here, frames_here) = found
    assert_ends_alike(there, here)
    for name in ("joint_pos", "wrist_pose_w", "object_pose_w"):
        kept = getattr(frames_there, name)
        # the open hand's joints are 0
        assert np.abs(kept[1:]).sum(axis=-1).min() > 0.0
        np.testing.assert_allclose(kept, getattr(frames_here, name), atol=ATOL, err_msg=name)


def test_episodes_are_recorded_there(device: torch.device) -> None:
    task, episodes = TaskSettings(episode_steps=6), sampler(num_steps=6).sample(WORLDS)
    there, here = (
        list(record_episodes(oracle(), episodes, MujocoOn(where), task=task, num_worlds=WORLDS, num_threads=0))
        for where in (device, HERE)
    )
    for one, other in zip(there, here, strict=True):
        for name in ("state", "object_pose_w", "action", "reward"):
            np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=ATOL, err_msg=name)


def test_trainers_of_others_get_arrays_of_the_host(device: torch.device) -> None:
    told = settings("ppo", privileged=ASKED_GROUPS, watch_contacts=True)
    env = AssistVectorEnv(worlds_on(device, 1), sources, told, "SameStep", "rgb_array")
    observation, _ = env.reset(seed=0)
    actions = np.zeros((1, HAND.num_joints), dtype=np.float32)
    for _ in range(7):  # of six; the worlds begin anew within the last
        observation, reward, _, _, infos = env.step(actions)
    assert {type(value) for value in (*observation.values(), reward, infos["goal_wrist"])} == {np.ndarray}
    pictures = env.render()
    assert pictures is not None
    assert pictures[0].shape == (32, 32, 3)


@pytest.mark.skipif(OWN_PROCESS not in os.environ, reason="own process")
@pytest.mark.parametrize("reward", [{"following": 0.09, "displacement": 3.0}, EVERY_TERM])
@EPISODES
def test_a_step_with_which_nothing_ends_brings_nothing_to_the_host(
    episodes_of: Callable[[], Episodes], reward: dict[str, float]
) -> None:
    """But the bits that say that what a user gave is finite; in training, where no contacts are watched."""
    errors = PerceptionNoise(wrist_position_m=0.05, wrist_rotation_rad=0.0873, varied_share=0.25)
    env = env_on(second_device(), TaskSettings(), reward, noise=errors, watch_contacts=False)
    episodes = episodes_of()
    env.reset(episodes)
    # of the action; of joints and coupled joints, where the fingertips' places are asked for, and where they are paid
    bits = ["_local_scalar_dense"] * (3 + 2 * ("fingertip" in reward))
    rises = 0
    for step in range(1, episodes.max_steps + 1):
        with brought_to_host() as found:
            [done] = stepped(env, 1)
        if done.outcome is None:
            assert found == bits, f"step {step}"
            rises += int((episodes.lift_step == step).any())
    assert rises > 0 or episodes_of is of_paper


@pytest.mark.skipif(OWN_PROCESS not in os.environ, reason="own process")
def test_of_worlds_that_end_their_own_rows_alone_are_copied() -> None:
    env = env_on(second_device(), TaskSettings(), watch_contacts=False)
    env.reset(of_user())
    stepped(env, 13)
    with brought_to_host() as found:
        [done] = stepped(env, 1)
    assert done.ended.tolist() == [True, False, False, False]
    shapes = [each for each in found if each.startswith("(")]
    assert shapes
    assert {shape.split(",")[0] for shape in shapes} == {"(1"}
