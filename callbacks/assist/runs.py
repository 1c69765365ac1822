"""Episodes of the assisting task under several policies, seeds and splits, with a bar, and kept as they come."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from callbacks.assist.policies import ComparedPolicy
from callbacks.assist.report import OURS, EpisodeLabels
from callbacks.assist.stress_axes import Setting
from callbacks.store.kept_plan import METRICS_FILE
from callbacks.store.made_of import digest_of, identity_of, made_of_code, settings_of
from callbacks.store.result_files import Arrays, ResultFiles
from callbacks.training.progress import skip_ahead
from datamodules.rollouts.module import RolloutDataModule
from datamodules.rollouts.plans import EpisodePlan, planned_episodes
from datamodules.rollouts.runner import EpisodeFrames, EpisodeRunner
from envs.conventions import UNSEEN_SPLITS
from envs.physics.base import PhysicsFactory, physics_identity
from envs.rows import join_rows, take_rows
from envs.task.episodes import Episodes
from envs.task.outcomes import EpisodeOutcome
from envs.task.targets import GraspTargets

_LOG = logging.getLogger(__name__)

FRAME_SHARES = (0.0, 0.4, 0.6, 0.8, 1.0)
"""Shares of an episode after which states are kept for pictures."""


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
        rows: by policy, which episodes of each seed it runs (`limit`).
        frames: snapshots of the first seed's episodes under the learnt policy.
    """

    targets: GraspTargets
    episodes: list[Episodes]
    outcomes: dict[str, list[EpisodeOutcome]] = field(default_factory=dict)
    rows: dict[str, list[NDArray[np.int64]]] = field(default_factory=dict)
    frames: EpisodeFrames = field(init=False)

    def __post_init__(self) -> None:
        steps = self.episodes[0].max_steps
        self.frames = EpisodeFrames(tuple(round(share * steps) for share in FRAME_SHARES))

    def __len__(self) -> int:
        """Episodes of all seeds together."""
        return sum(len(each) for each in self.episodes)

    def outcome(self, policy: str = OURS) -> EpisodeOutcome:
        """Outcomes of all seeds that the policy ran, seed after seed."""
        return join_rows(self.outcomes[policy])

    def limit(self, policy: str, limit: EpisodeLimit) -> int:
        """Have a policy run a part of the episodes; their number."""
        self.rows[policy] = limit.rows(self.episodes)
        return sum(map(len, self.rows[policy]))

    def rows_of(self, policy: str) -> NDArray[np.int64]:
        """Episodes of the policy among those of all seeds, seed after seed."""
        offsets = np.cumsum([0, *(len(each) for each in self.episodes)])
        return np.concatenate([rows + offset for rows, offset in zip(self.rows[policy], offsets[:-1], strict=True)])

    def pictured(self) -> Episodes:
        """Episodes of the first seed that the learnt policy ran: those of ``frames``."""
        return take_rows(self.episodes[0], self.rows[OURS][0])

    def labels(self) -> EpisodeLabels:
        """What the episodes of all seeds were, seed after seed."""
        rows = np.concatenate([each.grasp_row for each in self.episodes])
        grasp_objects = [thing for each in self.episodes for thing in each.grasp_objects]
        return EpisodeLabels(
            groups=self.targets.object_index[rows],
            families=np.array([thing.family for thing in grasp_objects]),
            types=np.array(self.targets.hand.type_names)[self.targets.type_index[rows]],
            seeds=np.repeat(np.arange(len(self.episodes)), [len(each) for each in self.episodes]),
            is_easy=None if self.targets.is_easy is None else self.targets.is_easy[rows],
        )


Runs = dict[str, SplitRuns]
"""By split."""


def plan_runs(data: RolloutDataModule, splits: Sequence[str], plan: EpisodePlan, seeds: Sequence[int]) -> Runs:
    """Episodes of each split, not yet run."""
    runs = {}
    for split in splits:
        targets, is_training = data.targets(split), split not in UNSEEN_SPLITS
        episodes = [
            planned_episodes(
                plan,
                targets,
                data.patterns,
                is_training=is_training,
                seed=seed,
                task=data.task,
                period_s=data.physics.settings.control_dt,
            )
            for seed in seeds
        ]
        runs[split] = SplitRuns(targets, episodes)
    return runs


def make_runner(
    data: RolloutDataModule,
    num_worlds: int,
    on_batch: Callable[[int], None] = lambda _: None,
    setting: Setting | None = None,
    physics: PhysicsFactory | None = None,
) -> EpisodeRunner:
    """A runner under a setting, with a physics of its own; what is None is that of the data module."""
    setting = Setting(data.task, data.noise) if setting is None else setting
    return EpisodeRunner(
        data.physics if physics is None else physics,
        task=setting.task,
        num_worlds=num_worlds,
        num_threads=data.num_threads,
        noise=setting.noise,
        on_batch=on_batch,
    )


_NOT_DECIDING = ("path", "split_file", "num_threads", "physics")
"""Settings of the data module that do not decide how given episodes end; the physics is described by itself."""


SUMMARIES = (METRICS_FILE, "stress.json")
"""What tells of the kept episodes as a whole, beside their folder."""


def episode_files(folder: Path, data: RolloutDataModule, num_worlds: int) -> ResultFiles:
    """Files of episodes, and all that they are made of but policies and the episodes themselves."""
    settings = {name: value for name, value in data.hparams_initial.items() if name not in _NOT_DECIDING}
    made_of = {
        "code": made_of_code(),
        "physics": physics_identity(data.physics),
        "data": settings_of(settings),
        "worlds": num_worlds,
    }
    return ResultFiles(folder, made_of, [folder.parent / name for name in SUMMARIES])


FRAMES = ("joint_pos", "wrist_pose_w", "object_pose_w")
"""Arrays of `EpisodeFrames`."""


@dataclass
class KeptEpisodes:
    """Runs episodes, and reads those that were run before.

    Attributes:
        runner: runs what is missing.
        files: where outcomes are kept; nothing is kept when None.
        bar: is told what was read.
        num_stored: episodes that were read so far.
    """

    runner: EpisodeRunner
    files: ResultFiles | None
    bar: "tqdm[None]"
    num_stored: int = 0

    def run(
        self, name: str, policy: ComparedPolicy, episodes: Episodes, frames: EpisodeFrames | None = None
    ) -> EpisodeOutcome:
        """How the episodes end, in their order; ``frames`` is filled where given. Errors as of `EpisodeRunner.run`."""
        if self.files is None:
            return self.runner.run(policy.policy, episodes, frames=frames)
        steps = () if frames is None else frames.steps
        made_of = {**policy.made_of, "episodes": digest_of(episodes), "frame_steps": steps}
        kept = self.files.load(name, made_of)
        if kept is None:
            outcome = self.runner.run(policy.policy, episodes, frames=frames)
            self.files.save(name, {**vars(outcome), **_arrays_of(frames)}, made_of)
            return outcome
        self.num_stored += len(episodes)
        skip_ahead(self.bar, len(episodes))
        if frames is not None:
            for each in FRAMES:
                setattr(frames, each, kept[f"frames_{each}"])
        return EpisodeOutcome(**{item.name: kept[item.name] for item in fields(EpisodeOutcome)})


def _arrays_of(frames: EpisodeFrames | None) -> Arrays:
    return {} if frames is None else {f"frames_{each}": getattr(frames, each) for each in FRAMES}


def run_all(kept: KeptEpisodes, policies: Mapping[str, ComparedPolicy], runs: Runs) -> None:
    """Fill the outcomes of every policy, and the frames of the learnt one."""
    for split, run in runs.items():
        for name, policy in policies.items():
            kept.bar.set_postfix_str(f"{split}, {name}")
            run.outcomes[name] = []
            for seed, (episodes, rows) in enumerate(zip(run.episodes, run.rows[name], strict=True)):
                if len(rows) == 0:
                    continue
                frames = run.frames if name == OURS and seed == 0 else None
                part = take_rows(episodes, rows)
                run.outcomes[name].append(kept.run(f"{split}/{name}_{seed}", policy, part, frames))
            _LOG.info("%s, %s: %s", split, name, told_success(run.outcome(name)))
        if kept.files is not None:
            _keep_labels(kept.files, split, run)


def told_success(outcome: EpisodeOutcome) -> str:
    """Success in words, as in tables: of the episodes in which the wrist comes to grasp; how many others there are."""
    success = outcome.is_success[outcome.is_grasp]
    others = len(outcome) - len(success)
    rate = f"{100.0 * float(success.mean()):.1f} % of {len(success)} grasps lifted" if len(success) else "no grasps"
    return f"{rate}, {others} movements past an object beside them" if others else rate


def _keep_labels(files: ResultFiles, split: str, run: SplitRuns) -> None:
    """What the episodes of all seeds were, and which of them each policy ran, as ``labels/<split>``."""
    labels = {name: column for name, column in vars(run.labels()).items() if column is not None}
    rows = {f"rows_{name}": run.rows_of(name) for name in run.outcomes}
    made_of = {"episodes": [identity_of(each) for each in run.episodes]}
    files.save(f"labels/{split}", {**labels, **rows}, made_of)
