"""Checkpoint files are complete or absent, whenever a process dies."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import nn

from lightning_modules.checkpoint_files import save_checkpoint_file
from lightning_modules.checkpoints import AtomicCheckpointIO


def content(value: float) -> dict[str, Any]:
    return {"state_dict": {"weight": torch.full((1000,), value)}, "epoch": 3}


def value_of(path: Path) -> float:
    return float(torch.load(path, weights_only=True)["state_dict"]["weight"][0])


def test_what_was_saved_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint(content(2.0), path)
    loaded = AtomicCheckpointIO().load_checkpoint(path)
    assert loaded["epoch"] == 3
    assert torch.equal(loaded["state_dict"]["weight"], torch.full((1000,), 2.0))
    assert os.listdir(path.parent) == ["last.ckpt"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("moment", ["fsync", "replace"])
@pytest.mark.parametrize("older", [True, False])
def test_a_process_killed_while_writing_leaves_the_older_file(moment: str, older: bool, tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    if older:
        save_checkpoint_file(content(1.0), path)
    child = os.fork()
    if child == 0:  # dies when the bytes are written, before the file has its name
        setattr(os, moment, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        save_checkpoint_file(content(2.0), path)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    if older:
        assert value_of(path) == 1.0
    else:
        assert not path.exists()
    save_checkpoint_file(content(3.0), path)
    assert value_of(path) == 3.0


def fail(*_: Any) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_full_disk_leaves_the_older_file_and_nothing_else(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last.ckpt"
    save_checkpoint_file(content(1.0), path)
    monkeypatch.setattr(os, moment, fail)
    with pytest.raises(OSError, match=r"No space left on device"):
        save_checkpoint_file(content(2.0), path)
    assert value_of(path) == 1.0
    assert os.listdir(tmp_path) == ["last.ckpt"]


def test_a_trainer_with_the_plugin_writes_through_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    save: Callable[..., None] = AtomicCheckpointIO.save_checkpoint

    def spy(self: AtomicCheckpointIO, checkpoint: dict[str, Any], path: str, storage_options: Any = None) -> None:
        written.append(Path(path).name)
        save(self, checkpoint, path, storage_options)

    class Small(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layer_of_one = nn.Linear(1, 1)

    monkeypatch.setattr(AtomicCheckpointIO, "save_checkpoint", spy)
    trainer = Trainer(
        plugins=[AtomicCheckpointIO()], logger=False, enable_checkpointing=False, accelerator="cpu",
        default_root_dir=tmp_path,
    )  # fmt: skip
    trainer.strategy.connect(Small())
    trainer.save_checkpoint(tmp_path / "one.ckpt")
    assert written == ["one.ckpt"]
    assert "state_dict" in torch.load(tmp_path / "one.ckpt", weights_only=True)


def test_storage_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"storage_options is \{'a': 1\}; local checkpoint files take none"):
        AtomicCheckpointIO().save_checkpoint(content(1.0), tmp_path / "x.ckpt", {"a": 1})
