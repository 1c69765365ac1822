"""A controller of the fingers that learns elsewhere, or not at all, under the ``test`` of the command line."""

from typing import Any

from lightning.pytorch import LightningModule

from datamodules.rollouts.policy import FingerPolicy


class GivenPolicy(LightningModule):
    """Any `FingerPolicy`, named in a config: it is measured as ``ours`` (docs/own_method.md).

    Args:
        controller: what moves the fingers.
    """

    has_weights = False
    """Nothing is missing where it is tested without a checkpoint."""

    def __init__(self, controller: FingerPolicy) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        self._controller = controller

    def policy(self) -> FingerPolicy:
        """The controller."""
        return self._controller

    def test_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Episodes are run by callbacks.assist.evaluation; the loader only marks the turn."""
