"""Checkpoints lie in the run's own folder."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from torch.utils.data import DataLoader

from callbacks.training import checkpoints
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


class Nothing(LightningModule):
    """Learns nothing from each batch, and looks whether a checkpoint of this epoch lies there."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.path = path
        self.found: list[int] = []

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters())

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        self.found.append(torch.load(self.path, weights_only=True)["global_step"] if self.path.is_file() else 0)
        return self.weight


class Batches(LightningDataModule):
    """Five batches."""

    def __init__(self, *, resumes_within_epoch: bool) -> None:
        super().__init__()
        self.resumes_within_epoch = resumes_within_epoch

    def train_dataloader(self) -> DataLoader[int]:
        return DataLoader(range(5), batch_size=None)  # type: ignore[arg-type]


def fitted(tmp_path: Path, callback: RunCheckpoint, *, resumes: bool, **options: Any) -> Nothing:
    """A run of five batches, of 150 seconds each by the checkpoint's clock."""
    trainer = Trainer(
        default_root_dir=tmp_path, callbacks=[callback], logger=False, accelerator="cpu", enable_progress_bar=False,
        enable_model_summary=False, **{"max_epochs": 1, **options},
    )  # fmt: skip
    module = Nothing(tmp_path / "checkpoints" / "last.ckpt")
    trainer.fit(module, Batches(resumes_within_epoch=resumes))
    return module


@pytest.fixture
def slow_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10_000, 150))
    monkeypatch.setattr(checkpoints, "monotonic", lambda: float(next(clock)))


@pytest.mark.usefixtures("slow_clock")
@pytest.mark.parametrize("counts_versions", [False, True])
@pytest.mark.parametrize(
    ("resumes", "save_last", "found"),
    [(True, True, [0, 1, 1, 3, 3]), (False, True, [0] * 5), (True, None, [0] * 5)],
)
def test_the_last_checkpoint_is_written_within_a_long_epoch_of_data_that_go_on_there(
    resumes: bool, save_last: bool | None, found: list[int], counts_versions: bool, tmp_path: Path
) -> None:
    callback = RunCheckpoint(save_last=save_last, save_on_train_epoch_end=True, enable_version_counter=counts_versions)
    module = fitted(tmp_path, callback, resumes=resumes)
    assert module.found == found
    if save_last:
        assert torch.load(module.path, weights_only=True)["global_step"] == 5
    assert not list(module.path.parent.glob("last-*"))


@pytest.mark.usefixtures("slow_clock")
def test_a_run_to_try_things_writes_nothing(tmp_path: Path) -> None:
    fitted(tmp_path, RunCheckpoint(save_last=True), resumes=True, fast_dev_run=5)
    assert not list((tmp_path / "checkpoints").glob("*"))
