"""Checkpoints that follow the run's root folder."""

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
    (``resumes_within_epoch`` of the data module): a run that is killed loses minutes.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Choose the folder before Lightning does."""
        if self.dirpath is None:
            self.dirpath = str(Path(trainer.default_root_dir) / "checkpoints")
        super().setup(trainer, pl_module, stage)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count the time from here; a run that goes on within an epoch does not begin that anew."""
        super().on_train_start(trainer, pl_module)
        self._written_at = monotonic()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count from here: what came before was written at the epoch's end."""
        super().on_train_epoch_start(trainer, pl_module)
        self._written_at = monotonic()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write the last checkpoint again, if that was long ago."""
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        data: Any = getattr(trainer, "datamodule", None)
        if not self.save_last or trainer.is_last_batch or not getattr(data, "resumes_within_epoch", False):
            return
        is_late = monotonic() - self._written_at >= WITHIN_EPOCH_S
        if trainer.strategy.broadcast(is_late):  # all processes take part in writing one
            trainer.save_checkpoint(Path(str(self.dirpath)) / f"{self.CHECKPOINT_NAME_LAST}{self.FILE_EXTENSION}")
            self._written_at = monotonic()
