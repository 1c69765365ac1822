"""Success, posture and stability of the episodes that were run (GraspGF Sec. 4.2)."""

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor
from torchmetrics import CatMetric, MeanMetric, MetricCollection

from callbacks.assist.evaluation import evaluation_of
from envs.rows import take_rows
from envs.task.outcomes import EpisodeOutcome

_FIELDS = {
    "success": "is_success",
    "posture_rad": "posture_rad",
    "translation_m": "translation_m",
    "translation_median_m": "translation_m",
    "rotation_cos": "rotation_cos",
}
"""Fields of `EpisodeOutcome` by measure."""


class MedianMetric(CatMetric):
    """Median, the lower one of two in the middle."""

    def compute(self) -> Tensor:
        """The median of all values."""
        return torch.as_tensor(super().compute()).median()


class AssistMeasures(Callback):
    """Logs measures of the episodes that `AssistEvaluation` runs.

    ``success``: the object rises by more than 0.1 m, and its distance to the hand changes by less than 5 cm.
    ``posture_rad``: distance of the joints before the lift from those of the grasp to come. ``translation_m`` and
    ``rotation_cos``: how far the object was moved before the lift, and the cosine distance of its x axis. One thrown
    object can outweigh all others in a mean, hence ``translation_median_m``. ``disturbed``: share of the episodes
    without a grasp in which the object moved by more than 1 cm.

    ``val/<measure>/<split>`` for the learnt policy; in ``test``, to the logger, ``test/<measure>/<split>/<policy>``.
    """

    def __init__(self) -> None:
        alone = {"sync_on_compute": False}  # one process alone measures
        self._measures = MetricCollection(
            {name: (MedianMetric if "median" in name else MeanMetric)(**alone) for name in _FIELDS},
            compute_groups=False,  # measures that agree once are not the same
        ).set_dtype(torch.float64)

    def measure(self, outcome: EpisodeOutcome) -> dict[str, float]:
        """Values by measure, of the episodes in which the wrist comes to grasp; how often others are disturbed."""
        self._measures.reset()
        left = outcome.is_success[~outcome.is_grasp]
        outcome = take_rows(outcome, np.flatnonzero(outcome.is_grasp))
        for name, metric in self._measures.items():
            metric.update(torch.as_tensor(getattr(outcome, _FIELDS[name])))
        values = {name: float(value) for name, value in self._measures.compute().items()}
        return {**values, "disturbed": float(1.0 - left.mean())} if len(left) else values

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log what the learnt policy did."""
        for split, run in (evaluation_of(trainer).validated(trainer, pl_module) or {}).items():
            for name, value in self.measure(run.outcome()).items():
                pl_module.log(f"val/{name}/{split}", value, rank_zero_only=True)

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Hand what every policy did to the loggers."""
        for split, run in (evaluation_of(trainer).tested(trainer, pl_module) or {}).items():
            for policy in run.outcomes:
                values = self.measure(run.outcome(policy))
                flat = {f"test/{name}/{split}/{policy}": value for name, value in values.items()}
                for logger in trainer.loggers:
                    logger.log_metrics(flat, step=trainer.global_step)
