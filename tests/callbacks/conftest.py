"""A data module on the tiny set, and trainers that say nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Trainer

from datamodules.grasps.module import GraspDataModule

Quiet = Callable[..., Trainer]


@pytest.fixture
def data(tiny_path: Path, fast_objects: None) -> GraspDataModule:
    return GraspDataModule(
        path=str(tiny_path), batch_size=4, batches_per_epoch=2, num_points=64, max_train_evaluation=3
    )


@pytest.fixture
def quiet(tmp_path: Path) -> Quiet:
    """Makes a trainer below ``tmp_path`` with the given callbacks and options."""

    def trainer(*callbacks: Any, **options: Any) -> Trainer:
        defaults: dict[str, Any] = {
            "accelerator": "cpu", "logger": False, "enable_checkpointing": False, "enable_progress_bar": False,
            "enable_model_summary": False, "num_sanity_val_steps": 0, "max_epochs": 1, "default_root_dir": tmp_path,
            "limit_val_batches": 1, "limit_test_batches": 1,
        }  # fmt: skip
        return Trainer(callbacks=list(callbacks), **(defaults | options))

    return trainer
