"""Real runs of the command line in two processes that train together, and what each of them saw."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, WeightAveraging
from torch import Tensor

from datamodules.types import GraspBatch, Rollout
from lightning_modules import score_module
from tests.learning import ROOT

AVERAGE = "    - class_path: callbacks.training.ema.WarmupEMA\n"
"""For `every_epoch`: averaged weights."""

TWO_RANKS = ("--trainer.strategy=ddp", "--trainer.accelerator=cpu", "--trainer.devices=2")
TWO_CARDS = ("--trainer.strategy=ddp", "--trainer.accelerator=gpu", "--trainer.devices=2")


def witness(folder: Path) -> str:
    """YAML of a `Witness` for lists of callbacks."""
    return f"    - class_path: tests.ranks.Witness\n      init_args: {{folder: {folder}}}\n"


class Witness(Callback):
    """Every rank writes what it drew in each step, and what it has learnt, to ``folder/rank<r>.pt`` after each epoch.

    Each step is a dictionary: ``data``, which depends on what was drawn from the data alone, ``noise``, on the noise
    alone, and ``rates``, the learning rates after it.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self._steps: list[dict[str, Any]] = []
        self._noise: list[Tensor] = []

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        loss = score_module.denoising_loss

        def watched(*args: Any, t: Tensor, z: Tensor) -> Tensor:
            self._noise.append(z.clone())
            return loss(*args, t=t, z=z)

        score_module.denoising_loss = watched  # type: ignore[assignment]

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        seen: dict[str, Any] = {}
        if isinstance(batch, GraspBatch):
            seen = {"data": batch.grasp_index, "noise": self._noise[-1]}
        if isinstance(batch, Rollout):
            # what is seen before the first action, and the noise before it
            seen = {"data": batch.memory["vectors"][0], "noise": batch.memory["noise_before"][0]}
        rates = [group["lr"] for group in trainer.optimizers[0].param_groups]
        self._steps.append({**seen, "rates": rates})

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        averages = [each for each in trainer.callbacks if isinstance(each, WeightAveraging)]  # type: ignore[attr-defined]
        learnt = {
            "weights": pl_module.state_dict(),
            "optimizer": trainer.optimizers[0].state_dict()["state"],
            "average": [each._average_model.state_dict() for each in averages],  # type: ignore[union-attr]
            "metrics": {name: value for name, value in trainer.callback_metrics.items() if name.startswith("train/")},
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        torch.save({"steps": self._steps, **learnt}, self.folder / f"rank{trainer.global_rank}.pt")


def every_epoch(path: Path, *callbacks: str) -> str:
    """Writes a configuration with these callbacks (YAML) and a checkpoint of every epoch, and returns its option."""
    path.write_text(
        "trainer:\n  limit_val_batches: 2\n  callbacks:\n" + "".join(callbacks) + "    "
        "- class_path: callbacks.training.checkpoints.RunCheckpoint\n"
        "      init_args: {filename: '{epoch}', save_last: true, save_top_k: -1, save_on_train_epoch_end: true}\n"
    )
    return f"--config={path}"


def witnessed(folder: Path) -> list[dict[str, Any]]:
    """What the two ranks wrote, that of rank 0 first."""
    return [torch.load(folder / f"rank{rank}.pt", map_location="cpu", weights_only=True) for rank in (0, 1)]


def run_ranks(
    args: list[str], timeout_s: float = 300.0, ranks: Sequence[str] = TWO_RANKS
) -> subprocess.CompletedProcess[str]:
    """The command line in two processes, of ``ranks``; ends when both have closed their output.

    Raises:
        subprocess.TimeoutExpired: they wait for one another, or one outlives the other.
    """
    command = [sys.executable, "-m", "lightning_modules.cli", *args, *ranks]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    try:
        out, err = process.communicate(timeout=timeout_s)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(command, process.returncode, out, err)
