"""Filmstrips of some failures and successes of the learnt policy."""

import logging
from pathlib import Path

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from callbacks.assist.episode_pictures import PicturedEpisodes
from callbacks.assist.evaluation import evaluation_of
from callbacks.assist.report import OURS
from callbacks.assist.runs import SplitRuns
from callbacks.training.turns import boards_in_turn
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
        boards = boards_in_turn(trainer, self.every_n_epochs)
        for split, run in (evaluation_of(trainer).validated(trainer, pl_module) or {}).items() if boards else ():
            sheet = self.draw(run)
            for board in boards if sheet is not None else ():
                board.add_image(f"episodes/{split}", sheet, trainer.global_step, dataformats="HWC")

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Sheets as PNG files."""
        folder = Path(trainer.default_root_dir) / "pictures"
        for split, run in (evaluation_of(trainer).tested(trainer, pl_module) or {}).items():
            sheet = self.draw(run) if OURS in run.outcomes else None
            if sheet is not None:
                _LOG.info("wrote %s", save_png(folder / f"episodes_{split}.png", sheet))

    def draw(self, run: SplitRuns) -> Image | None:
        """The sheet (H, W, 3) uint8 of one split; None where no episode is to be shown."""
        episodes = run.pictured()
        names = run.targets.hand.type_names
        kinds = [names[index] for index in run.targets.type_index[episodes.grasp_row]]
        outcome = run.outcomes[OURS][0]
        pictured = PicturedEpisodes(
            episodes.hand, episodes.grasp_objects, kinds, outcome.cause, CAUSES, run.frames, outcome.is_grasp
        )
        return pictured.sheet(
            self.num_successes,
            self.num_failures,
            self.size,
            note=lambda row: f"; wrist at rest from step {episodes.arrival_step[row]}",
        )
