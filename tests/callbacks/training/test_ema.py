"""The average of the weights: its warm-up, and who gets to see it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn
from torch.utils.data import DataLoader

from callbacks.training.ema import WarmupEMA, ema_decay


class Counter(LightningModule):
    """One weight that grows by 1 in every step, and a buffer that stays as it is."""

    frequencies: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.register_buffer("frequencies", 30.0 * torch.randn(64, generator=torch.Generator().manual_seed(0)))
        self.validated: list[float] = []

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        return -self.weight  # plain descent with step size 1 adds 1

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self.validated.append(self.weight.item())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=1.0)


class AtValidationEnd(Callback):
    """Remembers the weight when validation ends, as the evaluating callbacks see it."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.seen.append(pl_module.state_dict()["weight"].item())


def fit(module: Counter, root: Path, steps: int, callbacks: list[Callback]) -> Trainer:
    data: DataLoader[Tensor] = DataLoader(torch.zeros(steps, 1))  # type: ignore[arg-type]
    trainer = Trainer(
        max_epochs=1, callbacks=callbacks, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0, default_root_dir=root,
    )  # fmt: skip
    trainer.fit(module, data, DataLoader(torch.zeros(1, 1)))  # type: ignore[arg-type]
    return trainer


def averaged(steps: int, decay: float) -> float:
    """The average by hand: the first update copies, the next keep min(decay, (1 + n) / (10 + n))."""
    value = 1.0
    for n in range(1, steps):
        kept = min(decay, (1 + n) / (10 + n))
        value = kept * value + (1 - kept) * (n + 1)
    return value


def test_decay_warms_up_to_its_value() -> None:
    assert ema_decay(0, 0.999) == pytest.approx(1 / 10)
    assert ema_decay(1, 0.999) == pytest.approx(2 / 11)
    assert ema_decay(90, 0.999) == pytest.approx(91 / 100)
    assert ema_decay(100_000, 0.999) == 0.999
    assert ema_decay(5, 0.0) == 0.0


@pytest.mark.parametrize("decay", [0.999, 0.5])
def test_the_average_follows_the_formula_and_is_what_a_run_ends_with(decay: float, tmp_path: Path) -> None:
    module = Counter()
    fit(module, tmp_path, 12, [WarmupEMA(decay)])
    assert module.weight.item() == pytest.approx(averaged(12, decay), rel=1e-6)


def test_validation_sees_the_average_and_training_goes_on_with_its_own_weights(tmp_path: Path) -> None:
    module, before, after = Counter(), AtValidationEnd(), AtValidationEnd()
    fit(module, tmp_path, 12, [before, WarmupEMA(), after])
    expected = pytest.approx(averaged(12, 0.999), rel=1e-6)
    assert module.validated == [expected]
    assert before.seen == [expected]  # hence evaluating callbacks come first in configs/gf.yaml
    assert after.seen == [12.0]


def test_checkpoints_hold_both(tmp_path: Path) -> None:
    class Save(Callback):
        def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
            trainer.save_checkpoint(tmp_path / "both.ckpt")

    fit(Counter(), tmp_path, 12, [Save(), WarmupEMA()])
    content: dict[str, Any] = torch.load(tmp_path / "both.ckpt", weights_only=True)
    assert float(content["state_dict"]["weight"]) == pytest.approx(averaged(12, 0.999), rel=1e-6)
    assert float(content["current_model_state"]["weight"]) == 12.0


def test_buffers_that_never_change_do_not_drift(tmp_path: Path) -> None:
    module = Counter()
    before = module.frequencies.clone()
    fit(module, tmp_path, 300, [WarmupEMA()])
    assert torch.equal(module.frequencies, before)


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_a_decay_that_is_none_is_refused(decay: float) -> None:
    with pytest.raises(ValueError, match=rf"EMA decay is {decay}, allowed is 0 up to, not including, 1"):
        WarmupEMA(decay)


def test_resuming_with_another_decay_is_refused() -> None:
    state = WarmupEMA(decay=0.99).state_dict()
    with pytest.raises(ValueError, match=r"averaged with decay 0.99, the configuration says 0.9;"):
        WarmupEMA(decay=0.9).load_state_dict(state)
    WarmupEMA(decay=0.99).load_state_dict(state)
