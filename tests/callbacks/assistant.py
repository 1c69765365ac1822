"""A module and a data module that train nothing, for tests of what is measured."""

from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import nn

from datamodules.baselines.scripts import FixedStepClose, oracle
from datamodules.rollouts.module import RolloutDataModule
from datamodules.rollouts.policy import FingerPolicy
from envs.conventions import CONTROL_DT
from envs.hand.shadow import shadow_hand
from lightning_modules.policy.trigger import Trigger

HAND = shadow_hand()


class Assistant(LightningModule):
    """A module that learns nothing; its policy is the oracle, its primitive an open hand."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def policy(self) -> FingerPolicy:
        return oracle()

    has_primitive = True

    def primitive_policy(self, start_step: int = 0) -> FingerPolicy:
        return FixedStepClose(HAND, HAND.open_pose.copy(), start_step)

    def triggered_policy(self, trigger: Trigger, period_s: float = CONTROL_DT) -> FingerPolicy:
        return self.primitive_policy()

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        return self.weight

    def validation_step(self, batch: Any, batch_idx: int) -> None: ...

    def test_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None: ...

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.0)


class Data(RolloutDataModule):
    """Trains on an empty batch: no worlds are built."""

    def setup(self, stage: str) -> None: ...

    def train_dataloader(self) -> Any:
        return self.val_dataloader()
