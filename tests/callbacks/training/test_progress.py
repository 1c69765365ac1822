"""The bar's estimate of the time left, and the throughput."""

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch.utils.data import DataLoader
from tqdm import tqdm

from callbacks.training import progress
from callbacks.training.progress import EvaluationBar, ExamplesPerSecond, RunProgressBar, skip_ahead
from tests.callbacks.training.test_ema import Counter


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(progress.time, "monotonic", found)
    monkeypatch.setattr(progress.time, "perf_counter", found)
    return found


@pytest.fixture
def bar(monkeypatch: pytest.MonkeyPatch) -> RunProgressBar:
    """A bar without a terminal."""
    monkeypatch.setattr(progress.TQDMProgressBar, "on_train_start", lambda *_: None)
    monkeypatch.setattr(progress.TQDMProgressBar, "get_metrics", lambda *_: {"v_num": 3, "train/dsm_loss": 2.5})
    return RunProgressBar()


def trainer(batch: int, total: int = 100, training: bool = True) -> Any:
    progress_so_far = SimpleNamespace(total=SimpleNamespace(ready=batch))
    loop = SimpleNamespace(epoch_loop=SimpleNamespace(batch_progress=progress_so_far), restarted_mid_epoch=False)
    return SimpleNamespace(fit_loop=loop, num_training_batches=total // 5, max_epochs=5, training=training)


def test_time_left_goes_by_the_pace_so_far(bar: RunProgressBar, clock: Clock) -> None:
    bar.on_train_start(trainer(0), LightningModule())
    clock.now += 30.0
    metrics = bar.get_metrics(trainer(20), LightningModule())
    # 20 of 100 steps in 30 s: 80 more take 120 s
    assert metrics == {"train/dsm_loss": 2.5, "left": "0:02:00"}


def test_a_resumed_run_counts_its_own_steps(bar: RunProgressBar, clock: Clock) -> None:
    bar.on_train_start(trainer(60), LightningModule())
    clock.now += 30.0
    # 10 steps in 30 s, 30 to go
    assert bar.get_metrics(trainer(70), LightningModule())["left"] == "0:01:30"


def test_nothing_is_promised_before_the_first_step_or_while_validating(bar: RunProgressBar, clock: Clock) -> None:
    bar.on_train_start(trainer(0), LightningModule())
    clock.now += 30.0
    assert "left" not in bar.get_metrics(trainer(0), LightningModule())
    assert "left" not in bar.get_metrics(trainer(20, training=False), LightningModule())


def test_throughput_counts_clouds_and_examples_of_an_epoch(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: dict[str, float] = {}
    rules: list[dict[str, Any]] = []

    def log(name: str, value: float, **how: Any) -> None:
        logged[name] = value
        rules.append(how)

    module: Any = SimpleNamespace(draws=32, log=log)
    monitor = ExamplesPerSecond()
    for epoch in range(2):  # validation between the epochs is left out
        clock.now += 1000.0
        monitor.on_train_epoch_start(trainer(0), module)
        for last in (False, True):
            clock.now += 2.0
            monitor.on_train_batch_end(SimpleNamespace(is_last_batch=last), module, None, [0] * 8, epoch)  # type: ignore[arg-type]
            assert bool(logged) is last
        # 16 clouds in 4 s, 32 draws each
        assert logged == {"throughput/clouds_per_s": 4.0, "throughput/examples_per_s": 128.0}
        logged.clear()
    assert all(how == {"sync_dist": True, "reduce_fx": "sum"} for how in rules)  # several processes add up


def test_an_epoch_that_goes_on_in_its_middle_has_a_bar_of_its_own(
    bar: RunProgressBar, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Any] = []
    monkeypatch.setattr(progress.TQDMProgressBar, "on_train_epoch_start", lambda _, of, *__: begun.append(of))
    for is_within in (False, True):
        run = trainer(3)
        run.fit_loop.restarted_mid_epoch = is_within
        bar.on_train_start(run, LightningModule())
        assert begun == ([run] if is_within else [])


def test_a_real_run_shows_the_time_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Trainer(
        max_epochs=1, callbacks=[RunProgressBar(refresh_rate=1)], accelerator="cpu", logger=False,
        enable_checkpointing=False, enable_model_summary=False, num_sanity_val_steps=0, default_root_dir=tmp_path,
    ).fit(Counter(), DataLoader(torch.zeros(4, 1)))  # type: ignore[arg-type]  # fmt: skip
    assert "left=0:00:00" in "".join(capsys.readouterr())


def test_what_was_done_before_is_no_sign_of_speed() -> None:
    with tqdm(total=100, file=io.StringIO()) as bar:
        skip_ahead(bar, 60)
        bar.update(10)
        assert bar.n == 70
        assert bar.format_dict["initial"] == 60  # of which the rate is told: 10 done since the start
    with tqdm(total=100, disable=True) as silent:
        skip_ahead(silent, 60)


def test_an_evaluation_ends_when_the_process_is_told_to() -> None:
    trainer: Any = SimpleNamespace(received_sigterm=False)
    with EvaluationBar(trainer, 10, "episodes", "episode") as bar:
        bar.update(4)
        assert bar.n == 4
        trainer.received_sigterm = True
        with pytest.raises(SIGTERMException):
            bar.update(1)
        assert bar.n == 4
