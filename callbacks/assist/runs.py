"""Episodes of the assisting task under several policies, seeds and splits, with a bar."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from callbacks.assist.report import OURS, EpisodeLabels
from callbacks.store.resume import ResumableRunner
from datamodules.rollouts.module import RolloutDataModule
from datamodules.rollouts.plans import EpisodePlan, planned_episodes
from datamodules.rollouts.policy import FingerPolicy
from datamodules.rollouts.runner import EpisodeFrames, EpisodeRunner, select_episodes
from envs.conventions import EPISODE_STEPS, SPLITS
from envs.task.episodes import Episodes
from envs.task.outcomes import EpisodeOutcome, concatenate_outcomes
from envs.task.targets import GraspTargets

_LOG = logging.getLogger(__name__)

FRAME_STEPS = (0, 20, 30, 40, EPISODE_STEPS)
"""Control steps of which states are kept for pictures."""


@dataclass(frozen=True)
class EpisodeLimit:
    """How much of an evaluation a policy takes part in; what it runs is a part of what the others run.

    Attributes:
        poses: at most so many episodes of an object and seed, drawn at random; all when None.
        seeds: only the first so many seeds; all when None.

    Raises:
        ValueError: less than one of either.
    """

    poses: int | None = None
    seeds: int | None = None

    def __post_init__(self) -> None:
        for name in ("poses", "seeds"):
            given = getattr(self, name)
            if given is not None and given < 1:
                raise ValueError(f"a limit has {name} {given}; allowed are 1 and more, or null for all")

    def rows(self, episodes: Sequence[Episodes]) -> list[NDArray[np.int64]]:
        """Which episodes of each seed a policy runs, in their order."""
        return [
            np.zeros(0, dtype=np.int64)
            if self.seeds is not None and seed >= self.seeds
            else _of_each_object(each, self.poses, seed)
            for seed, each in enumerate(episodes)
        ]


def _of_each_object(episodes: Episodes, poses: int | None, seed: int) -> NDArray[np.int64]:
    """At most ``poses`` episodes of each object, in their order; fewer are always among more."""
    if poses is None:
        return np.arange(len(episodes))
    order = np.random.default_rng([11, seed]).permutation(len(episodes))
    taken: dict[int, int] = {}
    chosen = []
    for row in order.tolist():
        name = int(episodes.object_index[row])
        taken[name] = taken.get(name, 0) + 1
        if taken[name] <= poses:
            chosen.append(row)
    return np.sort(np.array(chosen, dtype=np.int64))


@dataclass
class SplitRuns:
    """What was run on one split.

    Attributes:
        targets: the grasps of the split.
        episodes: one batch of episodes a seed, the same for every policy.
        outcomes: how they ended, by policy, one for each seed that it ran.
        rows: by policy, which episodes of each seed it ran; all of them where it is not named.
        frames: snapshots of the first seed's episodes under the learnt policy.
    """

    targets: GraspTargets
    episodes: list[Episodes]
    outcomes: dict[str, list[EpisodeOutcome]] = field(default_factory=dict)
    rows: dict[str, list[NDArray[np.int64]]] = field(default_factory=dict)
    frames: EpisodeFrames = field(default_factory=lambda: EpisodeFrames(FRAME_STEPS))

    def __len__(self) -> int:
        """Episodes of all seeds together."""
        return sum(len(each) for each in self.episodes)

    def outcome(self, policy: str = OURS) -> EpisodeOutcome:
        """Outcomes of all seeds that the policy ran, seed after seed."""
        return concatenate_outcomes(self.outcomes[policy])

    def limit(self, policy: str, limit: EpisodeLimit) -> int:
        """Have a policy run a part of the episodes; their number."""
        self.rows[policy] = limit.rows(self.episodes)
        return sum(map(len, self.rows[policy]))

    def rows_of(self, policy: str) -> NDArray[np.int64]:
        """Episodes of the policy among those of all seeds, seed after seed."""
        offsets = np.cumsum([0, *(len(each) for each in self.episodes)])
        parts = self.rows.get(policy, [np.arange(len(each)) for each in self.episodes])
        return np.concatenate([rows + offset for rows, offset in zip(parts, offsets[:-1], strict=True)])

    def pictured(self) -> Episodes:
        """Episodes of the first seed that the learnt policy ran: those of ``frames``."""
        every = self.episodes[0]
        return select_episodes(every, self.rows[OURS][0]) if OURS in self.rows else every

    def labels(self) -> EpisodeLabels:
        """What the episodes of all seeds were, seed after seed."""
        rows = np.concatenate([each.grasp_row for each in self.episodes])
        things = [thing for each in self.episodes for thing in each.things]
        return EpisodeLabels(
            groups=self.targets.object_index[rows],
            families=np.array([thing.family for thing in things]),
            types=np.array(self.targets.hand.type_names)[self.targets.type_index[rows]],
            seeds=np.repeat(np.arange(len(self.episodes)), [len(each) for each in self.episodes]),
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


def present_splits(data: RolloutDataModule, splits: Sequence[str]) -> list[str]:
    """Those of ``splits`` that the grasp set has grasps of: sets of other objects need not have all.

    Raises:
        ValueError: it has none of them.
    """
    grasps = data.grasps
    there = {grasps.object_splits[index] for index in np.unique(grasps.object_index)}
    found = [split for split in splits if split in there]
    if not found:
        raise ValueError(
            f"grasp set {data.path} has grasps of {', '.join(sorted(there)) or 'no split'}, none of which is to be "
            f"measured ({', '.join(splits)}); name one of its splits in the evaluation's splits"
        )
    return found


def make_runner(data: RolloutDataModule, num_worlds: int, on_batch: Callable[[int], None]) -> EpisodeRunner:
    """A runner with the physics and the perception of the data module."""
    return EpisodeRunner(
        data.physics,
        num_worlds=num_worlds,
        num_threads=data.num_threads,
        noise=data.noise,
        on_batch=on_batch,
    )


def run_all(
    runner: EpisodeRunner | ResumableRunner, policies: Mapping[str, FingerPolicy], runs: Runs, bar: "tqdm[None]"
) -> None:
    """Fill the outcomes of every policy, and the frames of the learnt one."""
    for split, run in runs.items():
        for name, policy in policies.items():
            bar.set_postfix_str(f"{split}, {name}")
            run.outcomes[name] = []
            for seed, episodes in enumerate(run.episodes):
                rows = run.rows[name][seed] if name in run.rows else np.arange(len(episodes))
                if len(rows) == 0:
                    continue
                frames = run.frames if name == OURS and seed == 0 else None
                outcome = runner.run(policy, select_episodes(episodes, rows), frames=frames)
                run.outcomes[name].append(outcome)
            _LOG.info("%s, %s: %.1f %% of %d", split, name, *_summary(run.outcome(name)))


def _summary(outcome: EpisodeOutcome) -> tuple[float, int]:
    """Success, %, and the number of episodes."""
    return 100.0 * float(outcome.is_success.mean()), len(outcome)
