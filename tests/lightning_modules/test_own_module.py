"""A module of somebody else's needs a method policy() and nothing more to be trained, tested and gone on with."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule
from torch import Tensor
from torch.optim import SGD, Optimizer

from datamodules.baselines.scripts import FixedStepClose
from datamodules.rollouts.policy import FingerPolicy
from envs.hand.shadow import shadow_hand
from tests.learning import few_callbacks, run

pytestmark = pytest.mark.usefixtures("fast_objects")


class Own(LightningModule):
    """One weight that goes to 0, and a script; neither ``training_only`` nor another name of this project's.

    Args:
        rate: of the descent.
    """

    def __init__(self, rate: float = 0.1) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.rate = rate
        self.weight = torch.nn.Parameter(torch.ones(()))

    def policy(self) -> FingerPolicy:
        hand = shadow_hand()
        return FixedStepClose(hand, hand.open_pose.copy(), 3)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        return self.weight.square()

    def test_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        self.log("weight", self.weight)

    def configure_optimizers(self) -> Optimizer:
        return SGD(self.parameters(), lr=self.rate)


class WithoutSettings(Own):
    """The same, with nothing to be set."""

    def __init__(self) -> None:
        super(Own, self).__init__()
        self.save_hyperparameters()
        self.rate = 0.1
        self.weight = torch.nn.Parameter(torch.ones(()))


def own_command(subcommand: str, kind: type, tiny_path: Path, root: Path, *more: str) -> list[str]:
    """A command line of the module on tiny grasps, from a configuration of its own."""
    config = root.parent / f"{root.name}.yaml"
    config.write_text(
        f"model: {{class_path: {kind.__module__}.{kind.__qualname__}}}\n"
        "data:\n  class_path: datamodules.grasps.module.GraspDataModule\n"
        f"  init_args: {{path: {tiny_path}, split_file: small, batch_size: 4, batches_per_epoch: 2}}\n"
        "trainer: {accelerator: cpu, devices: 1, logger: false, use_distributed_sampler: false, "
        "limit_test_batches: 1, enable_progress_bar: false, enable_model_summary: false}\n"
    )
    few = few_callbacks(root.parent / f"{root.name}_few.yaml")
    return [subcommand, f"--config={config}", few, f"--trainer.default_root_dir={root}", *more]


@pytest.mark.parametrize("kind", [Own, WithoutSettings])
def test_a_module_without_names_of_this_project_is_trained_gone_on_with_and_tested(
    kind: type, tiny_path: Path, tmp_path: Path
) -> None:
    root = tmp_path / "run"
    run(own_command("fit", kind, tiny_path, root, "--trainer.max_epochs=1"))
    run(own_command("fit", kind, tiny_path, root, "--trainer.max_epochs=2", "--ckpt_path=last"))
    run(own_command("test", kind, tiny_path, root, "--ckpt_path=last"))
    content = torch.load(root / "checkpoints" / "last.ckpt", weights_only=True)
    assert content["global_step"] == 4  # two epochs of two batches


@pytest.mark.parametrize("subcommand", ["fit", "test"])
def test_any_of_its_settings_has_to_be_that_of_the_checkpoint(
    subcommand: str, tiny_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "run"
    run(own_command("fit", Own, tiny_path, root, "--trainer.max_epochs=1"))
    with pytest.raises(SystemExit):
        run(own_command(subcommand, Own, tiny_path, root, "--ckpt_path=last", "--model.init_args.rate=0.2"))
    assert "was made with model.rate = 0.1, the configuration says 0.2" in " ".join(capsys.readouterr().err.split())
