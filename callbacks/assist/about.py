"""What a test of assisting policies was of: beside its numbers, and against the mixing of two tests in one folder."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lightning.pytorch import Trainer

from callbacks.assist.report import OURS
from callbacks.assist.runs import Runs
from callbacks.metrics.estimates import families_note
from callbacks.store.made_of import settings_of_module
from datamodules.grasps.identity import grasp_set_identity
from datamodules.rollouts.module import RolloutDataModule
from envs.physics.base import physics_identity

if TYPE_CHECKING:
    from callbacks.assist.evaluation import AssistEvaluation


def plan_of(evaluation: "AssistEvaluation", data: RolloutDataModule) -> Mapping[str, Any]:
    """What decides which episodes a test runs, and under what; not by whom, nor of which splits."""
    return {
        "measures": type(evaluation).__name__,
        "plan": evaluation.plan,
        "seeds": evaluation.seeds,
        "grasps": grasp_set_identity(data.grasps),
        "reachable_only": data.reachable_only,
        "task": data.task,
        "noise": data.noise,
        "patterns": data.patterns.identity() if data.hparams_initial.get("patterns") else None,
        "physics": physics_identity(data.physics),
    }


def about(evaluation: "AssistEvaluation", trainer: Trainer, runs: Runs, chosen_on: str) -> dict[str, Any]:
    """What metrics.json says of the test.

    Args:
        evaluation: what was measured.
        trainer: with data module and checkpoint.
        runs: what was run.
        chosen_on: on what steps and thresholds were chosen.
    """
    data: Any = trainer.datamodule  # type: ignore[attr-defined]
    families = {split: len(set(run.labels().families.tolist())) for split, run in runs.items()}
    return {
        "intervals": "95 %, bootstrap over objects; over_seeds: Student's t",
        "interval_over_families": families_note(families),
        "margins": f"{OURS} minus the policy, episode by episode",
        "best_steps": chosen_on,
        "success_of_choices": "of all episodes, those included in which the object is to be left alone; all else that "
        "is called success is of grasps",
        "fixed_steps": evaluation.fixed_steps,
        "triggers": asdict(evaluation.triggers),
        "plan": {"class": type(evaluation.plan).__name__, **vars(evaluation.plan)},
        "limits": {name: asdict(limit) for name, limit in evaluation.limits.items()},
        "seeds": list(evaluation.seeds),
        "objects": {split: len(set(run.labels().groups.tolist())) for split, run in runs.items()},
        "grasp_set": data.path,
        "noise": None if data.noise is None else vars(data.noise),
        "checkpoint": str(trainer.ckpt_path or ""),
        "weights": settings_of_module(trainer.lightning_module)["weights"],
        "grasps": grasp_set_identity(data.grasps),
    }
