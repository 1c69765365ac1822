"""Callbacks that end a run before its time, for the command line of the tests of resuming."""

import os
import signal
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from callbacks.training import checkpoints


class StoppedError(RuntimeError):
    """A run was stopped on purpose."""


class WriteEveryBatch(Callback):
    """Has the last checkpoint written after every batch."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        checkpoints.WITHIN_EPOCH_S = 0.0


class StopAt(Callback):
    """Raises after the optimiser step ``step``."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self.step:
            self.stop()

    def stop(self) -> None:
        raise StoppedError(f"after step {self.step}")


class KillAt(StopAt):
    """Kills the process after the optimiser step ``step``: nothing gets to tidy up."""

    def stop(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class StopAfter(Callback):
    """Raises after ``batches`` training batches of this process, however many optimiser steps each of them takes."""

    def __init__(self, batches: int) -> None:
        self.batches = batches
        self._seen = 0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._seen += 1
        if self._seen == self.batches:
            self.stop()

    def stop(self) -> None:
        raise StoppedError(f"after batch {self.batches}")


class KillAfter(StopAfter):
    """Kills the process after so many batches: nothing gets to tidy up."""

    def stop(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)
