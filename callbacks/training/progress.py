"""The bar that training shows: the usual one, with the time left for the whole run and the throughput."""

import time
from datetime import timedelta
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, TQDMProgressBar
from lightning.pytorch.utilities.exceptions import SIGTERMException
from tqdm import tqdm


def skip_ahead(bar: "tqdm[Any]", count: int) -> None:
    """Count what was done in an earlier run, without taking it for fast work in the estimate of the time left."""
    if bar.disable:  # TQDM_DISABLE: the bar counts nothing
        return
    bar.initial += count
    bar.n += count
    bar.last_print_n += count
    bar.refresh()


class EvaluationBar(tqdm):
    """A bar over what a callback evaluates, which ends with the process: `kill` stops it, as Ctrl-C does.

    Lightning takes note of SIGTERM and looks between batches; an evaluation lasts minutes within one.

    Args:
        trainer: takes note of the signal.
        total: how much there is; given later, by `reset`, when None.
        name: what is evaluated.
        unit: what is counted.
    """

    def __init__(self, trainer: Trainer, total: int | None, name: str, unit: str) -> None:
        super().__init__(total=total, desc=name, unit=unit, leave=False)
        self._trainer = trainer

    def update(self, n: float | None = 1) -> bool | None:
        """Count ``n`` more.

        Raises:
            SIGTERMException: the process was told to end.
        """
        if self._trainer.received_sigterm:
            raise SIGTERMException
        return super().update(n)


class RunProgressBar(TQDMProgressBar):
    """Lightning's bar of the present epoch, with ``left``: estimated time until the run ends, validation included."""

    def __init__(self, refresh_rate: int = 10) -> None:
        super().__init__(refresh_rate=refresh_rate)
        self._began = 0.0
        self._first_batch = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock; a resumed run counts its own batches only."""
        super().on_train_start(trainer, pl_module)
        if trainer.fit_loop.restarted_mid_epoch:  # such an epoch is not begun anew, its bar is
            self.on_train_epoch_start(trainer, pl_module)
        self._began = time.monotonic()
        self._first_batch = _batches_done(trainer)

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """The logged values of the bar and the time left."""
        items: dict[str, Any] = super().get_metrics(trainer, pl_module)
        items.pop("v_num", None)
        # batches and not optimiser steps, of which one batch may take many (PPO)
        done = _batches_done(trainer) - self._first_batch
        if trainer.training and done > 0 and (trainer.max_epochs or 0) >= 0:  # -1: a run without an end
            total = int(trainer.num_training_batches) * int(trainer.max_epochs or 1) - self._first_batch
            rate = (time.monotonic() - self._began) / done
            items["left"] = str(timedelta(seconds=max(0, round(rate * (total - done)))))
        return items


def _batches_done(trainer: Trainer) -> int:
    return trainer.fit_loop.epoch_loop.batch_progress.total.ready


class ExamplesPerSecond(Callback):
    """Logs clouds and (grasp, t, z) examples that training processed per second, validation left out."""

    def __init__(self) -> None:
        self._began = 0.0
        self._clouds = 0

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock of the epoch."""
        self._began = time.perf_counter()
        self._clouds = 0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count the batch; log at the end of the epoch, before validation starts."""
        self._clouds += len(batch)
        if trainer.is_last_batch:
            rate = self._clouds / max(time.perf_counter() - self._began, 1e-9)
            draws = getattr(pl_module, "draws", 1)
            # of all processes together
            together: dict[str, Any] = {"sync_dist": True, "reduce_fx": "sum"}
            pl_module.log("throughput/clouds_per_s", rate, **together)
            pl_module.log("throughput/examples_per_s", rate * draws, **together)
