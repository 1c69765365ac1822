"""How well following the learnt field grasps: quickly during fit, completely in test."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_only
from tqdm import tqdm

from callbacks.field_trials import SplitTrials, with_follower
from callbacks.metrics.measures import SuccessRate
from datamodules.atomic_file import write_atomically
from datamodules.grasps.dataset import GraspTable
from datamodules.grasps.module import VALIDATION_SPLITS, GraspDataModule
from datamodules.grasps.set_trials import ConstantJoints, Values
from datamodules.grasps.trial_report import estimates, estimates_by_label, format_table
from envs.objects.library import ObjectLibrary
from lightning_modules.diffusion.samplers import Sampler
from lightning_modules.followers import Follower
from lightning_modules.primitive import GraspPrimitive
from lightning_modules.score_module import ScoreMatchingModule

_LOG = logging.getLogger(__name__)


class FieldEvaluation(Callback):
    """Follows the field in the simulator and measures it beside the baselines.

    During fit every few epochs a part of each split is followed without collisions; in ``test`` everything is measured
    on all grasps, a table is printed and ``metrics.json`` written into the trainer's root folder.

    Args:
        references: ways of following the field beside the module's own (``model.init_args.follower``), measured under
            their names in ``test``.
        every_n_epochs: epochs between measurements in fit; 0 leaves them out.
        num_grasps: grasps of each split measured in fit.
        max_test_grasps: grasps of each split measured in test; all when None.
        with_baselines: measure the baselines in test too.
        sampler: draws the samples of ``sample_success``; the probability-flow ODE when None.
    """

    def __init__(
        self,
        references: dict[str, Follower] | None = None,
        every_n_epochs: int = 5,
        num_grasps: int = 100,
        max_test_grasps: int | None = None,
        with_baselines: bool = True,
        sampler: Sampler | None = None,
    ) -> None:
        self.references = references or {}
        self.every_n_epochs = every_n_epochs
        self.num_grasps = num_grasps
        self.max_test_grasps = max_test_grasps
        self.with_baselines = with_baselines
        self.sampler = sampler
        self._diverged = 0

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Follow the field without collisions on a part of each split; in fit only every few epochs."""
        due = self.every_n_epochs and (trainer.current_epoch + 1) % self.every_n_epochs == 0
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        if trainer.state.fn == TrainerFn.FITTING and not due:
            return
        data, primitive = _parts(trainer, pl_module)
        for split in VALIDATION_SPLITS:
            table = thinned(data.table(split), data.library, data.num_points, self.num_grasps)
            trials = SplitTrials(table, data.library)
            values = trials.field("field_success", primitive, trials.encode(primitive), with_collisions=False)
            rate = SuccessRate()
            rate.update(torch.as_tensor(values["field_success_collisions_off"]))
            pl_module.log(f"val/field_success/{split}", rate.compute().float(), rank_zero_only=True)
            pl_module.log(f"val/posture_rad/{split}", float(values["posture_rad"].mean()), rank_zero_only=True)

    @rank_zero_only
    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure everything, print the table, write metrics.json."""
        data, primitive = _parts(trainer, pl_module)
        train = GraspTable(data.training_grasps(), data.library, data.num_points)
        constants = ConstantJoints.of_training(train) if self.with_baselines else None
        report: dict[str, Any] = {"splits": {}, "families": {}, "types": {}}
        self._diverged = 0
        for split in VALIDATION_SPLITS:
            table = thinned(data.table(split), data.library, data.num_points, self.max_test_grasps)
            values = self._measure(split, table, data.library, primitive, constants)
            groups = table.object_index.numpy()
            report["splits"][split] = estimates(values, groups)
            families = [data.library.family(name) for name in table.grasps.object_names()]
            report["families"][split] = estimates_by_label(values, groups, np.array(families))
            report["types"][split] = estimates_by_label(values, groups, np.array(table.grasps.type_names()))
        report["about"] = {
            "intervals": "95 %, bootstrap over objects",
            "grasp_set": data.path,
            "follower": _describe(primitive.follower),
            "references": {name: _describe(follower) for name, follower in self.references.items()},
            "training_grasps": len(train),
            "diverged_worlds": self._diverged,
            "checkpoint": str(trainer.ckpt_path or ""),
        }
        path = Path(trainer.default_root_dir) / "metrics.json"
        write_atomically(path, (json.dumps(report, indent=1) + "\n").encode())
        _LOG.info("%s\nwrote %s", format_table(report["splits"]), path)
        if trainer.logger is not None:
            flat = {
                f"test/{measure}/{split}": row["mean"]
                for split, measures in report["splits"].items()
                for measure, row in measures.items()
            }
            trainer.logger.log_metrics(flat, step=trainer.global_step)

    def _measure(
        self,
        split: str,
        table: GraspTable,
        library: ObjectLibrary,
        primitive: GraspPrimitive,
        constants: ConstantJoints | None,
    ) -> Values:
        """Every measure on every grasp of a split, with a bar."""
        rounds = 2 + 2 * (1 + len(self.references)) + (1 + 6 if constants is not None else 0)
        with tqdm(total=rounds * len(table), desc=f"trials {split}", unit="trial", leave=False) as bar:
            trials = SplitTrials(table, library, on_trials=bar.update)
            feature = trials.encode(primitive)
            values = trials.losses(primitive)
            values |= trials.field("field_success", primitive, feature)
            for name, follower in self.references.items():
                values |= trials.field(f"{name}_field_success", with_follower(primitive, follower), feature)
            values |= trials.samples(primitive, feature, sampler=self.sampler)
            values |= trials.stored(with_collisions=constants is not None)
            if constants is not None:
                values |= trials.baselines(constants)
        self._diverged += trials.trials.num_diverged
        return values


def _parts(trainer: Trainer, pl_module: LightningModule) -> tuple[GraspDataModule, GraspPrimitive]:
    data = trainer.datamodule  # type: ignore[attr-defined]
    if not isinstance(data, GraspDataModule) or not isinstance(pl_module, ScoreMatchingModule):
        raise TypeError(
            f"FieldEvaluation got {type(data).__name__} and {type(pl_module).__name__}, expected GraspDataModule and "
            "ScoreMatchingModule; take it out of trainer.callbacks"
        )
    return data, GraspPrimitive(pl_module)


def thinned(table: GraspTable, library: ObjectLibrary, num_points: int, count: int | None) -> GraspTable:
    """Evenly spread ``count`` grasps of a table; the table itself when it has no more."""
    if count is None or count >= len(table):
        return table
    rows = np.linspace(0, len(table) - 1, count).astype(int)
    return GraspTable(table.grasps.rows(rows), library, num_points)


def _describe(follower: Follower) -> str:
    settings = ", ".join(f"{key}={value}" for key, value in vars(follower).items())
    return f"{type(follower).__name__}({settings})"
