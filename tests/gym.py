"""What the tests of Gymnasium's environments share: tiny worlds of made-up targets."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from envs.gym.single_env import AssistEnv
from envs.gym.vector_env import AssistVectorEnv
from envs.gym.worlds import WorldSettings
from envs.physics.mujoco_worlds import MujocoCpuPhysics
from envs.task.episodes import Episodes, EpisodeSampler, EpisodeSource
from envs.task.rewards import RewardSettings
from envs.task.settings import TaskSettings
from envs.wrist.movement import KINDS
from tests.assisting import HAND, sampler

STEPS = 6
"""Control steps of an episode, before the lift."""


def sources(seed: int) -> EpisodeSampler:
    """Episodes of made-up targets."""
    return sampler(seed=seed, num_steps=STEPS)


class PassingBy:
    """Episodes of made-up targets in the first of which, of each batch, the wrist comes for no grasp."""

    def __init__(self, seed: int) -> None:
        self._source = sources(seed)

    def sample(self, count: int) -> Episodes:
        episodes = self._source.sample(count)
        kind = np.full(count, KINDS.index("grasp"))
        kind[0] = KINDS.index("pass_by")
        return replace(episodes, kind=kind)


def settings(reward: str = "ppo", privileged: Sequence[str] = (), watch_contacts: bool = False) -> WorldSettings:
    return WorldSettings(
        RewardSettings.preset(reward),
        TaskSettings(episode_steps=STEPS),
        privileged=privileged,
        watch_contacts=watch_contacts,
        picture_size=32,
    )


def tiny_env(told: WorldSettings | None = None, render_mode: str | None = None) -> AssistEnv:
    return AssistEnv(MujocoCpuPhysics(HAND, 1, num_threads=0), sources, told or settings(), render_mode)


def tiny_vector_env(
    num_worlds: int = 2,
    mode: str = "NextStep",
    told: WorldSettings | None = None,
    render_mode: str | None = None,
    source: Callable[[int], EpisodeSource] = sources,
) -> AssistVectorEnv:
    worlds = MujocoCpuPhysics(HAND, num_worlds, num_threads=0)
    return AssistVectorEnv(worlds, source, told or settings(), mode, render_mode)
