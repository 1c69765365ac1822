"""What the callbacks for success, posture and stability share: read the episodes that were run, update, log, reset."""

from abc import ABC, abstractmethod

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from callbacks.assist.evaluation import evaluation_of
from envs.task.outcomes import EpisodeOutcome


class AssistMeasure(Callback, ABC):
    """Logs measures of the episodes that `AssistEvaluation` runs.

    ``val/<measure>/<split>`` for the learnt policy; in ``test``, to the logger, ``test/<measure>/<split>/<policy>``.
    """

    @abstractmethod
    def measure(self, outcome: EpisodeOutcome) -> dict[str, Tensor]:
        """Values by measure."""

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log what the learnt policy did."""
        for split, run in (evaluation_of(trainer).validated(trainer, pl_module) or {}).items():
            for name, value in self.measure(run.outcome()).items():
                pl_module.log(f"val/{name}/{split}", value.float(), rank_zero_only=True)

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Hand what every policy did to the loggers."""
        for split, run in (evaluation_of(trainer).tested(trainer, pl_module) or {}).items():
            for policy in run.outcomes:
                values = self.measure(run.outcome(policy))
                flat = {f"test/{name}/{split}/{policy}": float(value) for name, value in values.items()}
                for logger in trainer.loggers:
                    logger.log_metrics(flat, step=trainer.global_step)
