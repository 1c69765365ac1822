"""The stress report: what is left of policies when the user, the tracker or the camera makes it hard for them.

Nominal episodes, policies, fixed steps and thresholds are those of `AssistEvaluation`; here the same grasps come again
along axes on each of which one thing gets worse.
"""

import json
import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from callbacks.assist.evaluation import AssistEvaluation, evaluation_of
from callbacks.assist.policies import TRIGGERED, available_policies
from callbacks.assist.report import OURS
from callbacks.assist.runs import KeptEpisodes, SplitRuns, episode_files, make_runner
from callbacks.assist.stress_axes import Setting, StressAxis, level_settings
from callbacks.assist.stress_failures import failure_sheet, failure_strip, worst_episodes, worst_level
from callbacks.assist.stress_picture import draw_stress
from callbacks.assist.stress_report import BREAKDOWN, LevelOutcomes, stress_json
from callbacks.assist.stress_runs import LevelRun, LevelRuns, plan_levels, run_levels
from callbacks.assist.stress_text import stress_text
from callbacks.store.made_of import settings_of_module
from callbacks.training.figures import save_figure
from callbacks.training.progress import EvaluationBar
from datamodules.grasps.identity import grasp_set_identity
from datamodules.rollouts.module import RolloutDataModule
from datamodules.rollouts.plans import planned_episodes
from envs.conventions import UNSEEN_SPLITS
from envs.files import write_atomically
from envs.pictures.sheets import save_png
from envs.task.episodes import Episodes

_LOG = logging.getLogger(__name__)


class StressReport(Callback):
    """Runs the policies of `AssistEvaluation` along axes of difficulty, in ``test``.

    Each level has the grasps of the nominal episodes and their seed: movements differ in what the level changes, and
    in what follows from it. What was run is kept beside the nominal episodes, and a killed test goes on where it stood.
    In the trainer's root folder: ``stress.json`` (`callbacks.assist.stress_report.stress_json`), ``stress.png``, and
    ``pictures/stress_failures.png``.

    Args:
        axes: by name, in the order of tables and panels.
        num_failures: filmstrips of an axis, all of its worst level.
        size: edge of a single picture, pixels.

    Raises:
        ValueError: no axes, or senseless pictures.
    """

    def __init__(self, axes: Mapping[str, StressAxis], num_failures: int = 1, size: int = 150) -> None:
        if not axes or num_failures < 0 or size < 16:
            raise ValueError(
                f"the stress report has {len(axes)} axes, num_failures {num_failures} and size {size}; allowed are at "
                "least one axis, 0 failures and 16 pixels"
            )
        self.axes = dict(axes)
        self.num_failures = num_failures
        self.size = size

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse what cannot be measured, before nominal episodes are run.

        Raises:
            TypeError: a data module of another task.
            ValueError: several splits or seeds, limits, a policy that is missing, or a level with a senseless setting.
        """
        evaluation, data = evaluation_of(trainer), _data(trainer)
        if len(evaluation.splits) > 1 or len(evaluation.seeds) > 1 or evaluation.limits:
            raise ValueError(
                f"the evaluation has the splits {', '.join(evaluation.splits)}, the seeds {list(evaluation.seeds)} and "
                f"{len(evaluation.limits)} limits; the stress report takes one split, one seed and no limits"
            )
        missing = {OURS, TRIGGERED} - set(available_policies(pl_module, evaluation.policies))
        if missing:
            raise ValueError(
                f"the stress report compares {OURS} with {TRIGGERED}, of which {missing.pop()} is missing; name both "
                "in the evaluation's policies"
            )
        level_settings(self.axes, Setting(data.task, data.noise))

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Run what is missing, write numbers and pictures, and print the table."""
        evaluation, data = evaluation_of(trainer), _data(trainer)
        found = evaluation.tested(trainer, pl_module)
        if found is None:
            return
        (split, run), *_ = found.items()
        nominal = LevelOutcomes(run.episodes[0], {name: parts[0] for name, parts in run.outcomes.items()})
        episodes_of = partial(_episodes_under, evaluation, data, split, run)
        levels = plan_levels(self.axes, Setting(data.task, data.noise), episodes_of)
        self._run(trainer, evaluation, data, levels, split)
        period_s = data.physics.settings.control_dt
        told = {name: [level.told for level in runs] for name, runs in levels.items()}
        report = stress_json(self.axes, nominal, told, period_s)
        report["about"] = _about(evaluation, data, split, nominal) | {
            "checkpoint": str(trainer.ckpt_path or ""),
            "weights": settings_of_module(pl_module)["weights"],
            "grasps": grasp_set_identity(data.grasps),
        }
        self._write(Path(trainer.default_root_dir), report, levels, nominal, period_s)

    def _run(
        self, trainer: Trainer, evaluation: AssistEvaluation, data: RolloutDataModule, levels: LevelRuns, split: str
    ) -> None:
        policies, every = evaluation.compared.policies, [level for runs in levels.values() for level in runs]
        folder, num_worlds = Path(trainer.default_root_dir) / "episodes", evaluation.num_worlds
        files = episode_files(folder, data, num_worlds) if evaluation.resume else None
        with EvaluationBar(trainer, len(policies) * sum(map(len, every)), "stress", "episode") as bar:

            def kept_under(setting: Setting) -> KeptEpisodes:
                return KeptEpisodes(make_runner(data, num_worlds, bar.update, setting), files, bar)

            run_levels(every, policies, kept_under, f"{split}/stress")

    def _write(
        self, root: Path, report: dict[str, Any], levels: LevelRuns, nominal: LevelOutcomes, period_s: float
    ) -> None:
        write_atomically(root / "stress.json", (json.dumps(report, indent=1) + "\n").encode())
        save_figure(draw_stress(report), root / "stress.png")
        strips = []
        for name, axis in self.axes.items():
            level: LevelRun = worst_level(levels[name], axis.measure)
            rows = worst_episodes(level.told, nominal, axis.measure, self.num_failures)
            strips += [failure_strip(level, row, period_s, self.size) for row in rows]
        sheet = failure_sheet(strips)
        if sheet is not None:
            save_png(root / "pictures" / "stress_failures.png", sheet)
        _LOG.info(
            "%s\nwrote %s, stress.png and pictures/stress_failures.png", stress_text(report), root / "stress.json"
        )


def _data(trainer: Trainer) -> RolloutDataModule:
    data = trainer.datamodule  # type: ignore[attr-defined]
    if not isinstance(data, RolloutDataModule):
        raise TypeError(
            f"StressReport got {type(data).__name__}, expected RolloutDataModule; take it out of trainer.callbacks"
        )
    return data


def _episodes_under(
    evaluation: AssistEvaluation, data: RolloutDataModule, split: str, run: SplitRuns, setting: Setting
) -> Episodes:
    """The evaluation's grasps and seed, with movements as a setting has them."""
    return planned_episodes(
        evaluation.plan,
        run.targets,
        data.patterns,
        is_training=split not in UNSEEN_SPLITS,
        seed=evaluation.seeds[0],
        task=setting.task,
        period_s=data.physics.settings.control_dt,
    )


def _about(evaluation: AssistEvaluation, data: RolloutDataModule, split: str, nominal: LevelOutcomes) -> dict[str, Any]:
    choice, choices = evaluation.compared.trigger, evaluation.compared.choices
    trigger = evaluation.triggers.first() if choice is None else choice.trigger
    return {
        "intervals": "95 %, bootstrap over objects",
        "margins": f"{OURS} minus the policy, episode by episode; of an axis: over all of its levels",
        "verdict": f"by the margin to {TRIGGERED}",
        "breaks_down": f"below {BREAKDOWN:g} of its nominal success",
        "seconds_to_grip": "from the wrist's arrival to the first control step from which on thumb or palm and a "
        "finger touch the object until the lift begins; of the episodes that have one",
        "steps_and_thresholds": "chosen nominally, kept on all levels",
        "steps": {**evaluation.fixed_steps, **{name: each.step for name, each in choices.items()}},
        "trigger": vars(trigger),
        "split": split,
        "episodes": len(nominal.episodes),
        "objects": len(set(nominal.episodes.object_index.tolist())),
        "seed": evaluation.seeds[0],
        "grasp_set": data.path,
    }
