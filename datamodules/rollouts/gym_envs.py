"""Environments of Gymnasium on the grasps of a set: what `gymnasium.make` and ``make_vec`` call, docs/gymnasium.md."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from datamodules.grasps.grasp_file import load_grasp_set
from datamodules.rollouts.grasp_targets import grasp_targets
from envs.conventions import SPLITS, UNSEEN_SPLITS
from envs.gym.single_env import AssistEnv
from envs.gym.vector_env import AssistVectorEnv
from envs.gym.worlds import Sources, WorldSettings
from envs.objects.library import ObjectLibrary
from envs.physics.base import PhysicsBackend, PhysicsFactory
from envs.physics.mujoco_cpu import MujocoCpu
from envs.task.episodes import EpisodeSampler, EpisodeSource
from envs.task.perception import PerceptionNoise
from envs.task.rewards import RewardSettings
from envs.task.settings import TaskSettings
from envs.task.targets import GraspTargets
from envs.wrist.patterns import generate_patterns
from envs.wrist.user_movement import UserMovement

TASKS: dict[str, TaskSettings] = {"paper": TaskSettings(), "user": TaskSettings(movement=UserMovement())}
"""Tasks by name: the wrist arrives by a pattern and is lifted after 50 steps; or a user who lifts when he likes."""


@dataclass(frozen=True)
class AssistOptions:
    """What environments of one world and of many can be asked for.

    Attributes:
        path: grasp set file.
        split: its split that episodes are made of; wrists move by other patterns with unseen objects, unmixed.
        max_objects: only so many of its objects, evenly spread; all when None, which may take minutes to build once.
        task: constants of the task, or a name of `TASKS`.
        reward: terms and weights, or a name of `envs.task.rewards.PRESETS`; "ppo" needs no primitive.
        noise: errors of the observed wrist and cloud; none when None.
        privileged: groups that policies do not see, told in ``infos``.
        watch_contacts: tell causes of failures, too; costs a sixth of a step.
        split_file: objects; the default split file when None.
        reachable_only: leave out grasps that a moving hand did not take.
        physics: makes the worlds; MuJoCo on the CPU when None.
        picture_size: edge of a rendered picture, pixels.

    Raises:
        ValueError: an unknown task or reward, or fewer than one object.
    """

    path: str = "data/grasps.npz"
    split: str = SPLITS[0]
    max_objects: int | None = None
    task: TaskSettings | str = "paper"
    reward: RewardSettings | Mapping[str, float] | str = "ppo"
    noise: PerceptionNoise | None = None
    privileged: Sequence[str] = ()
    watch_contacts: bool = False
    split_file: str | None = None
    reachable_only: bool = True
    physics: PhysicsFactory = field(default_factory=MujocoCpu)
    picture_size: int = 256

    def __post_init__(self) -> None:
        if self.max_objects is not None and self.max_objects < 1:
            raise ValueError(f"max_objects is {self.max_objects}, expected at least 1, or None for all of the split")
        if isinstance(self.task, str) and self.task not in TASKS:
            raise ValueError(f"task {self.task!r} is unknown; available: {', '.join(TASKS)}, or give TaskSettings")
        self.settings()

    def settings(self) -> WorldSettings:
        """What the worlds are made with."""
        reward = self.reward
        if isinstance(reward, str):
            reward = RewardSettings.preset(reward)
        elif not isinstance(reward, RewardSettings):
            reward = RewardSettings(dict(reward))
        task = TASKS[self.task] if isinstance(self.task, str) else self.task
        task.check_fits_policies()
        return WorldSettings(reward, task, self.noise, tuple(self.privileged), self.watch_contacts, self.picture_size)

    def targets(self) -> GraspTargets:
        """The grasps; read once for all environments of the same.

        Raises:
            FileNotFoundError, ValueError: no such file or split, or nothing in it.
        """
        stamps = tuple(_stamp(each) for each in (self.path, self.split_file) if each is not None)
        return _targets(self.path, self.split, self.max_objects, self.split_file, self.reachable_only, stamps)

    def sources(self) -> Sources:
        """Episodes by seed: as in training on training objects, as in evaluations on others."""
        targets, task, period_s = self.targets(), self.settings().task, self.physics.settings.control_dt
        patterns = generate_patterns().split("test" if self.split in UNSEEN_SPLITS else "train")
        learns = self.split == SPLITS[0]

        def source(seed: int) -> EpisodeSource:
            return EpisodeSampler(
                targets, patterns, mix=learns, seed=seed, task=task, period_s=period_s, second_tries=not learns
            )

        return source

    def worlds(self, count: int, num_threads: int | None) -> PhysicsBackend:
        """So many worlds, nothing in them yet."""
        return self.physics.make(self.targets().hand, count, num_threads=num_threads)


def make_env(*, render_mode: str | None = None, **options: Any) -> AssistEnv:
    """An environment of one world.

    Args:
        render_mode: "rgb_array", or None.
        options: see `AssistOptions`.

    Raises:
        FileNotFoundError, ValueError, TypeError: no such file, split, task, reward, group, render mode or option.
    """
    asked = AssistOptions(**options)
    return AssistEnv(asked.worlds(1, 0), asked.sources(), asked.settings(), render_mode)


def make_vector_env(
    num_envs: int = 1,
    *,
    autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    num_threads: int | None = None,
    render_mode: str | None = None,
    **options: Any,
) -> AssistVectorEnv:
    """An environment of ``num_envs`` worlds that are stepped together.

    Args:
        num_envs: worlds.
        autoreset_mode: "NextStep" or "SameStep", or the same as gymnasium.vector.AutoresetMode.
        num_threads: threads that step the physics; one per core when None.
        render_mode: "rgb_array", or None.
        options: see `AssistOptions`.

    Raises:
        FileNotFoundError, ValueError, TypeError: see `make_env`.
    """
    asked = AssistOptions(**options)
    worlds = asked.worlds(num_envs, num_threads)
    return AssistVectorEnv(worlds, asked.sources(), asked.settings(), autoreset_mode, render_mode)


def _stamp(path: str) -> tuple[int, int] | None:
    """What a file that is written anew does not share with the one before: when, ns, and how long; None without one."""
    try:
        about = Path(path).stat()
    except OSError:  # or a split file that is known by its name
        return None
    return about.st_mtime_ns, about.st_size


@lru_cache(maxsize=4)
def _targets(
    path: str,
    split: str,
    max_objects: int | None,
    split_file: str | None,
    reachable_only: bool,
    stamps: tuple[tuple[int, int] | None, ...],
) -> GraspTargets:
    """Grasps of a split; kept while files have these stamps, because environments are made again and again of them."""
    grasps = load_grasp_set(path).split(split)
    if reachable_only:
        grasps = grasps.rows(grasps.is_reachable)
    present = np.unique(grasps.object_index)
    if max_objects is not None and max_objects < len(present):
        chosen = present[np.linspace(0, len(present) - 1, max_objects).astype(int)]
        grasps = grasps.rows(np.isin(grasps.object_index, chosen))
    return grasp_targets(grasps, ObjectLibrary(split_file), reachable_only=reachable_only)
