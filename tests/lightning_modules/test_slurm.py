"""Lightning leaves it to the job's script to queue it again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lightning.fabric.plugins.environments import LightningEnvironment, SLURMEnvironment
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import DDPStrategy

from lightning_modules.checkpoints import AtomicCheckpointIO
from lightning_modules.slurm import unchecked_checkpoints, was_queued_again, without_requeue

VARIABLES = {"NTASKS": 1, "JOB_ID": 7, "PROCID": 0, "LOCALID": 0, "NODEID": 0, "JOB_NAME": "fit"}


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables of a job of one task."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(f"SLURM_{name}", str(value))


@pytest.mark.parametrize("plugins", [None, AtomicCheckpointIO(), [AtomicCheckpointIO()]], ids=["none", "one", "list"])
def test_a_trainer_queues_nothing_again(job: None, plugins: Any, tmp_path: Path) -> None:
    made = without_requeue({"plugins": plugins})["plugins"]
    assert made[:-1] == ([] if plugins is None else plugins if isinstance(plugins, list) else [plugins])
    trainer = Trainer(accelerator="cpu", devices=1, plugins=made, default_root_dir=tmp_path, logger=False)
    environment = trainer._accelerator_connector.cluster_environment
    assert isinstance(environment, SLURMEnvironment)
    assert not environment.auto_requeue


@pytest.mark.parametrize(
    "given",
    [
        lambda: {"plugins": [SLURMEnvironment(auto_requeue=True)]},
        lambda: {"plugins": LightningEnvironment()},
        lambda: {"strategy": DDPStrategy(cluster_environment=LightningEnvironment())},
    ],
)
def test_an_environment_that_was_chosen_stays(job: None, given: Callable[[], dict[str, Any]]) -> None:
    assert without_requeue(given()) == {}


def test_nothing_changes_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_NTASKS", raising=False)
    (tmp_path / "hpc_ckpt_1.ckpt").touch()
    assert without_requeue({"plugins": None}) == {}
    assert unchecked_checkpoints(tmp_path) == []


def test_the_checkpoint_that_lightning_would_take_comes_last(job: None, tmp_path: Path) -> None:
    for number in (10, 2, 9):
        (tmp_path / f"hpc_ckpt_{number}.ckpt").touch()
    assert [path.name for path in unchecked_checkpoints(tmp_path)][-1] == "hpc_ckpt_10.ckpt"


@pytest.mark.parametrize(("count", "is_again"), [(None, False), ("", False), ("0", False), ("1", True), ("12", True)])
def test_a_job_is_told_from_one_that_was_queued_again(
    count: str | None, is_again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLURM_RESTART_COUNT", raising=False)
    if count is not None:
        monkeypatch.setenv("SLURM_RESTART_COUNT", count)
    assert was_queued_again() == is_again
