import logging
from pathlib import Path

import pytest
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback, LearningRateMonitor

from callbacks.training.checkpoints import RunCheckpoint
from callbacks.training.progress import RunProgressBar
from lightning_modules.trainer_parts import without_idle_parts
from tests.learning import command, few_callbacks, run


class Other(Callback):
    """Needs nothing."""


PARTS = [RunProgressBar(), LearningRateMonitor(), RunCheckpoint(), Other()]


@pytest.mark.parametrize(
    ("given", "stay"),
    [
        ({}, "RunProgressBar LearningRateMonitor RunCheckpoint Other"),
        ({"logger": False}, "RunProgressBar RunCheckpoint Other"),
        ({"enable_checkpointing": False}, "RunProgressBar LearningRateMonitor Other"),
        ({"enable_progress_bar": False}, "LearningRateMonitor RunCheckpoint Other"),
        ({"barebones": True, "log_every_n_steps": 25, "enable_progress_bar": True}, "Other"),
    ],
)
def test_callbacks_of_parts_that_are_off_are_left_out_and_lightning_agrees(
    given: dict[str, object], stay: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asked = {"accelerator": "cpu", "default_root_dir": tmp_path, "callbacks": PARTS, **given}
    with caplog.at_level(logging.INFO):
        made = without_idle_parts(asked)
    assert [type(one).__name__ for one in made["callbacks"]] == stay.split()
    assert ("left out: " in caplog.text) == bool(given)
    Trainer(**(asked | made))


def test_one_callback_may_be_given_without_a_list() -> None:
    (bar,) = without_idle_parts({"callbacks": RunProgressBar()})["callbacks"]
    assert isinstance(bar, RunProgressBar)


def test_a_run_without_logger_checkpoints_and_bar_trains(tiny_path: Path, tmp_path: Path, fast_objects: None) -> None:
    off = ["--trainer.logger=false", "--trainer.enable_checkpointing=false", "--trainer.enable_progress_bar=false"]
    run(command("fit", tiny_path, tmp_path / "run", few_callbacks(tmp_path / "few.yaml"), *off))
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_rate_cannot_decay_over_a_run_without_an_end(tiny_path: Path, tmp_path: Path, fast_objects: None) -> None:
    endless = ["--trainer.max_epochs=-1", "--trainer.max_time=00:00:00:05"]
    with pytest.raises(ValueError, match=r"a run without an end, over which the learning rate cannot decay to 0.02"):
        run(command("fit", tiny_path, tmp_path / "run", few_callbacks(tmp_path / "few.yaml"), *endless))
