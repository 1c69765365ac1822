"""The residual policy trained by two processes: one policy, episodes and exploration of each rank's own."""

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from lightning_modules.residual_ppo_module import ResidualPPOModule
from tests.assisting import RESIDUAL, policy_command
from tests.learning import ROOT, run
from tests.lightning_modules.test_policy_resume import MEASURING
from tests.lightning_modules.test_resume import assert_same
from tests.ranks import TWO_CARDS, TWO_RANKS, every_epoch, run_ranks, witness, witnessed

TWO_EPOCHS = "--trainer.max_epochs=2"
"""Of two rollouts each; the first of all is imitation (configs/smoke/residual_ppo.yaml)."""

TWO_PROCESSES = ROOT / "configs" / "two_processes.yaml"

Paths = tuple[Path, Path]
"""Grasp set and primitive."""


def fit(
    paths: Paths, root: Path, *callbacks: str, more: tuple[str, ...] = (), ranks: tuple[str, ...] = TWO_RANKS
) -> Any:
    watched = witness(root.parent / f"{root.name}_seen")
    chosen = every_epoch(root.parent / f"{root.name}.yaml", watched, *callbacks)
    line = policy_command("fit", *paths, root, chosen, TWO_EPOCHS, *more, overlays=(TWO_PROCESSES,))
    return run_ranks(line, ranks=ranks)


@pytest.fixture(scope="module")
def paths(tiny_path: Path, primitive: Path) -> Paths:
    return tiny_path, primitive


@pytest.fixture(scope="module")
def left_alone(paths: Paths, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Root folder of a run of two processes that measures, too."""
    root = tmp_path_factory.mktemp("two_ranks") / "run"
    ended = fit(paths, root, MEASURING)
    assert ended.returncode == 0, ended.stderr
    return root


def seen(root: Path) -> list[dict[str, Any]]:
    return witnessed(root.parent / f"{root.name}_seen")


def test_ranks_learn_the_same_from_episodes_and_noise_of_their_own(left_alone: Path) -> None:
    assert_learnt_the_same(left_alone)


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_two_cards_learn_the_same_from_episodes_and_noise_of_their_own(paths: Paths, tmp_path: Path) -> None:
    ended = fit(paths, tmp_path / "run", ranks=TWO_CARDS)
    assert ended.returncode == 0, ended.stderr
    assert_learnt_the_same(tmp_path / "run")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_cards_that_are_not_there_are_told_by_lightning(paths: Paths, tmp_path: Path) -> None:
    with pytest.raises(MisconfigurationException, match="No supported gpu backend found"):
        run(policy_command("fit", *paths, tmp_path, *TWO_CARDS, overlays=(TWO_PROCESSES,)))


def assert_learnt_the_same(root: Path) -> None:
    first, second = seen(root)
    assert len(first["steps"]) == len(second["steps"]) == 4
    for one, other in zip(first["steps"], second["steps"], strict=True):
        assert not torch.equal(one["data"], other["data"])
        assert not torch.equal(one["noise"], other["noise"])
        assert one["rates"] == other["rates"]
    # the buffers hold the normalisation of inputs
    for field in ("weights", "optimizer", "metrics"):
        assert_same(first[field], second[field], field)
    # 4 rollouts of 50 steps in 2 worlds of 2 processes
    assert first["weights"]["agent_steps"] == 800


def test_processes_together_have_the_worlds_and_minibatches_of_one() -> None:
    overlay, base = (yaml.safe_load(path.read_text()) for path in (TWO_PROCESSES, RESIDUAL))
    processes = overlay["trainer"]["devices"]
    assert processes * overlay["data"]["init_args"]["num_worlds"] == base["data"]["init_args"]["num_worlds"]
    of_one = inspect.signature(ResidualPPOModule).parameters["minibatch_size"].default
    assert "minibatch_size" not in base["model"]["init_args"]
    assert processes * overlay["model"]["init_args"]["minibatch_size"] == of_one


def test_one_rank_writes(left_alone: Path) -> None:
    files = [str(path.relative_to(left_alone)) for path in left_alone.rglob("*") if path.is_file()]
    assert sum("tfevents" in name for name in files) == 1
    saved = sorted(name for name in files if name.startswith("checkpoints/"))
    assert saved == ["checkpoints/epoch=0.ckpt", "checkpoints/epoch=1.ckpt", "checkpoints/last.ckpt"]


def test_a_run_that_ends_within_an_epoch_goes_on_where_each_rank_stood(
    left_alone: Path, paths: Paths, tmp_path: Path
) -> None:
    root = tmp_path / "run"
    one_epoch = ("--data.init_args.rollouts_per_epoch=4", "--trainer.max_epochs=1")
    writing, stopping = (
        f"    - class_path: tests.lightning_modules.stops.{name}\n"
        for name in ("WriteEveryBatch", "StopAfter\n      init_args: {batches: 3}")
    )
    stopped = fit(paths, root, writing, stopping, more=one_epoch)
    assert "StoppedError: after batch 3" in stopped.stderr
    assert torch.load(root / "checkpoints" / "last.ckpt")["RolloutDataModule"]["num_rollouts"] == 2
    resumed = fit(paths, root, more=(*one_epoch, "--ckpt_path=last"))
    assert resumed.returncode == 0, resumed.stderr
    for now, uninterrupted in zip(seen(root), seen(left_alone), strict=True):
        assert_same(now["steps"], uninterrupted["steps"][2:])
        for field in ("weights", "optimizer"):
            assert_same(now[field], uninterrupted[field], field)


def test_a_resumed_run_goes_on_where_each_rank_stood(left_alone: Path, paths: Paths, tmp_path: Path) -> None:
    root, first_epoch = tmp_path / "resumed", left_alone / "checkpoints" / "epoch=0.ckpt"
    resumed = fit(paths, root, more=(f"--ckpt_path={first_epoch}",))
    assert resumed.returncode == 0, resumed.stderr
    for rank, (now, uninterrupted) in enumerate(zip(seen(root), seen(left_alone), strict=True)):
        assert_same(now["steps"], uninterrupted["steps"][2:], f"rank {rank}")
        for field in ("weights", "optimizer"):
            assert_same(now[field], uninterrupted[field], f"rank {rank}.{field}")
