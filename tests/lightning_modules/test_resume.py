"""A run that is stopped or killed and resumed ends with the weights of one left alone, bit for bit."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.learning import EVALUATION, ROOT, command, few_callbacks, run
from tests.lightning_modules.stops import StoppedError

pytestmark = pytest.mark.usefixtures("fast_objects")

SHAPE = ("--trainer.max_epochs=3", "--data.init_args.batches_per_epoch=3")
"""Three epochs of three steps; step 5 lies in the middle of the second."""


def stop_at(step: int, name: str = "StopAt") -> str:
    return f"    - class_path: tests.lightning_modules.stops.{name}\n      init_args: {{step: {step}}}\n"


def checkpoint(root: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(root / "checkpoints" / "last.ckpt", weights_only=True)
    return content


def assert_same(first: Any, second: Any, where: str = "checkpoint") -> None:
    """Equal containers with bitwise equal tensors."""
    assert type(first) is type(second), where
    if isinstance(first, dict):
        assert first.keys() == second.keys(), where
        for key in first:
            assert_same(first[key], second[key], f"{where}.{key}")
    elif isinstance(first, list | tuple):
        assert len(first) == len(second), where
        for index, (one, other) in enumerate(zip(first, second, strict=True)):
            assert_same(one, other, f"{where}[{index}]")
    elif isinstance(first, torch.Tensor):
        assert torch.equal(first, second), where
    else:
        assert first == second, where


def assert_same_training(first: Path, second: Path) -> None:
    """Averaged and trained weights, the state of the average, of the optimiser and of its schedule."""
    one, other = checkpoint(first), checkpoint(second)
    for field in (
        "state_dict", "current_model_state", "averaging_state", "optimizer_states", "lr_schedulers", "epoch",
        "global_step",
    ):  # fmt: skip
        assert_same(one[field], other[field], field)


@pytest.fixture(scope="module")
def left_alone(tiny_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("left_alone")
    run(command("fit", tiny_path, root, few_callbacks(root / "few.yaml"), *SHAPE))
    content = checkpoint(root)
    assert (content["global_step"], content["epoch"]) == (9, 2)
    # the average is not simply the weights: the comparisons mean something
    trained = content["current_model_state"]
    assert any(not torch.equal(value, trained[name]) for name, value in content["state_dict"].items())
    return root


def test_a_stopped_run_goes_on_where_it_stood(left_alone: Path, tiny_path: Path, tmp_path: Path) -> None:
    root = tmp_path / "stopped"
    stopping = few_callbacks(tmp_path / "stop.yaml", stop_at(5))
    with pytest.raises(StoppedError, match=r"after step 5"):
        run(command("fit", tiny_path, root, stopping, *SHAPE))
    assert checkpoint(root)["global_step"] == 3
    run(command("fit", tiny_path, root, few_callbacks(tmp_path / "few.yaml"), *SHAPE, "--ckpt_path=last"))
    assert_same_training(root, left_alone)


def test_a_killed_run_goes_on_where_it_stood(left_alone: Path, tiny_path: Path, tmp_path: Path) -> None:
    root = tmp_path / "killed"
    args = command("fit", tiny_path, root, few_callbacks(tmp_path / "kill.yaml", stop_at(5, "KillAt")), *SHAPE)
    killed = subprocess.run(
        [sys.executable, "-m", "lightning_modules.cli", *args],
        cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert checkpoint(root)["global_step"] == 3
    last = root / "checkpoints" / "last.ckpt"
    run(command("fit", tiny_path, root, few_callbacks(tmp_path / "few.yaml"), *SHAPE, f"--ckpt_path={last}"))
    assert_same_training(root, left_alone)


def test_measuring_does_not_change_what_is_learnt(left_alone: Path, tiny_path: Path, tmp_path: Path) -> None:
    root = tmp_path / "measured"
    run(command("fit", tiny_path, root, few_callbacks(tmp_path / "measuring.yaml", EVALUATION), *SHAPE))
    one, other = checkpoint(root), checkpoint(left_alone)
    for field in ("state_dict", "current_model_state", "optimizer_states"):
        assert_same(one[field], other[field], field)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (
            "--model.init_args.learning_rate=0.5",
            r"made with model\.learning_rate = 0\.001, the configuration says 0\.5",
        ),
        ("--model.init_args.draws=3", r"made with model\.draws = 2, the configuration says 3"),
        ("--model.init_args.seed=1", r"made with model\.seed = 0, the configuration says 1"),
        ("--data.init_args.batch_size=5", r"made with data\.batch_size = 4, the configuration says 5"),
        ("--data.init_args.max_train_grasps=3", r"made with data\.max_train_grasps = 8, the configuration says 3"),
        (
            "--model.init_args.sde=lightning_modules.diffusion.sde.VESDE",
            r"made with model\.sde\.class_path = 'lightning_modules\.diffusion\.sde\.VPSDE', the configuration says",
        ),
        ("--trainer.precision=bf16-mixed", r"made with trainer\.precision = '32-true', the .* says 'bf16-mixed'"),
        ("--trainer.gradient_clip_val=0.3", r"made with trainer\.gradient_clip_val = 1\.0, the .* says 0\.3"),
        ("--trainer.accumulate_grad_batches=2", r"made with trainer\.accumulate_grad_batches = 1, the .* says 2"),
    ],
)
def test_resuming_with_changed_settings_is_refused(
    option: str, message: str, tiny_run: Path, tiny_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(command("fit", tiny_path, tiny_run, "--ckpt_path=last", option))
    error = " ".join(capsys.readouterr().err.split())
    assert re.search(message, error), error
    assert "use the checkpoint's configuration, or train anew without --ckpt_path" in error


@pytest.mark.parametrize(
    ("average", "message"),
    [
        ("", r"weight_averages\[0\]\.class_path = 'callbacks\.training\.ema\.WarmupEMA', the configuration says None"),
        (
            "    - class_path: callbacks.training.ema.WarmupEMA\n      init_args: {decay: 0.9}\n",
            r"weight_averages\[0\]\.decay = 0\.999, the configuration says 0\.9",
        ),
    ],
)
def test_resuming_with_another_average_is_refused(
    average: str, message: str, tiny_run: Path, tiny_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(
        f"trainer:\n  callbacks:\n    - class_path: callbacks.training.checkpoints.RunCheckpoint\n{average}"
    )
    with pytest.raises(SystemExit):
        run(command("fit", tiny_path, tiny_run, f"--config={other}", "--ckpt_path=last"))
    error = " ".join(capsys.readouterr().err.split())
    assert re.search(rf"made with trainer\.{message}", error), error


def test_checkpoints_of_before_trainer_settings_were_kept_still_resume(
    tiny_run: Path, tiny_path: Path, tmp_path: Path
) -> None:
    content = checkpoint(tiny_run)
    del content["callbacks"]["TrainingSettings"]
    torch.save(content, tmp_path / "old.ckpt")
    few = few_callbacks(tmp_path / "few.yaml")
    run(command("fit", tiny_path, tmp_path, few, "--trainer.max_epochs=2", f"--ckpt_path={tmp_path / 'old.ckpt'}"))


def test_a_finished_run_may_be_given_more_epochs(tiny_run: Path, tiny_path: Path, tmp_path: Path) -> None:
    last = tiny_run / "checkpoints" / "last.ckpt"
    root, few = tmp_path / "longer", few_callbacks(tmp_path / "few.yaml")
    run(command("fit", tiny_path, root, few, "--trainer.max_epochs=3", f"--ckpt_path={last}"))
    assert checkpoint(tiny_run)["global_step"] == 4
    assert checkpoint(root)["global_step"] == 6
