"""Episodes of the assisting task under several policies, seeds and splits, with a bar."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from tqdm import tqdm

from callbacks.assist_report import OURS, EpisodeLabels
from datamodules.grasps.grasp_types import GRASP_TYPES
from datamodules.rollouts.episode_plans import EpisodePlan, planned_episodes
from datamodules.rollouts.episodes_run import EpisodeFrames, EpisodeRunner
from datamodules.rollouts.module import RolloutDataModule
from datamodules.rollouts.policy import FingerPolicy
from envs.conventions import EPISODE_STEPS, SPLITS
from envs.episodes import Episodes
from envs.outcomes import EpisodeOutcome, concatenate_outcomes
from envs.targets import GraspTargets

FRAME_STEPS = (0, 20, 30, 40, EPISODE_STEPS)
"""Control steps of which states are kept for pictures."""


@dataclass
class SplitRuns:
    """What was run on one split.

    Attributes:
        targets: the grasps of the split.
        episodes: one batch of episodes a seed, the same for every policy.
        outcomes: how they ended, by policy, one for each seed.
        frames: snapshots of the first seed's episodes under the learnt policy.
    """

    targets: GraspTargets
    episodes: list[Episodes]
    outcomes: dict[str, list[EpisodeOutcome]] = field(default_factory=dict)
    frames: EpisodeFrames = field(default_factory=lambda: EpisodeFrames(FRAME_STEPS))

    def __len__(self) -> int:
        """Episodes of all seeds together."""
        return sum(len(each) for each in self.episodes)

    def outcome(self, policy: str = OURS) -> EpisodeOutcome:
        """Outcomes of all seeds, seed after seed."""
        return concatenate_outcomes(self.outcomes[policy])

    def labels(self) -> EpisodeLabels:
        """Objects, families and types of the episodes of all seeds, seed after seed."""
        rows = np.concatenate([each.grasp_row for each in self.episodes])
        things = [thing for each in self.episodes for thing in each.things]
        return EpisodeLabels(
            groups=self.targets.object_index[rows],
            families=np.array([thing.family for thing in things]),
            types=np.array([GRASP_TYPES[index] for index in self.targets.type_index[rows]]),
        )


Runs = dict[str, SplitRuns]
"""By split."""


def plan_runs(data: RolloutDataModule, splits: Sequence[str], plan: EpisodePlan, seeds: Sequence[int]) -> Runs:
    """Episodes of each split, not yet run."""
    runs = {}
    for split in splits:
        targets, is_training = data.targets(split), split == SPLITS[0]
        episodes = [
            planned_episodes(plan, targets, data.patterns, is_training=is_training, seed=seed) for seed in seeds
        ]
        runs[split] = SplitRuns(targets, episodes)
    return runs


def make_runner(data: RolloutDataModule, num_worlds: int, on_batch: Callable[[int], None]) -> EpisodeRunner:
    """A runner with the physics and the perception of the data module."""
    return EpisodeRunner(
        data.physics_settings,
        scenes=data.scenes,
        num_worlds=num_worlds,
        num_threads=data.num_threads,
        noise=data.noise,
        on_batch=on_batch,
    )


def run_all(runner: EpisodeRunner, policies: dict[str, FingerPolicy], runs: Runs, bar: "tqdm[None]") -> None:
    """Fill the outcomes of every policy, and the frames of the learnt one."""
    for split, run in runs.items():
        for name, policy in policies.items():
            bar.set_postfix_str(f"{split}, {name}")
            run.outcomes[name] = [
                runner.run(policy, episodes, frames=run.frames if name == OURS and seed == 0 else None)
                for seed, episodes in enumerate(run.episodes)
            ]
