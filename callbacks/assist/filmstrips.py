"""Filmstrips of some failures and successes of the learnt policy."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.trainer.states import TrainerFn

from callbacks.assist.episode_pictures import episode_filmstrip, family_rates, filmstrip_sheet, pick_episodes
from callbacks.assist.evaluation import evaluation_of
from callbacks.assist.report import OURS
from callbacks.assist.runs import SplitRuns
from envs.pictures.sheets import save_png
from envs.pictures.view import Image
from envs.task.outcomes import CAUSES

_LOG = logging.getLogger(__name__)


class AssistFilmstrips(Callback):
    """One sheet a split: failures of different causes in the worst families, then successes, from start to lift.

    During ``fit`` TensorBoard images ``episodes/<split>``, in ``test`` files ``<default_root_dir>/pictures/
    episodes_<split>.png``.

    Args:
        every_n_epochs: epochs between sheets in fit, among those with a validation; 0 leaves them out.
        num_failures: failures on a sheet; 6 show each cause that there is but broken physics.
        num_successes: successes on a sheet.
        size: edge of a single picture, pixels.

    Raises:
        ValueError: nothing to show, or pictures too small.
    """

    def __init__(
        self, every_n_epochs: int = 10, num_failures: int = 6, num_successes: int = 2, size: int = 180
    ) -> None:
        if min(num_failures, num_successes) < 0 or num_failures + num_successes < 1 or size < 16:
            raise ValueError(
                f"num_failures is {num_failures}, num_successes {num_successes} and size {size}; allowed are at least "
                "one episode and 16 pixels"
            )
        self.every_n_epochs = every_n_epochs
        self.num_failures = num_failures
        self.num_successes = num_successes
        self.size = size

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """In fit: sheets to TensorBoard, every few epochs."""
        due = self.every_n_epochs and (trainer.current_epoch + 1) % self.every_n_epochs == 0
        boards = _boards(trainer)
        if not (due and boards and trainer.state.fn == TrainerFn.FITTING):
            return
        for split, run in (evaluation_of(trainer).validated(trainer, pl_module) or {}).items():
            sheet = self.draw(run)
            for board in boards:
                board.add_image(f"episodes/{split}", sheet, trainer.global_step, dataformats="HWC")

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Sheets as PNG files."""
        folder = Path(trainer.default_root_dir) / "pictures"
        for split, run in (evaluation_of(trainer).tested(trainer, pl_module) or {}).items():
            if OURS not in run.outcomes:
                continue
            path = save_png(folder / f"episodes_{split}.png", self.draw(run))
            _LOG.info("wrote %s", path)

    def draw(self, run: SplitRuns) -> Image:
        """The sheet (H, W, 3) uint8 of one split."""
        episodes, outcome = run.pictured(), run.outcomes[OURS][0]
        families = np.array([thing.family for thing in episodes.things])
        rates = family_rates(outcome.is_success, families)
        strips = []
        for row in pick_episodes(outcome.cause, families, self.num_successes, self.num_failures):
            thing, targets = episodes.things[row], run.targets
            kind = targets.hand.type_names[targets.type_index[episodes.grasp_row[row]]]
            cause = CAUSES[outcome.cause[row]].replace("_", " ")
            heading = (
                f"{thing.name} ({thing.family}: {100.0 * rates[thing.family]:.0f} %), {kind}: {cause}; wrist at rest "
                f"from step {episodes.arrival_step[row]}"
            )
            strips.append(
                episode_filmstrip(
                    episodes.hand,
                    thing,
                    run.frames,
                    row,
                    size=self.size,
                    heading=heading,
                    last="lifted" if outcome.is_success[row] else "after the lift",
                )
            )
        return filmstrip_sheet(strips)


def _boards(trainer: Trainer) -> list[Any]:
    """TensorBoard writers."""
    return [logger.experiment for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]
