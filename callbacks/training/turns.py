"""When callbacks of an evaluation have their turn, and where their pictures go during fit."""

from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.trainer.states import TrainerFn


def is_turn(trainer: Trainer, every_n_epochs: int) -> bool:
    """Whether this validation is to be measured: in fit every few epochs (0: never), else always; by one process."""
    if trainer.sanity_checking or not trainer.is_global_zero:
        return False
    due = bool(every_n_epochs) and (trainer.current_epoch + 1) % every_n_epochs == 0
    return due or trainer.state.fn != TrainerFn.FITTING


def boards_in_turn(trainer: Trainer, every_n_epochs: int) -> list[Any]:
    """TensorBoard writers that get pictures of this epoch of fit."""
    if trainer.state.fn != TrainerFn.FITTING or not is_turn(trainer, every_n_epochs):
        return []
    return [logger.experiment for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]
