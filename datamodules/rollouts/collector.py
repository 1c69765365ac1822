"""One rollout: the actor moves the fingers through an episode in every world, and everything is kept."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch

from datamodules.rollouts.actor import RolloutActor
from datamodules.rollouts.episode_part import run_part
from datamodules.rollouts.runner import select_episodes
from datamodules.rollouts.teacher import ArrivalTeacher
from datamodules.types import Rollout, concatenate_rollouts
from envs.task.assist_env import HumanAssistEnv
from envs.task.episodes import Episodes
from envs.task.rewards import RewardSettings


class RolloutCollector:
    """Runs episodes with a learning actor, each part of the worlds on a thread of its own.

    Physics and networks release the interpreter lock, and a part never waits for another until the episodes end, so
    cores stay busy where one part alone would have physics wait for networks and both for Python.

    Args:
        parts: the worlds; must observe the hidden groups that the reward needs. One part runs in the calling thread.
        reward: terms and weights.
        max_gap: largest distance of commanded from actual joints, rad.
        teacher: says in every step whether it would let the primitive act; it is never followed.
    """

    def __init__(
        self,
        parts: Sequence[HumanAssistEnv],
        reward: RewardSettings,
        *,
        max_gap: float,
        teacher: ArrivalTeacher | None = None,
    ) -> None:
        self.parts = tuple(parts)
        self.reward = reward
        self._max_gap = max_gap
        self._teacher = teacher
        self._sizes = [part.num_worlds for part in self.parts]
        self._pool: ThreadPoolExecutor | None = None
        if len(self.parts) > 1:
            threads = max(1, torch.get_num_threads() // len(self.parts))
            self._pool = ThreadPoolExecutor(
                len(self.parts), "rollout", initializer=torch.set_num_threads, initargs=(threads,)
            )

    @property
    def num_worlds(self) -> int:
        """Worlds of all parts, E."""
        return sum(self._sizes)

    def collect(self, actor: RolloutActor, episodes: Episodes, generator: torch.Generator) -> Rollout:
        """T steps and the lift in all worlds.

        Args:
            actor: decides; not changed.
            episodes: one for each world, those of the first part first.
            generator: exploration noise.

        Raises:
            ValueError: another number of episodes than worlds, or the actor's actions have another shape or are not
                finite.
        """
        if len(episodes) != self.num_worlds:
            raise ValueError(f"{len(episodes)} episodes for {self.num_worlds} worlds; expected one for each world")
        began = time.perf_counter()
        rollout = concatenate_rollouts(self._run(actor, episodes, generator))
        rollout = replace(rollout, seconds=_shared(rollout.seconds, time.perf_counter() - began))
        if self._teacher is None:
            return rollout
        return replace(rollout, gate=self._teacher.gate(episodes), grip=self._teacher.grip(episodes))

    def _run(self, actor: RolloutActor, episodes: Episodes, generator: torch.Generator) -> list[Rollout]:
        """The rollout of each part."""
        acting = actor.begin(self._sizes, generator)
        version = actor.policy_version

        def run(index: int) -> Rollout:
            env, first = self.parts[index], sum(self._sizes[:index])
            own = select_episodes(episodes, np.arange(first, first + env.num_worlds))
            return run_part(env, acting[index], own, self.reward, max_gap=self._max_gap, policy_version=version)

        return list((map if self._pool is None else self._pool.map)(run, range(len(self.parts))))


def _shared(seconds: dict[str, float], wall_s: float) -> dict[str, float]:
    """Seconds by part that add up to those on the clock; what no part accounts for is called other."""
    known = {name: value for name, value in seconds.items() if name != "other"}
    return {**known, "other": wall_s - sum(known.values())}
