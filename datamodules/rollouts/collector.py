"""One rollout: the actor moves the fingers through an episode in every world, and everything is kept."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.rollouts.actor import ExploringWorlds, RolloutActor
from datamodules.rollouts.runner import in_order
from datamodules.rollouts.teacher import ArrivalTeacher
from datamodules.threads import thread_pool
from datamodules.types import Decision, Rollout, concatenate_rollouts, each_tensor
from envs.rows import take_rows
from envs.task.assist_env import HumanAssistEnv
from envs.task.episodes import Episodes
from envs.task.outcomes import EpisodeOutcome


class RolloutCollector:
    """Runs episodes with a learning actor, each part of the worlds on a thread of its own.

    Physics and networks release the interpreter lock, and a part never waits for another until the episodes end, so
    cores stay busy where one part alone would have physics wait for networks and both for Python.

    Args:
        parts: the worlds, with their reward; one part runs in the calling thread.
        teacher: says in every step whether it would let the primitive act; it is never followed.
    """

    def __init__(self, parts: Sequence[HumanAssistEnv], *, teacher: ArrivalTeacher | None = None) -> None:
        self.parts = tuple(parts)
        self._teacher = teacher
        self._sizes = [part.num_worlds for part in self.parts]
        self._pool: ThreadPoolExecutor | None = None
        if len(self.parts) > 1:
            threads = max(1, torch.get_num_threads() // len(self.parts))
            self._pool = thread_pool(len(self.parts), "rollout", torch_threads=threads)

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
        rest = time.perf_counter() - began - sum(rollout.seconds.values())
        rollout = replace(rollout, seconds={**rollout.seconds, "other": rest}, clouds=episodes.clouds)
        if self._teacher is None:
            return rollout
        return replace(rollout, gate=self._teacher.gate(episodes), grip=self._teacher.grip(episodes))

    def _run(self, actor: RolloutActor, episodes: Episodes, generator: torch.Generator) -> list[Rollout]:
        """The rollout of each part."""
        acting = actor.begin(self._sizes, episodes.max_steps, generator)
        version = actor.policy_version

        def run(index: int) -> Rollout:
            env, first = self.parts[index], sum(self._sizes[:index])
            own = take_rows(episodes, np.arange(first, first + env.num_worlds))
            return run_part(env, acting[index], own, version)

        return list((map if self._pool is None else self._pool.map)(run, range(len(self.parts))))


@torch.no_grad()
def run_part(env: HumanAssistEnv, acting: ExploringWorlds, episodes: Episodes, policy_version: int) -> Rollout:
    """The episodes of some worlds, without a teacher's comments.

    Args:
        env: the worlds, with their reward.
        acting: decides.
        episodes: one for each world.
        policy_version: of the policy that acts.

    Raises:
        ValueError: actions of another shape, or not finite.
    """
    observation = env.reset(episodes)
    decisions: list[Decision] = []
    terms: list[dict[str, Tensor]] = []
    rewards: list[Tensor] = []
    ended: list[NDArray[np.bool_]] = []
    outcomes: list[EpisodeOutcome] = []
    moving = torch.ones(env.num_worlds, dtype=torch.bool)
    for _ in range(episodes.max_steps):
        decided = acting.step(observation, moving)
        done = env.step(decided.hand_action, decided.primitive_action)
        observation = done.observation
        # not the whole step: the clouds of an episode are a hundred megabytes, and keeping them costs the caches
        decisions.append(decided)
        terms.append(done.terms)
        rewards.append(done.reward)
        ended.append(done.ended)
        moving = moving & ~torch.as_tensor(done.ended)
        outcomes += [] if done.outcome is None else [done.outcome]
    has_ended = np.stack(ended)
    is_whole = observation.objects is not None and observation.objects.clouds is episodes.clouds
    outcome = in_order(outcomes, np.nonzero(has_ended)[1])
    reward = torch.stack(rewards)
    decided = each_tensor(lambda *values: torch.stack(values), *decisions)
    measures = {
        "success": outcome.is_success,
        "is_grasp": outcome.is_grasp,
        "posture_rad": outcome.posture_rad,
        "translation_m": outcome.translation_m.clip(0.0, 1.0),
        "rotation_cos": outcome.rotation_cos,
        "diverged": outcome.is_diverged,
    }
    return Rollout(
        hand_action=decided.hand_action,
        reward=reward,
        terms={name: torch.stack([each[name] for each in terms]) for name in sorted(terms[0])},
        is_terminal=torch.as_tensor(has_ended),
        is_valid=torch.as_tensor(has_ended[::-1].cumsum(axis=0)[::-1] > 0),
        measures={name: torch.as_tensor(value).float() for name, value in measures.items()},
        gate=torch.full_like(reward, torch.nan),
        grip=torch.full_like(reward, torch.nan),
        memory=decided.memory,
        policy_version=policy_version,
        seconds={**env.seconds, **acting.seconds},
        object_row=torch.as_tensor(np.where(is_whole, episodes.object_index, -1)),
    )
