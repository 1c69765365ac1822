"""What is left out of the output of runs, and what is not."""

import logging
import warnings
from pathlib import Path

import pytest
from lightning.pytorch import Trainer
from lightning.pytorch.demos.boring_classes import BoringModel

from lightning_modules.quiet import quieten


def test_real_warnings_are_shown() -> None:
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        quieten()
        warnings.warn("Your `IterableDataset` has `__len__` defined. In combination", stacklevel=1)
        warnings.warn("the loss is NaN", stacklevel=1)
    assert [str(warning.message) for warning in shown] == ["the loss is NaN"]


def test_recommendations_of_other_products_are_left_out_and_other_lines_are_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with warnings.catch_warnings(), caplog.at_level(logging.INFO):
        warnings.simplefilter("ignore")
        quieten()
        # without a logger and a checkpoint of its own, so that Lightning recommends one of each
        trainer = Trainer(
            accelerator="cpu", default_root_dir=tmp_path, max_steps=1, limit_val_batches=0, enable_progress_bar=False
        )
        trainer.fit(BoringModel())
    assert "GPU available" in caplog.text
    assert [word for word in ("Tip", "litlogger", "litmodels") if word in caplog.text] == []
