"""When evaluations have their turn."""

from types import SimpleNamespace
from typing import Any

import pytest
from lightning.pytorch.trainer.states import TrainerFn

from callbacks.training.turns import boards_in_turn, is_turn


def trainer(epoch: int, fn: TrainerFn = TrainerFn.FITTING, **options: Any) -> Any:
    defaults = {"sanity_checking": False, "is_global_zero": True, "loggers": []}
    return SimpleNamespace(current_epoch=epoch, state=SimpleNamespace(fn=fn), **(defaults | options))


def test_fit_measures_every_few_epochs() -> None:
    assert [epoch for epoch in range(6) if is_turn(trainer(epoch), 2)] == [1, 3, 5]
    assert not any(is_turn(trainer(epoch), 0) for epoch in range(6))


def test_other_stages_always_measure_and_draw_nothing() -> None:
    assert is_turn(trainer(0, TrainerFn.VALIDATING), 0)
    assert boards_in_turn(trainer(0, TrainerFn.VALIDATING), 1) == []


@pytest.mark.parametrize("options", [{"sanity_checking": True}, {"is_global_zero": False}])
def test_one_process_alone_measures_and_not_before_training(options: dict[str, bool]) -> None:
    assert not is_turn(trainer(0, **options), 1)
