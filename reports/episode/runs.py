"""Episodes that an evaluation has kept, found by their address, and run again."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import LightningModule
from numpy.typing import NDArray

from callbacks.assist.episode_pictures import pick_episodes
from callbacks.assist.evaluation import AssistEvaluation, evaluation_of
from callbacks.assist.policies import (
    FIXED_STEP,
    FROM_TRAINING,
    AssistingModule,
    TrainingEpisodes,
    compared_policies,
    other_data,
)  # fmt: skip
from callbacks.assist.runs import EpisodeLimit, make_runner, plan_runs
from callbacks.assist.trigger_choice import TriggerGrid
from callbacks.store.made_of import digest_of, settings_of_module
from datamodules.rollouts.module import RolloutDataModule
from datamodules.rollouts.policy import FingerPolicy
from envs.conventions import SPLITS
from envs.field_files import read_json
from envs.rows import take_rows
from envs.task.episodes import Episodes
from envs.task.outcomes import CAUSES, EpisodeOutcome
from lightning_modules.cli import open_run
from reports.episode.record import EpisodeRecord, WatchedFactory, WatchedPolicy, WorldWatch

SAME_TRANSLATION = 0.001
"""Metres by which two runs of an episode may move its object differently and still count as the same."""


@dataclass(frozen=True)
class Address:
    """Where episodes are: RUN[:SPLIT[:POLICY[:NUMBER]]], such as ``runs/residual_ppo_development:development:ours:17``.

    Attributes:
        root: folder of the run.
        split: a folder in its ``episodes``; may be left out where there is one alone.
        policy: the policy; with ``_1`` at its end for the second seed of trajectories and so on.
        number: of an episode, from 0; None leaves it open.
    """

    root: Path
    split: str | None = None
    policy: str = "ours"
    number: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Address":
        """From text.

        Raises:
            ValueError: too many parts, or a number that is none.
        """
        parts = text.split(":")
        if len(parts) > 4 or not parts[0] or (len(parts) == 4 and not parts[3].isdigit()):
            raise ValueError(
                f"episode {text!r} is not RUN[:SPLIT[:POLICY[:NUMBER]]], such as "
                "runs/residual_ppo_development:development:ours:17 (NUMBER counts from 0)"
            )
        split, policy, number = (part or None for part in [*parts[1:], "", "", ""][:3])
        return cls(Path(parts[0]), split, policy or "ours", None if number is None else int(number))

    def files(self) -> "KeptFiles":
        """The files of these episodes.

        Raises:
            FileNotFoundError: no such run, split or policy; says what there is.
            ValueError: several splits and none named.
        """
        folder = self.root / "episodes"
        splits = sorted(path.name for path in folder.glob("*") if path.is_dir() and path.name in SPLITS)
        if not splits:
            raise FileNotFoundError(
                f"{folder} holds no episodes of any split; they are kept by: python -m lightning_modules.cli test ... "
                f"--trainer.default_root_dir {self.root}"
            )
        if self.split is None and len(splits) > 1:
            raise ValueError(f"run {self.root} has episodes of {', '.join(splits)}; name one: {self.root}:{splits[0]}")
        split = self.split or splits[0]
        if split not in splits:
            raise FileNotFoundError(f"run {self.root} has no episodes of a split {split!r}; it has {', '.join(splits)}")
        name = self.policy if self.policy.rpartition("_")[2].isdigit() else f"{self.policy}_0"
        path = folder / split / f"{name}.npz"
        if not path.is_file() or not path.with_suffix(".json").is_file():
            there = ", ".join(sorted(each.stem.removesuffix("_0") for each in path.parent.glob("*.npz")))
            raise FileNotFoundError(
                f"run {self.root} has no episodes of {name.removesuffix('_0')} on the split {split}; it has those of "
                f"{there or 'nobody'}"
            )
        return KeptFiles(self.root, split, name.rpartition("_")[0], int(name.rpartition("_")[2]), path)


@dataclass(frozen=True)
class KeptFiles:
    """How the episodes of a policy on a split came out, and what they were made of.

    Attributes:
        root: folder of the run.
        split: the split.
        policy: name of the policy.
        seed: which seed of trajectories, from 0.
        path: file of the outcomes.
    """

    root: Path
    split: str
    policy: str
    seed: int
    path: Path

    @cached_property
    def outcome(self) -> EpisodeOutcome:
        """How they ended; a ValueError where an earlier version of the code kept less of it."""
        with np.load(self.path, allow_pickle=False) as content:
            missing = [item.name for item in fields(EpisodeOutcome) if item.name not in content]
            if missing:
                raise ValueError(f"{self.path} was kept by a version without {', '.join(missing)}; run the test again")
            return EpisodeOutcome(**{item.name: content[item.name] for item in fields(EpisodeOutcome)})

    @cached_property
    def made_of(self) -> dict[str, Any]:
        """What the evaluation says that they were made of."""
        return read_json(self.path.with_suffix(".json"), "run the test again")

    def name(self, number: int) -> str:
        """Short enough for a file."""
        return f"{self.split}_{self.policy}_{self.seed}_{number}"

    def check(self, number: int) -> int:
        """The number of an episode that there is.

        Raises:
            ValueError: there is none of it.
        """
        count = len(self.outcome)
        if not 0 <= number < count:
            raise ValueError(f"{self.path} has no episode {number}; it has {count}, 0 to {count - 1}")
        return number


class OpenedRun:
    """Everything that the kept episodes were run with, built again.

    Args:
        files: of the episodes.

    Raises:
        FileNotFoundError, ValueError: the run does not say what it was made with (`open_run`), the checkpoint or the
            episodes are others by now.
    """

    def __init__(self, files: KeptFiles) -> None:
        self.files = files
        cli = open_run(files.root)
        self.data: RolloutDataModule = cli.datamodule
        self.evaluation: AssistEvaluation = evaluation_of(cli.trainer)
        self._check_weights(cli.model)
        self.episodes = self._episodes()
        self.policy = self._policy(cli.model)

    def _check_weights(self, module: LightningModule) -> None:
        source = self.files.made_of.get("source")
        if isinstance(source, dict) and source.get("weights") != settings_of_module(module)["weights"]:
            raise ValueError(
                f"{self.files.path} was run with other weights than those that {self.files.root}/test.yaml names; the "
                "checkpoint was written over, or another was tested in this folder since: run the test again"
            )

    def _policy(self, module: AssistingModule) -> FingerPolicy:
        files, evaluation, data = self.files, self.evaluation, self.data
        training = None
        if files.policy in FROM_TRAINING:
            path = evaluation.training_path
            source = data if path is None else other_data(path, evaluation.training_split_file, data)
            training = TrainingEpisodes(source.targets(SPLITS[0]), self.episodes)
        steps = {files.policy: int(files.made_of["start_step"])} if files.policy in FIXED_STEP else {}
        trigger = files.made_of.get("trigger")
        return compared_policies(
            data.hand,
            module,
            [files.policy],
            {},
            training=training,
            run=lambda *_: self.files.outcome,  # nothing is left to choose
            fixed_steps=steps,
            triggers=None if trigger is None else TriggerGrid(*([trigger[item.name]] for item in fields(TriggerGrid))),
            period_s=data.physics.settings.control_dt,
        ).policies[files.policy].policy  # fmt: skip

    def _episodes(self) -> Episodes:
        evaluation, files = self.evaluation, self.files
        seeds = evaluation.seeds[: files.seed + 1]
        run = plan_runs(self.data, [files.split], evaluation.plan, seeds)[files.split]
        self.targets = run.targets
        rows = evaluation.limits.get(files.policy, EpisodeLimit()).rows(run.episodes)
        episodes = take_rows(run.episodes[files.seed], rows[files.seed]) if files.seed < len(rows) else None
        if episodes is None or digest_of(episodes) != files.made_of["episodes"]:
            raise ValueError(
                f"{files.path} is of other episodes than {files.root}/test.yaml describes: grasp set, plan or the code "
                "that draws episodes have changed; run the test again"
            )
        return episodes

    def pick(self, count: int, cause: str | None) -> list[int]:
        """Numbers of the worst episodes: causes of failure in turn, families with the lowest success first.

        Args:
            count: at most so many.
            cause: only those that ended so.
        """
        causes = self.files.outcome.cause
        families = np.array([thing.family for thing in self.episodes.grasp_objects])
        if cause is None:
            return pick_episodes(causes, families, 0, count)
        rows = np.flatnonzero(causes == CAUSES.index(cause))
        if cause == CAUSES[0]:
            return [int(row) for row in rows[:count]]
        return [int(rows[each]) for each in pick_episodes(causes[rows], families[rows], 0, count)]

    def replay(self, number: int) -> "Replay":
        """The episode once more, alone; with those that it was run with where it then ends otherwise.

        Networks round otherwise in a batch of another size, and contacts make much of it.
        """
        runner = make_runner(self.data, self.evaluation.num_worlds)
        batch = next(rows for rows in runner.batches(self.episodes) if number in rows)
        for rows in (np.array([number]), batch):
            replay = self._run(rows, number)
            if replay.is_same or len(batch) == 1:
                break
        return replay

    def _run(self, rows: NDArray[np.int64], number: int) -> "Replay":
        watch = WorldWatch(int(np.flatnonzero(rows == number)[0]))
        episodes = take_rows(self.episodes, rows)
        watched = WatchedFactory(self.data.physics, watch)
        runner = make_runner(self.data, self.evaluation.num_worlds, physics=watched)
        outcome = runner.run(WatchedPolicy(self.policy, watch), episodes)
        record = watch.record(episodes, self.data.physics.settings.control_dt)
        own = take_rows(outcome, np.array([watch.world]))
        kept = take_rows(self.files.outcome, np.array([number]))
        is_same = bool(own.cause[0] == kept.cause[0]) and (
            abs(float(own.translation_m[0] - kept.translation_m[0])) < SAME_TRANSLATION
        )
        kind = self.targets.hand.type_names[self.targets.type_index[self.episodes.grasp_row[number]]]
        return Replay(number, kind, record, own, kept, is_same)


@dataclass(frozen=True)
class Replay:
    """An episode that was run again.

    Attributes:
        number: of the episode.
        kind: grasp type.
        record: what happened.
        outcome: how it ended, one row.
        kept: how it had ended, one row.
        is_same: it ended by the same cause, and its object moved as far.
    """

    number: int
    kind: str
    record: EpisodeRecord
    outcome: EpisodeOutcome
    kept: EpisodeOutcome
    is_same: bool


def overview(files: KeptFiles, examples: int = 8) -> str:
    """How many of the episodes ended how, with the numbers of some."""
    cause, lines = files.outcome.cause, []
    for index, name in enumerate(CAUSES):
        rows: Sequence[int] = np.flatnonzero(cause == index).tolist()
        if rows:
            more = ", ..." if len(rows) > examples else ""
            lines.append(f"{name:>16} {len(rows):5d}   {', '.join(map(str, rows[:examples]))}{more}")
    return "\n".join([f"{len(cause)} episodes of {files.policy} on {files.split}; numbers of some", *lines])
