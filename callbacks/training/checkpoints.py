"""Checkpoints that follow the run's root folder."""

from math import inf
from pathlib import Path
from time import monotonic
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

WITHIN_EPOCH_S = 240.0
"""Seconds of training after which the last checkpoint is written again, the end of the epoch or not."""


class RunCheckpoint(ModelCheckpoint):
    """ModelCheckpoint that writes into ``<trainer.default_root_dir>/checkpoints`` unless ``dirpath`` says otherwise.

    Lightning's own default is a folder of the logger's that changes with every run; a path spelt out in a config would
    be the same for every overlay, and one run would write over the checkpoints of another.

    Where an epoch takes long, the last checkpoint is written within it, too, of data that go on from any batch
    (``resumes_within_epoch`` of the data module): a run that is killed loses minutes, and not what came before its
    first batch, such as the cloning of demonstrations. The logs of a run that goes on from there lack the row of that
    batch, which Lightning hands out after it.
    """

    _written_at = -inf

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Choose the folder before Lightning does."""
        if self.dirpath is None:
            self.dirpath = str(Path(trainer.default_root_dir) / "checkpoints")
        super().setup(trainer, pl_module, stage)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write the last checkpoint again, if that was long ago."""
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        data: Any = getattr(trainer, "datamodule", None)
        if not getattr(data, "resumes_within_epoch", False) or trainer.is_last_batch:
            return
        is_late = bool(self.save_last) and monotonic() - self._written_at >= WITHIN_EPOCH_S
        if trainer.strategy.broadcast(is_late):  # all processes take part in writing one
            for logger in trainer.loggers:
                logger.save()  # what comes before the checkpoint must not be lost with the process
            self._save_last_checkpoint(trainer, self._monitor_candidates(trainer))

    def _save_checkpoint(self, trainer: Trainer, filepath: str) -> None:
        # Lightning's own last one, at the end of training, would replace that of a real run
        if trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        super()._save_checkpoint(trainer, filepath)
        self._written_at = monotonic()
