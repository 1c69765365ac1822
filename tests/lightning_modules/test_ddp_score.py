"""The primitive trained by two processes: one field learnt from what both draw, each from its own stream."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.learning import EVALUATION, command, few_callbacks, run
from tests.lightning_modules.test_resume import assert_same, checkpoint
from tests.ranks import AVERAGE, every_epoch, run_ranks, witness, witnessed

SHAPE = ("--trainer.max_epochs=2", "--data.init_args.batches_per_epoch=2")
"""Two epochs of two steps."""


def fit(tiny_path: Path, root: Path, *callbacks: str, more: tuple[str, ...] = ()) -> Any:
    watched = witness(root.parent / f"{root.name}_seen")
    chosen = every_epoch(root.parent / f"{root.name}.yaml", watched, *callbacks, AVERAGE)
    return run_ranks(command("fit", tiny_path, root, chosen, *SHAPE, *more))


@pytest.fixture(scope="module")
def left_alone(tiny_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Root folder of a run of two processes that measures, too."""
    root = tmp_path_factory.mktemp("two_ranks") / "run"
    ended = fit(tiny_path, root, EVALUATION)
    assert ended.returncode == 0, ended.stderr
    return root


def seen(root: Path) -> list[dict[str, Any]]:
    return witnessed(root.parent / f"{root.name}_seen")


def test_ranks_learn_the_same_from_data_and_noise_of_their_own(left_alone: Path) -> None:
    first, second = seen(left_alone)
    assert len(first["steps"]) == len(second["steps"]) == 4
    for one, other in zip(first["steps"], second["steps"], strict=True):
        assert not torch.equal(one["data"], other["data"])
        assert not torch.equal(one["noise"], other["noise"])
    for field in ("weights", "optimizer", "average", "metrics"):
        assert_same(first[field], second[field], field)
    assert any(not torch.equal(value, first["weights"][name[7:]]) for name, value in first["average"][0].items()
               if name.startswith("module.network"))  # fmt: skip


def test_two_ranks_learn_from_both(left_alone: Path, tiny_path: Path, tmp_path: Path) -> None:
    run(command("fit", tiny_path, tmp_path, few_callbacks(tmp_path / "few.yaml"), *SHAPE))
    alone, together = checkpoint(tmp_path)["current_model_state"], checkpoint(left_alone)["current_model_state"]
    assert any(not torch.equal(value, together[name]) for name, value in alone.items())


def test_one_rank_writes(left_alone: Path) -> None:
    files = sorted(str(path.relative_to(left_alone)) for path in left_alone.rglob("*") if path.is_file())
    assert [name for name in files if "tfevents" not in name] == [
        "checkpoints/epoch=0.ckpt", "checkpoints/epoch=1.ckpt", "checkpoints/last.ckpt",
        "fit.lock", "tensorboard/version_0/config.yaml", "tensorboard/version_0/hparams.yaml",
    ]  # fmt: skip
    assert sum("tfevents" in name for name in files) == 1


def test_a_resumed_run_goes_on_where_each_rank_stood(left_alone: Path, tiny_path: Path, tmp_path: Path) -> None:
    root, first_epoch = tmp_path / "resumed", left_alone / "checkpoints" / "epoch=0.ckpt"
    resumed = fit(tiny_path, root, more=(f"--ckpt_path={first_epoch}",))
    assert resumed.returncode == 0, resumed.stderr
    for rank, (now, uninterrupted) in enumerate(zip(seen(root), seen(left_alone), strict=True)):
        assert_same(now["steps"], uninterrupted["steps"][2:], f"rank {rank}")
        for field in ("weights", "optimizer", "average"):
            assert_same(now[field], uninterrupted[field], f"rank {rank}.{field}")


def test_another_number_of_processes_is_refused(
    left_alone: Path, tiny_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    last = left_alone / "checkpoints" / "last.ckpt"
    with pytest.raises(SystemExit):
        run(command("fit", tiny_path, tmp_path, few_callbacks(tmp_path / "few.yaml"), *SHAPE, f"--ckpt_path={last}"))
    error = " ".join(capsys.readouterr().err.split())
    assert "last.ckpt was made by 2 processes (trainer.devices times trainer.num_nodes), this run has 1; use" in error
