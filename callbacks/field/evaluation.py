"""How well following the learnt field grasps: quickly during fit, completely in test.

What test measures is kept on disk as it comes: a killed test goes on where it stood.
"""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_only
from numpy.typing import NDArray

from callbacks.assist.episode_pictures import PicturedEpisodes
from callbacks.field.measurement import FieldMeasurement, MeasuredSplit
from callbacks.field.trials import SplitTrials
from callbacks.field.watch import FIELD_CAUSES, OFF_STEPS
from callbacks.metrics.estimates import by_label, count_causes, estimates, estimates_by_label, families_note
from callbacks.metrics.text_tables import measures_table
from callbacks.store.kept_plan import METRICS_FILE, hold_to_plan
from callbacks.store.made_of import settings_of_module
from callbacks.training.progress import EvaluationBar
from callbacks.training.turns import is_turn
from datamodules.grasps.dataset import GraspTable
from datamodules.grasps.identity import grasp_set_identity
from datamodules.grasps.module import GraspDataModule
from envs.conventions import SPLITS
from envs.files import write_atomically
from envs.objects.grasp_object import GraspObject
from envs.objects.library import ObjectLibrary
from envs.physics.base import PhysicsFactory, physics_identity
from envs.physics.mujoco_cpu import MujocoCpu
from envs.pictures.sheets import save_png
from lightning_modules.diffusion.samplers import Sampler
from lightning_modules.followers import Follower
from lightning_modules.primitive import GraspPrimitive
from lightning_modules.score_module import ScoreMatchingModule

_LOG = logging.getLogger(__name__)

_PLACED = ("placed", "closed by 0.1 rad")
"""Titles of the pictures of fingers that were placed without collisions, before the last one."""


class FieldEvaluation(Callback):
    """Follows the field in the simulator and measures it beside the baselines.

    During fit every few epochs a part of the training and development grasps is followed without collisions. In
    ``test`` everything is measured on all grasps of the data module's ``test_splits`` (`max_train_evaluation` of
    training), a table is printed, ``metrics.json`` written into the trainer's root folder, and pictures of failures
    below it. What was measured is kept there as ``trials/<split>/<part>.npz``, with a JSON of the same name that says
    what it was made of, and not measured again while all of that is as it was: weights and settings, grasps, code.

    Args:
        references: ways of following the field beside the module's own (``model.init_args.follower``), measured under
            their names in ``test``.
        every_n_epochs: epochs between measurements in fit; 0 leaves them out.
        num_grasps: grasps of each split measured in fit.
        max_test_grasps: grasps of each split measured in test; None leaves it at that.
        with_baselines: measure the baselines in test too.
        sampler: draws the samples of ``sample_success``; the probability-flow ODE when None.
        num_failures: failures pictured for each unseen split, with collisions on the way and without; 0 draws none.
        size: edge of a single picture, pixels.
        resume: read what was measured before.
        physics: makes the worlds; MuJoCo on the CPU when None.
    """

    def __init__(
        self,
        references: dict[str, Follower] | None = None,
        every_n_epochs: int = 5,
        num_grasps: int = 100,
        max_test_grasps: int | None = None,
        with_baselines: bool = True,
        sampler: Sampler | None = None,
        num_failures: int = 6,
        size: int = 160,
        resume: bool = True,
        physics: PhysicsFactory | None = None,
    ) -> None:
        self.references = references or {}
        self.every_n_epochs = every_n_epochs
        self.num_grasps = num_grasps
        self.max_test_grasps = max_test_grasps
        self.with_baselines = with_baselines
        self.sampler = sampler
        self.num_failures = num_failures
        self.size = size
        self.resume = resume
        self.physics: PhysicsFactory = physics or MujocoCpu()

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Before a test: refuse to mix its trials with those of other grasps or physics that its folder holds.

        Raises:
            TypeError: a data module or module of another task.
            ValueError: another plan; see `hold_to_plan`.
        """
        if stage == "test" and trainer.is_global_zero:
            data, _ = _parts(trainer, pl_module)
            hold_to_plan(Path(trainer.default_root_dir), self._plan(data))

    def _plan(self, data: GraspDataModule) -> dict[str, Any]:
        """What decides which trials a test makes; not by what, nor of which splits."""
        return {
            "measures": type(self).__name__,
            "grasps": grasp_set_identity(data.grasps),
            "num_points": data.num_points,
            "max_train_evaluation": data.max_train_evaluation,
            "max_test_grasps": self.max_test_grasps,
            "physics": physics_identity(self.physics),
        }

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Follow the field without collisions on a part of the validation splits; in fit only every few epochs."""
        if not is_turn(trainer, self.every_n_epochs):
            return
        data, primitive = _parts(trainer, pl_module)
        for split in data.val_splits:
            table = thinned(data.table(split), data.library, data.num_points, self.num_grasps)
            trials = SplitTrials(table, data.library, self.physics)
            values = trials.field("field_success", primitive, trials.encode(primitive), with_collisions=False)
            for name, key in (("field_success", "field_success_collisions_off"), ("posture_rad", "posture_rad")):
                pl_module.log(f"val/{name}/{split}", float(values[key].mean()), rank_zero_only=True)

    @rank_zero_only
    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure everything, print the table, write metrics.json and pictures."""
        data, primitive = _parts(trainer, pl_module)
        root = Path(trainer.default_root_dir)
        train = self._training_table(data)
        measurement = FieldMeasurement(
            primitive,
            data.library,
            self.physics,
            train,
            references=self.references,
            sampler=self.sampler,
            folder=root / "trials" if self.resume else None,
        )
        report: dict[str, Any] = {"splits": {}, "families": {}, "types": {}, "causes": {}, "causes_by_family": {}}
        diverged = 0
        for split in data.test_splits:
            table = thinned(data.table(split), data.library, data.num_points, self.max_test_grasps)
            with EvaluationBar(trainer, None, f"trials {split}", "trial") as bar:
                found = measurement.measure(split, table, bar)
            diverged += found.diverged
            names = table.grasps.object_names()
            families = np.array([data.library.family(name) for name in names])
            _add_split(report, split, found, table, families)
            if split != SPLITS[0]:
                self._draw_failures(root / "pictures", split, found, [data.library.get(name) for name in names], table)
        report["about"] = {
            "intervals": "95 %, bootstrap over objects",
            "interval_over_families": families_note({split: len(each) for split, each in report["families"].items()}),
            "grasp_set": data.path,
            "follower": _describe(primitive.follower),
            "references": {name: _describe(follower) for name, follower in self.references.items()},
            "training_grasps": 0 if train is None else len(train),
            "diverged_worlds": diverged,
            "checkpoint": str(trainer.ckpt_path or ""),
            "weights": settings_of_module(pl_module)["weights"],
            "grasps": grasp_set_identity(data.grasps),
        }
        path = root / METRICS_FILE
        write_atomically(path, (json.dumps(report, indent=1) + "\n").encode())
        _LOG.info("%s\nwrote %s", measures_table(report["splits"]), path)
        if trainer.logger is not None:
            flat = {
                f"test/{measure}/{split}": row["mean"]
                for split, measures in report["splits"].items()
                for measure, row in measures.items()
            }
            trainer.logger.log_metrics(flat, step=trainer.global_step)

    def _training_table(self, data: GraspDataModule) -> GraspTable | None:
        """Training grasps for the baselines; None without these, or in sets of other objects, which have none."""
        if not self.with_baselines or SPLITS[0] not in data.grasps.splits:
            return None
        return GraspTable(data.training_grasps(), data.library, data.num_points)

    def _draw_failures(
        self, folder: Path, split: str, found: MeasuredSplit, grasp_objects: Sequence[GraspObject], table: GraspTable
    ) -> None:
        """A sheet of failures with collisions on the way, and one without."""
        for way, watched in found.watched.items():
            episodes = PicturedEpisodes(
                table.hand, grasp_objects, table.grasps.type_names(), watched.cause, FIELD_CAUSES, watched.frames
            )
            titles = _PLACED if watched.frames.steps == OFF_STEPS else None
            sheet = episodes.sheet(0, self.num_failures, self.size, titles=titles)
            if sheet is not None:
                _LOG.info("wrote %s", save_png(folder / f"failures_{split}_{way}.png", sheet))


def _add_split(
    report: dict[str, Any], split: str, found: MeasuredSplit, table: GraspTable, families: NDArray[np.str_]
) -> None:
    """The numbers of one split, below their sections; `hard`, of grasps that are not easy, where that is known."""
    groups = table.object_index.numpy()
    report["splits"][split] = estimates(found.values, groups, families)
    report["families"][split] = estimates_by_label(found.values, groups, families)
    report["types"][split] = estimates_by_label(found.values, groups, np.array(table.grasps.type_names()))
    hard = None if table.is_easy is None else ~table.is_easy.numpy()
    if hard is not None and hard.any():
        alone = {name: column[hard] for name, column in found.values.items()}
        report.setdefault("hard", {})[split] = estimates(alone, groups[hard], families[hard])
    report["causes"][split], report["causes_by_family"][split] = {}, {}
    for way, watched in found.watched.items():
        by_family = by_label(families, watched.cause.__getitem__)
        report["causes"][split][way] = count_causes(watched.cause, FIELD_CAUSES)
        report["causes_by_family"][split][way] = {
            family: count_causes(cause, FIELD_CAUSES) for family, cause in by_family.items()
        }


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
