"""How well fingers assist a moving wrist: a few episodes of the learnt policy during fit, every policy in test.

The episodes are run once; the callbacks that log success, posture and stability, and the one that draws filmstrips,
read them from here. In test they are kept on disk as they come: a killed test goes on where it stood.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from callbacks.assist.about import about, plan_of
from callbacks.assist.policies import (
    FROM_TRAINING,
    AssistingModule,
    ComparedPolicies,
    ComparedPolicy,
    TrainingEpisodes,
    available_policies,
    check_policies,
    compared_policies,
    num_choices,
    other_data,
)  # fmt: skip
from callbacks.assist.report import OURS, merge_splits, report_split
from callbacks.assist.runs import EpisodeLimit, KeptEpisodes, Runs, episode_files, make_runner, plan_runs, run_all
from callbacks.assist.trigger_choice import TriggerGrid
from callbacks.metrics.text_tables import policies_table
from callbacks.store.kept_plan import METRICS_FILE, hold_to_plan
from callbacks.store.made_of import settings_of_module
from callbacks.store.result_files import ResultFiles
from callbacks.training.progress import EvaluationBar
from callbacks.training.turns import is_turn
from datamodules.grasps.splits import development_or, present_splits
from datamodules.rollouts.module import RolloutDataModule
from datamodules.rollouts.plans import CHOICE_SEED, EpisodePlan, PosesPlan, SpreadPlan, planned_episodes
from datamodules.rollouts.runner import steps_to_try
from envs.conventions import SPLITS, UNSEEN_SPLITS
from envs.files import write_atomically

_LOG = logging.getLogger(__name__)


class AssistEvaluation(Callback):
    """Runs episodes of the assisting task.

    In ``validate`` and every few epochs of ``fit``: the learnt policy, on some episodes of development objects, always
    the same; in sets without these, of the splits of the test.
    In ``test``: all policies (callbacks/assist/policies.py) on the episodes of ``plan``; a table is printed and
    ``metrics.json`` written into the trainer's root folder. What was run is kept there as ``episodes/<split>/
    <policy>_<seed>.npz``, with a JSON of the same name that says what it was made of, and not run again while all of
    that is as it was: weights and settings (the follower among them), objects, episodes, perception, code. A test of
    another plan, task, perception or physics is refused in that folder; policies, splits and seeds may be added.

    Args:
        plan: grasps that ``test`` tries; 500 episodes a split when None.
        seeds: each gives these grasps other trajectories, the same for every policy (GraspGF App. A.3).
        splits: splits that ``test`` measures, those of them that the grasp set has.
        num_validation_episodes: episodes of a split in ``fit`` and ``validate``.
        every_n_epochs: epochs between two measurements in ``fit``; 0 leaves them out.
        num_choice_episodes: episodes on which fixed steps and thresholds are chosen.
        choice_split: split of these episodes, from the set of the training grasps; none whose results are told of. When
            None development, or training objects where the set has no such split.
        steps: fixed steps to try; those that suit the task when None.
        fixed_steps: steps that are known already, by policy, and need not be chosen.
        triggers: thresholds to try for ``primitive_triggered``; one value of each needs no choice.
        policies: what ``test`` measures; everything when None.
        limits: policies that run a part of the episodes only, by name: ``{oracle: {poses: 1, seeds: 1}}``.
        training_path: grasp set whose training grasps scripts are made from; the tested one when None.
        training_split_file: its objects.
        resume: read what was run before.
        num_worlds: worlds simulated at once.

    Raises:
        ValueError: unknown splits or policies, no splits, no seeds, no steps or no thresholds.
    """

    def __init__(
        self,
        plan: EpisodePlan | None = None,
        seeds: Sequence[int] = (0,),
        splits: Sequence[str] = UNSEEN_SPLITS,
        num_validation_episodes: int = 200,
        every_n_epochs: int = 1,
        num_choice_episodes: int = 200,
        choice_split: str | None = None,
        steps: Sequence[int] | None = None,
        fixed_steps: Mapping[str, int] | None = None,
        triggers: TriggerGrid | None = None,
        policies: Sequence[str] | None = None,
        limits: Mapping[str, EpisodeLimit] | None = None,
        training_path: str | None = None,
        training_split_file: str | None = None,
        resume: bool = True,
        num_worlds: int = 128,
    ) -> None:
        unknown = {*splits, choice_split or SPLITS[0]} - set(SPLITS)
        if not splits or not seeds or (steps is not None and not steps) or unknown:
            raise ValueError(
                f"splits are {list(splits)}, choice_split {choice_split!r}, seeds {list(seeds)} and steps "
                f"{steps}; give at least one of each, splits among {', '.join(SPLITS)}"
            )
        for names in (policies, list(limits or ()) or None, list(fixed_steps or ()) or None):
            if names is not None:
                check_policies(names)
        self.plan: EpisodePlan = SpreadPlan() if plan is None else plan
        self.seeds = tuple(seeds)
        self.splits = tuple(splits)
        self.validation_plan = SpreadPlan(num_validation_episodes)
        self.every_n_epochs = every_n_epochs
        self.choice_plan = SpreadPlan(num_choice_episodes)
        self.choice_split = choice_split
        self.steps = steps
        self.fixed_steps = dict(fixed_steps or {})
        self.triggers = TriggerGrid() if triggers is None else triggers
        self.policies = None if policies is None else tuple(policies)
        self.limits = dict(limits or {})
        self.training_path = training_path
        self.training_split_file = training_split_file
        self.resume = resume
        self.num_worlds = num_worlds
        self._runs: Runs | None = None
        self._chosen_on = "nothing was chosen"
        self._compared = ComparedPolicies({})

    @property
    def compared(self) -> ComparedPolicies:
        """What ``test`` compares, once `tested` has chosen steps and thresholds."""
        return self._compared

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Before a test: refuse to mix its episodes with those of another plan that its folder holds.

        Raises:
            TypeError: a data module or module of another task.
            ValueError: another plan; see `hold_to_plan`.
        """
        if stage == "test" and trainer.is_global_zero:
            data, _ = _parts(trainer, pl_module)
            hold_to_plan(Path(trainer.default_root_dir), plan_of(self, data))

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget the episodes of the policy as it was."""
        self._runs = None

    def on_test_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget the episodes of the policy as it was."""
        self._runs = None

    def validated(self, trainer: Trainer, pl_module: LightningModule) -> Runs | None:
        """Episodes of the learnt policy in this validation, run when first asked for; None when it is not their turn.

        Raises:
            TypeError: a data module or module of another task.
        """
        if not is_turn(trainer, self.every_n_epochs):
            return None
        if self._runs is None:
            data, module = _parts(trainer, pl_module)
            splits = present_splits(data.grasps, data.path, development_or(data.grasps, data.path, self.splits))
            runs = plan_runs(data, splits, self.validation_plan, self.seeds[:1])
            for run in runs.values():
                run.limit(OURS, EpisodeLimit())
            ours = {OURS: ComparedPolicy(module.policy(), {})}
            with EvaluationBar(trainer, sum(map(len, runs.values())), "episodes", "episode") as bar:
                run_all(KeptEpisodes(make_runner(data, self.num_worlds, bar.update), None, bar), ours, runs)
            self._runs = runs
        return self._runs

    def tested(self, trainer: Trainer, pl_module: LightningModule) -> Runs | None:
        """Episodes of every policy in this test, run when first asked for; None on other ranks than the first.

        Raises:
            TypeError: a data module or module of another task.
        """
        if not trainer.is_global_zero:
            return None
        if self._runs is None:
            data, module = _parts(trainer, pl_module)
            folder = Path(trainer.default_root_dir) / "episodes"
            files = episode_files(folder, data, self.num_worlds) if self.resume else None
            names = available_policies(module, self.policies)
            # before the long choice of steps: what is wrong with grasp set and split file shows here
            runs = plan_runs(data, present_splits(data.grasps, data.path, self.splits), self.plan, self.seeds)
            self._compared = self._choose(trainer, pl_module, names, files)
            total = sum(
                run.limit(name, self.limits.get(name, EpisodeLimit())) for run in runs.values() for name in names
            )
            with EvaluationBar(trainer, total, "episodes", "episode") as bar:
                kept = KeptEpisodes(make_runner(data, self.num_worlds, bar.update), files, bar)
                run_all(kept, self._compared.policies, runs)
            if files is not None and kept.num_stored:
                _LOG.info("%d of %d episodes were run before: %s", kept.num_stored, total, files.folder)
            self._runs = runs
        return self._runs

    def _choose(
        self, trainer: Trainer, pl_module: LightningModule, names: Sequence[str], files: ResultFiles | None
    ) -> ComparedPolicies:
        """The policies to compare; the objects on which steps and thresholds are chosen are built only when needed."""
        data, module = _parts(trainer, pl_module)
        period_s = data.physics.settings.control_dt
        steps = steps_to_try(data.task.wrist.max_steps(period_s)) if self.steps is None else self.steps
        tries = num_choices(names, steps, self.fixed_steps, self.triggers)
        training = self._training(data) if tries or any(name in FROM_TRAINING for name in names) else None
        total = tries * (0 if training is None else len(training.episodes))
        with EvaluationBar(trainer, total, "choosing steps and thresholds", "episode") as bar:
            return compared_policies(
                data.hand,
                module,
                names,
                settings_of_module(pl_module),
                training=training,
                run=KeptEpisodes(make_runner(data, self.num_worlds, bar.update), files, bar).run,
                steps=steps,
                fixed_steps=self.fixed_steps,
                triggers=self.triggers,
                period_s=period_s,
            )

    def _training(self, data: RolloutDataModule) -> TrainingEpisodes:
        path, split_file = self.training_path, self.training_split_file
        training = data if path is None else other_data(path, split_file, data)
        split = self.choice_split or development_or(training.grasps, training.path, SPLITS[:1])[0]
        self._chosen_on = f"chosen on {self.choice_plan.num_episodes} episodes of " + (
            "training objects" if split == SPLITS[0] else f"the split {split}"
        )
        episodes = planned_episodes(
            self.choice_plan,
            training.targets(split),
            data.patterns,
            is_training=split not in UNSEEN_SPLITS,
            seed=CHOICE_SEED,
            task=data.task,
            period_s=data.physics.settings.control_dt,
        )
        has_scripts = self.policies is None or any(name in FROM_TRAINING for name in self.policies)
        return TrainingEpisodes(training.targets(SPLITS[0]) if has_scripts else None, episodes)

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the table and write metrics.json."""
        if (runs := self.tested(trainer, pl_module)) is None:
            return
        report = self.report(trainer, runs)
        path = Path(trainer.default_root_dir) / METRICS_FILE
        write_atomically(path, (json.dumps(report, indent=1) + "\n").encode())
        _LOG.info("%s\nwrote %s", policies_table(report["splits"], report.get("no_grasp")), path)

    def report(self, trainer: Trainer, runs: Runs) -> dict[str, Any]:
        """The content of metrics.json."""
        poses = self.plan.poses if isinstance(self.plan, PosesPlan) else None
        report = merge_splits(
            {
                split: report_split(
                    run.outcomes, run.labels(), rows={name: run.rows_of(name) for name in run.outcomes}, poses=poses
                )
                for split, run in runs.items()
            }
        )
        report["best_steps"] = {name: vars(choice) for name, choice in self._compared.choices.items()}
        if self._compared.trigger is not None:
            report["best_trigger"] = self._compared.trigger.as_dict()
        report["about"] = about(self, trainer, runs, self._chosen_on)
        return report


def evaluation_of(trainer: Trainer) -> AssistEvaluation:
    """The callback that runs the episodes.

    Raises:
        RuntimeError: the trainer has none.
    """
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, AssistEvaluation):
            return callback
    raise RuntimeError(
        "no callback runs the episodes that are to be measured; add callbacks.assist.evaluation.AssistEvaluation to "
        "trainer.callbacks"
    )


def _parts(trainer: Trainer, pl_module: LightningModule) -> tuple[RolloutDataModule, AssistingModule]:
    data = trainer.datamodule  # type: ignore[attr-defined]
    if not isinstance(data, RolloutDataModule) or not isinstance(pl_module, AssistingModule):
        raise TypeError(
            f"AssistEvaluation got {type(data).__name__} and {type(pl_module).__name__}, expected RolloutDataModule "
            "and a module with a method policy(); take it out of trainer.callbacks"
        )
    return data, pl_module
