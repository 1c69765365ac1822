"""How hard a grasp set is on moving wrists: scripts that look at nothing, the nearest grasp, and the stored one."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from datamodules.baselines.scripts import blind_script, nearest_grasp, oracle, scripted_close
from datamodules.baselines.set_trials import Values
from datamodules.rollouts.plans import SpreadPlan, planned_episodes
from datamodules.rollouts.policy import FingerPolicy
from datamodules.rollouts.runner import STEP_GRID, EpisodeRunner, StepChoice, best_fixed_step
from envs.task.episodes import Episodes
from envs.task.targets import GraspTargets
from envs.wrist.patterns import WristPatterns


@dataclass
class SetEpisodes:
    """Episodes of a grasp set under policies that nobody has trained.

    Args:
        train: grasps of training objects.
        patterns: wrist movements.
        runner: runs the episodes.
        num_episodes: episodes of a split.
        seed: decides the episodes.
        choice: grasps on which the scripts' steps are chosen; the training ones when None.
    """

    train: GraspTargets
    patterns: WristPatterns
    runner: EpisodeRunner
    num_episodes: int = 500
    seed: int = 0
    choice: GraspTargets | None = None
    choices: dict[str, StepChoice] = field(default_factory=dict, init=False)

    def policies(self) -> dict[str, FingerPolicy]:
        """The policies by the name of their measure; the scripts start at their best step on the grasps of choice."""
        scripts: dict[str, Callable[[int], FingerPolicy]] = {
            "constant_success_moving": lambda step: scripted_close(self.train, step),
            "blind_success_moving": lambda step: blind_script(self.train.hand, step),
        }
        made: dict[str, FingerPolicy] = {}
        for name, make in scripts.items():
            self.choices[name] = self._best_step(make)
            made[name] = make(self.choices[name].step)
        return made | {"nearest_success_moving": nearest_grasp(self.train), "grasp_success_moving": oracle()}

    def _best_step(self, make: Callable[[int], FingerPolicy]) -> StepChoice:
        episodes = self.episodes(self.choice or self.train, is_training=True)
        return best_fixed_step(lambda step: self.runner.run(make(step), episodes), STEP_GRID)

    def episodes(self, targets: GraspTargets, *, is_training: bool) -> Episodes:
        """Episodes spread evenly over the grasps of a split, on training or test patterns."""
        plan = SpreadPlan(self.num_episodes)
        return planned_episodes(plan, targets, self.patterns, is_training=is_training, seed=self.seed)

    def values(self, policies: dict[str, FingerPolicy], episodes: Episodes) -> Values:
        """Success (0 or 1) of every episode under every policy."""
        return {
            name: self.runner.run(policy, episodes).is_success.astype(np.float64) for name, policy in policies.items()
        }


def families_of(episodes: Episodes) -> NDArray[np.str_]:
    """Family of the object of every episode (E,)."""
    return np.array([thing.family for thing in episodes.grasp_objects])
