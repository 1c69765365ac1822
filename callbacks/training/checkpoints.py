"""Checkpoints that follow the run's root folder."""

from pathlib import Path

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint


class RunCheckpoint(ModelCheckpoint):
    """ModelCheckpoint that writes into ``<trainer.default_root_dir>/checkpoints`` unless ``dirpath`` says otherwise.

    Lightning's own default is a folder of the logger's that changes with every run; a path spelt out in a config would
    be the same for every overlay, and one run would write over the checkpoints of another.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Choose the folder before Lightning does."""
        if self.dirpath is None:
            self.dirpath = str(Path(trainer.default_root_dir) / "checkpoints")
        super().setup(trainer, pl_module, stage)
