"""Which grasps an evaluation tries, and the episodes made of them: the same for every policy."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from datamodules.grasps.diversity import most_diverse
from datamodules.grasps.poses import relative_pose
from envs.conventions import CONTROL_DT
from envs.task.episodes import Episodes, EpisodeSampler
from envs.task.settings import TaskSettings
from envs.task.targets import GraspTargets
from envs.wrist.patterns import WristPatterns

CHOICE_SEED = 1000
"""Decides the episodes of a choice: other trajectories than those of any result."""


class EpisodePlan(Protocol):
    """Chooses the grasps of an evaluation."""

    def rows(self, targets: GraspTargets, seed: int) -> NDArray[np.int64]:
        """Rows of the targets to make episodes of, in any order, with repetition; a seed gives the same ones again."""
        ...


class SpreadPlan:
    """A fixed number of episodes in which all grasps come equally often, give or take one.

    Args:
        num_episodes: episodes of a split.
    """

    def __init__(self, num_episodes: int = 500) -> None:
        if num_episodes < 1:
            raise ValueError(f"num_episodes is {num_episodes}; an evaluation needs at least 1")
        self.num_episodes = num_episodes

    def rows(self, targets: GraspTargets, seed: int) -> NDArray[np.int64]:
        """See `EpisodePlan.rows`."""
        shuffled = np.random.default_rng(seed).permutation(len(targets))
        return np.resize(shuffled, self.num_episodes)


class PosesPlan:
    """The most diverse grasps of every object, each once (GraspGF App. A.2, A.3).

    Args:
        poses: grasps of an object; objects that have fewer give all of theirs.
        max_objects: only so many objects, evenly spread; all when None.
    """

    def __init__(self, poses: int = 5, max_objects: int | None = None) -> None:
        if poses < 1 or (max_objects is not None and max_objects < 1):
            raise ValueError(
                f"poses is {poses} and max_objects {max_objects}; an evaluation needs at least 1 grasp of 1 object"
            )
        self.poses = poses
        self.max_objects = max_objects

    def rows(self, targets: GraspTargets, seed: int) -> NDArray[np.int64]:
        """See `EpisodePlan.rows`; the same for every seed."""
        wrist_pose_o = relative_pose(targets.object_pose_w, targets.wrist_pose_w)
        chosen = []
        present = np.unique(targets.object_index)
        if self.max_objects is not None and self.max_objects < len(present):
            present = present[np.linspace(0, len(present) - 1, self.max_objects).astype(int)]
        for index in present:
            own = np.flatnonzero(targets.object_index == index)
            chosen.append(own[most_diverse(wrist_pose_o[own], targets.joint_pos[own], self.poses)])
        return np.concatenate(chosen)


def planned_episodes(
    plan: EpisodePlan,
    targets: GraspTargets,
    patterns: WristPatterns,
    *,
    is_training: bool,
    seed: int,
    task: TaskSettings | None = None,
    period_s: float = CONTROL_DT,
) -> Episodes:
    """The episodes of one evaluation (GraspGF App. A.3): patterns of the objects' own part, unmixed.

    Args:
        plan: chooses the grasps.
        targets: grasps of a split.
        patterns: all wrist movements; all but test objects get the training ones.
        is_training: the targets are training or development objects, which no result is told of.
        seed: decides trajectories and shifts.
        task: says how wrists move; the defaults when None.
        period_s: seconds of a control step.
    """
    own_patterns = patterns.split("train" if is_training else "test")
    sampler = EpisodeSampler(targets, own_patterns, mix=False, seed=seed, task=task, period_s=period_s)
    return sampler.of_rows(plan.rows(targets, seed))
