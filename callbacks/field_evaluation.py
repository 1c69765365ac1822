"""How well following the learnt field grasps: quickly during fit, completely in test."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_only
from tqdm import tqdm

from callbacks.field_trials import ConstantJoints, SplitTrials, Values, with_follower
from callbacks.metrics.intervals import estimate
from callbacks.metrics.measures import SuccessRate
from datamodules.grasps.dataset import GraspTable
from datamodules.grasps.grasp_set import write_atomically
from datamodules.grasps.module import VALIDATION_SPLITS, GraspDataModule
from envs.objects.library import ObjectLibrary
from lightning_modules.followers import AnnealedDenoiser, Follower
from lightning_modules.primitive import GraspPrimitive
from lightning_modules.score_module import ScoreMatchingModule

_LOG = logging.getLogger(__name__)

_TABLE_MEASURES = (
    "dsm_loss", "grasp_success", "field_success_collisions_off", "field_success_collisions_on",
    "paper_field_success_collisions_off", "paper_field_success_collisions_on", "sample_success",
    "nearest_success_collisions_off", "nearest_success_collisions_on", "constant_success_collisions_off",
    "constant_success_collisions_on", "blind_success_collisions_off", "blind_success_collisions_on",
    "grasp_success_collisions_on", "posture_rad", "nearest_posture_rad", "constant_posture_rad", "sample_diversity_rad",
)  # fmt: skip


class FieldEvaluation(Callback):
    """Follows the field in the simulator and measures it beside the baselines.

    During fit every few epochs a part of each split is followed without collisions; in ``test`` everything is measured
    on all grasps, a table is printed and ``metrics.json`` written into the trainer's root folder.

    Args:
        follower: how the field is followed; the annealed denoiser when None.
        references: further ways of following it, measured under their names in ``test``.
        every_n_epochs: epochs between measurements in fit; 0 leaves them out.
        num_grasps: grasps of each split measured in fit.
        max_test_grasps: grasps of each split measured in test; all when None.
        with_baselines: measure the baselines in test too.
    """

    def __init__(
        self,
        follower: Follower | None = None,
        references: dict[str, Follower] | None = None,
        every_n_epochs: int = 5,
        num_grasps: int = 100,
        max_test_grasps: int | None = None,
        with_baselines: bool = True,
    ) -> None:
        self.follower = AnnealedDenoiser() if follower is None else follower
        self.references = references or {}
        self.every_n_epochs = every_n_epochs
        self.num_grasps = num_grasps
        self.max_test_grasps = max_test_grasps
        self.with_baselines = with_baselines

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """In fit: follow the field without collisions on a part of each split."""
        if trainer.sanity_checking or not self.every_n_epochs or (trainer.current_epoch + 1) % self.every_n_epochs:
            return
        if trainer.global_rank != 0:
            return
        data, primitive = _parts(trainer, pl_module, self.follower)
        for split in VALIDATION_SPLITS:
            table = _thinned(data.table(split), data.library, data.num_points, self.num_grasps)
            trials = SplitTrials(table, data.library)
            values = trials.field("field_success", primitive, trials.encode(primitive), with_collisions=False)
            rate = SuccessRate()
            rate.update(torch.as_tensor(values["field_success_collisions_off"]))
            self.log(f"val/field_success/{split}", rate.compute().float(), rank_zero_only=True)
            self.log(f"val/posture_rad/{split}", float(values["posture_rad"].mean()), rank_zero_only=True)

    @rank_zero_only
    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure everything, print the table, write metrics.json."""
        data, primitive = _parts(trainer, pl_module, self.follower)
        train = GraspTable(data.training_grasps(), data.library, data.num_points)
        constants = ConstantJoints.of_training(train) if self.with_baselines else None
        report: dict[str, Any] = {"splits": {}, "families": {}, "types": {}}
        for split in VALIDATION_SPLITS:
            table = _thinned(data.table(split), data.library, data.num_points, self.max_test_grasps)
            values = self._measure(split, table, data.library, primitive, constants)
            groups = table.object_index.numpy()
            report["splits"][split] = _estimates(values, groups)
            families = [data.library.family(name) for name in table.grasps.object_names()]
            report["families"][split] = _by_label(values, groups, np.array(families))
            report["types"][split] = _by_label(values, groups, np.array(table.grasps.type_names()))
        report["about"] = {
            "intervals": "95 %, bootstrap over objects",
            "grasp_set": data.path,
            "follower": _describe(self.follower),
            "references": {name: _describe(follower) for name, follower in self.references.items()},
            "training_grasps": len(train),
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
            values |= trials.samples(primitive, feature)
            values |= trials.stored(with_collisions=constants is not None)
            if constants is not None:
                values |= trials.baselines(constants)
        return values


def _parts(
    trainer: Trainer, pl_module: LightningModule, follower: Follower
) -> tuple[GraspDataModule, GraspPrimitive]:
    data = trainer.datamodule  # type: ignore[attr-defined]
    if not isinstance(data, GraspDataModule) or not isinstance(pl_module, ScoreMatchingModule):
        raise TypeError(
            f"FieldEvaluation got {type(data).__name__} and {type(pl_module).__name__}, expected GraspDataModule and "
            "ScoreMatchingModule; take it out of trainer.callbacks"
        )
    return data, GraspPrimitive(pl_module, follower)


def _thinned(table: GraspTable, library: ObjectLibrary, num_points: int, count: int | None) -> GraspTable:
    """Evenly spread ``count`` grasps of a table; the table itself when it has no more."""
    if count is None or count >= len(table):
        return table
    rows = np.linspace(0, len(table) - 1, count).astype(int)
    return GraspTable(table.grasps.rows(rows), library, num_points)


def _estimates(values: Values, groups: np.ndarray) -> dict[str, dict[str, float | int]]:
    return {name: estimate(column, groups).as_dict() for name, column in values.items()}


def _by_label(values: Values, groups: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    parts = {}
    for label in sorted(set(labels.tolist())):
        rows = labels == label
        parts[label] = _estimates({name: column[rows] for name, column in values.items()}, groups[rows])
    return parts


def _describe(follower: Follower) -> str:
    settings = ", ".join(f"{key}={value}" for key, value in vars(follower).items())
    return f"{type(follower).__name__}({settings})"


def format_table(splits: Mapping[str, Mapping[str, Mapping[str, float | int]]]) -> str:
    """Measures by row, splits by column, each ``mean [low, high]``; rates in per cent."""
    names = [name for name in _TABLE_MEASURES if any(name in row for row in splits.values())]
    names += sorted({name for row in splits.values() for name in row} - set(names))
    lines = [f"{'':38}" + "".join(f"{split + ' n=' + _count(row):>28}" for split, row in splits.items())]
    for name in names:
        cells = [_cell(name, row[name]) if name in row else "-" for row in splits.values()]
        lines.append(f"{name:38}" + "".join(f"{cell:>28}" for cell in cells))
    return "\n".join(lines)


def _count(row: Mapping[str, Mapping[str, float | int]]) -> str:
    return str(next(iter(row.values()))["n"]) if row else "0"


def _cell(name: str, item: Mapping[str, float | int]) -> str:
    if "success" in name:
        return f"{item['mean']:.1%} [{item['low']:.1%}, {item['high']:.1%}]"
    return f"{item['mean']:.3f} [{item['low']:.3f}, {item['high']:.3f}]"
