"""Checkpoints lie in the run's own folder."""

from pathlib import Path

import pytest
from lightning.pytorch import LightningModule, Trainer

from callbacks.training.checkpoints import RunCheckpoint


@pytest.mark.parametrize("stage", ["fit", "test"])
def test_the_folder_follows_the_root_of_the_run(stage: str, tmp_path: Path) -> None:
    callback = RunCheckpoint()
    trainer = Trainer(default_root_dir=tmp_path / "run", callbacks=[callback], logger=False, accelerator="cpu")
    callback.setup(trainer, LightningModule(), stage)
    assert callback.dirpath == str(tmp_path / "run" / "checkpoints")


def test_a_given_folder_is_kept(tmp_path: Path) -> None:
    callback = RunCheckpoint(dirpath=tmp_path / "elsewhere")
    trainer = Trainer(default_root_dir=tmp_path / "run", callbacks=[callback], logger=False, accelerator="cpu")
    callback.setup(trainer, LightningModule(), "fit")
    assert Path(str(callback.dirpath)) == tmp_path / "elsewhere"


def test_a_logger_does_not_move_the_folder(tmp_path: Path) -> None:
    callback = RunCheckpoint()
    trainer = Trainer(default_root_dir=tmp_path, callbacks=[callback], logger=True, accelerator="cpu")
    callback.setup(trainer, LightningModule(), "fit")
    assert callback.dirpath == str(tmp_path / "checkpoints")
