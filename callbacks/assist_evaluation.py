"""How well fingers assist a moving wrist: a few episodes of the learnt policy during fit, every policy in test.

The episodes are run once; the callbacks that log success, posture and stability, and the one that draws filmstrips,
read them from here.
"""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.trainer.states import TrainerFn
from tqdm import tqdm

from callbacks.assist_policies import STEP_GRID, AssistingModule, ComparedPolicies, compare_all, num_choices
from callbacks.assist_report import OURS, format_splits, merge_splits, report_split
from callbacks.assist_runs import Runs, make_runner, plan_runs, run_all
from datamodules.atomic_file import write_atomically
from datamodules.rollouts.episode_plans import EpisodePlan, SpreadPlan
from datamodules.rollouts.module import VALIDATION_SPLITS, RolloutDataModule
from envs.conventions import SPLITS

_LOG = logging.getLogger(__name__)


class AssistEvaluation(Callback):
    """Runs episodes of the assisting task.

    In ``validate`` and every few epochs of ``fit``: the learnt policy, on some episodes of each split, always the same.
    In ``test``: all policies (callbacks/assist_policies.py) on the episodes of ``plan``; a table is printed and
    ``metrics.json`` written into the trainer's root folder.

    Args:
        plan: grasps that ``test`` tries; 500 episodes a split when None.
        seeds: each gives these grasps other trajectories, the same for every policy (GraspGF App. A.3).
        splits: splits to measure.
        num_validation_episodes: episodes of each split in ``fit`` and ``validate``.
        every_n_epochs: epochs between two measurements in ``fit``; 0 leaves them out.
        num_choice_episodes: episodes of training objects on which scripts choose their fixed step.
        steps: fixed steps that they try.
        with_baselines: measure the other policies in ``test``, too.
        num_worlds: worlds simulated at once.

    Raises:
        ValueError: unknown splits, no splits, no seeds or no steps.
    """

    def __init__(
        self,
        plan: EpisodePlan | None = None,
        seeds: Sequence[int] = (0,),
        splits: Sequence[str] = VALIDATION_SPLITS,
        num_validation_episodes: int = 100,
        every_n_epochs: int = 1,
        num_choice_episodes: int = 200,
        steps: Sequence[int] = STEP_GRID,
        with_baselines: bool = True,
        num_worlds: int = 128,
    ) -> None:
        if not splits or not seeds or not steps or any(split not in SPLITS for split in splits):
            raise ValueError(
                f"splits are {list(splits)}, seeds {list(seeds)} and steps {list(steps)}; give at least one of each, "
                f"splits among {', '.join(SPLITS)}"
            )
        self.plan: EpisodePlan = SpreadPlan() if plan is None else plan
        self.seeds = tuple(seeds)
        self.splits = tuple(splits)
        self.validation_plan = SpreadPlan(num_validation_episodes)
        self.every_n_epochs = every_n_epochs
        self.choice_plan = SpreadPlan(num_choice_episodes)
        self.steps = tuple(steps)
        self.with_baselines = with_baselines
        self.num_worlds = num_worlds
        self._runs: Runs | None = None
        self._compared = ComparedPolicies({})

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
        due = self.every_n_epochs and (trainer.current_epoch + 1) % self.every_n_epochs == 0
        in_fit = trainer.state.fn == TrainerFn.FITTING
        if trainer.sanity_checking or not trainer.is_global_zero or (in_fit and not due):
            return None
        if self._runs is None:
            data, module = _parts(trainer, pl_module)
            runs = plan_runs(data, self.splits, self.validation_plan, self.seeds[:1])
            with _bar(sum(map(len, runs.values())), "episodes") as bar:
                run_all(make_runner(data, self.num_worlds, bar.update), {OURS: module.policy()}, runs, bar)
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
            runs = plan_runs(data, self.splits, self.plan, self.seeds)
            self._compared = self._choose(data, module)
            total = len(self._compared.policies) * sum(map(len, runs.values()))
            with _bar(total, "episodes") as bar:
                run_all(make_runner(data, self.num_worlds, bar.update), self._compared.policies, runs, bar)
            self._runs = runs
        return self._runs

    def _choose(self, data: RolloutDataModule, module: AssistingModule) -> ComparedPolicies:
        """The policies to compare; fixed steps are chosen on training objects."""
        if not self.with_baselines:
            return ComparedPolicies({OURS: module.policy()})
        training = plan_runs(data, SPLITS[:1], self.choice_plan, self.seeds[:1])[SPLITS[0]]
        with _bar(num_choices(module, self.steps) * len(training), "choosing fixed steps") as bar:
            runner = make_runner(data, self.num_worlds, bar.update)
            return compare_all(module, training.targets, runner, training.episodes[0], self.steps)

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the table and write metrics.json."""
        runs = self.tested(trainer, pl_module)
        if runs is None:
            return
        report = self.report(trainer, runs)
        path = Path(trainer.default_root_dir) / "metrics.json"
        write_atomically(path, (json.dumps(report, indent=1) + "\n").encode())
        _LOG.info("%s\nwrote %s", format_splits(report["splits"]), path)

    def report(self, trainer: Trainer, runs: Runs) -> dict[str, Any]:
        """The content of metrics.json."""
        report = merge_splits({split: report_split(run.outcomes, run.labels()) for split, run in runs.items()})
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        report["best_steps"] = {name: vars(choice) for name, choice in self._compared.choices.items()}
        report["about"] = {
            "intervals": "95 %, bootstrap over objects; over_seeds: Student's t",
            "margins": f"{OURS} minus the policy, episode by episode",
            "best_steps": f"chosen on {self.choice_plan.num_episodes} episodes of training objects",
            "plan": {"class": type(self.plan).__name__, **vars(self.plan)},
            "seeds": list(self.seeds),
            "grasp_set": data.path,
            "noise": None if data.noise is None else vars(data.noise),
            "checkpoint": str(trainer.ckpt_path or ""),
        }
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
        "no callback runs the episodes that are to be measured; add callbacks.assist_evaluation.AssistEvaluation to "
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


def _bar(total: int, name: str) -> "tqdm[None]":
    return tqdm(total=total, desc=name, unit="episode", leave=False)
