"""A run of the residual policy that is stopped or killed and resumed ends with the weights of one left alone."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.assisting import checkpoints_alone, policy_command, save_primitive
from tests.learning import ROOT, command, run
from tests.lightning_modules.stops import StoppedError
from tests.lightning_modules.test_resume import assert_same, checkpoint

pytestmark = pytest.mark.usefixtures("fast_objects")

TWO_EPOCHS = "--trainer.max_epochs=2"

IN_THE_SECOND_EPOCH = 3
"""Rollouts after which a run ends before its time; it would have four."""


def stop_after(name: str, batches: int = IN_THE_SECOND_EPOCH) -> str:
    return f"    - class_path: tests.lightning_modules.stops.{name}\n      init_args: {{batches: {batches}}}\n"


@pytest.fixture(scope="module")
def left_alone(tiny_path: Path, primitive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two epochs of two rollouts."""
    root = tmp_path_factory.mktemp("left_alone")
    run(policy_command("fit", tiny_path, primitive, root, checkpoints_alone(root / "few.yaml"), TWO_EPOCHS))
    content = checkpoint(root)
    assert rollouts(root) == 4
    assert content["epoch"] == 1
    assert content["state_dict"]["updates"] == 4
    return root


def rollouts(root: Path) -> int:
    """Rollouts that the last checkpoint knows of."""
    return int(checkpoint(root)["RolloutDataModule"]["num_rollouts"])


def assert_same_training(first: Path, second: Path) -> None:
    """Weights, optimiser and where episodes and exploration stand."""
    one, other = checkpoint(first), checkpoint(second)
    for field in ("state_dict", "optimizer_states", "RolloutDataModule", "epoch", "global_step"):
        assert_same(one[field], other[field], field)


def refusal(args: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit):
        run(args)
    return " ".join(capsys.readouterr().err.split())


def test_a_run_in_two_parts_ends_like_one_in_one(
    left_alone: Path, tiny_path: Path, primitive: Path, tmp_path: Path
) -> None:
    root, few = tmp_path / "parts", checkpoints_alone(tmp_path / "few.yaml")
    run(policy_command("fit", tiny_path, primitive, root, few))
    assert rollouts(root) == 2
    run(policy_command("fit", tiny_path, primitive, root, few, TWO_EPOCHS, "--ckpt_path=last"))
    assert_same_training(root, left_alone)


def test_a_stopped_run_goes_on_where_it_stood(
    left_alone: Path, tiny_path: Path, primitive: Path, tmp_path: Path
) -> None:
    root = tmp_path / "stopped"
    stopping = checkpoints_alone(tmp_path / "stop.yaml", stop_after("StopAfter"))
    with pytest.raises(StoppedError, match=f"after batch {IN_THE_SECOND_EPOCH}"):
        run(policy_command("fit", tiny_path, primitive, root, stopping, TWO_EPOCHS))
    assert rollouts(root) == 2
    few = checkpoints_alone(tmp_path / "few.yaml")
    run(policy_command("fit", tiny_path, primitive, root, few, TWO_EPOCHS, "--ckpt_path=last"))
    assert_same_training(root, left_alone)


def test_a_killed_run_goes_on_where_it_stood(
    left_alone: Path, tiny_path: Path, primitive: Path, tmp_path: Path
) -> None:
    root = tmp_path / "killed"
    killing = checkpoints_alone(tmp_path / "kill.yaml", stop_after("KillAfter"))
    killed = subprocess.run(
        [
            sys.executable, "-m", "lightning_modules.cli",
            *policy_command("fit", tiny_path, primitive, root, killing, TWO_EPOCHS),
        ],
        cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert rollouts(root) == 2
    few = checkpoints_alone(tmp_path / "few.yaml")
    run(policy_command("fit", tiny_path, primitive, root, few, TWO_EPOCHS, "--ckpt_path=last"))
    assert_same_training(root, left_alone)


def test_a_run_that_ends_twice_within_an_epoch_goes_on_in_its_middle(
    tiny_path: Path, primitive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.setattr("callbacks.training.checkpoints.WITHIN_EPOCH_S", 0.0)
    longer = (TWO_EPOCHS, "--data.init_args.rollouts_per_epoch=4")
    few = checkpoints_alone(tmp_path / "few.yaml")
    run(policy_command("fit", tiny_path, primitive, tmp_path / "alone", few, *longer))

    root, more = tmp_path / "stopped", list(longer)
    for batches, written in ((6, 5), (2, 6)):  # where it stops, that batch is not written yet
        stopping = checkpoints_alone(tmp_path / f"stop_{written}.yaml", stop_after("StopAfter", batches))
        with pytest.raises(StoppedError, match=f"after batch {batches}"):
            run(policy_command("fit", tiny_path, primitive, root, stopping, *more))
        assert (checkpoint(root)["epoch"], rollouts(root)) == (1, written)
        more = [*longer, "--ckpt_path=last"]
    run(policy_command("fit", tiny_path, primitive, root, few, *more))
    assert_same_training(root, tmp_path / "alone")
    assert not any("dataloader is not resumable" in str(each.message) for each in recwarn)


MEASURING = (
    "    - class_path: callbacks.assist.evaluation.AssistEvaluation\n"
    "      init_args: {num_validation_episodes: 2}\n"
    "    - class_path: callbacks.assist.measures.AssistMeasures\n"
)


def test_measuring_does_not_change_what_is_learnt(
    left_alone: Path, tiny_path: Path, primitive: Path, tmp_path: Path
) -> None:
    measuring = checkpoints_alone(tmp_path / "measuring.yaml", MEASURING)
    run(policy_command("fit", tiny_path, primitive, tmp_path, measuring, TWO_EPOCHS))
    assert_same_training(tmp_path, left_alone)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--model.init_args.learning_rate=0.5", r"made with model\.learning_rate = 0\.\d+, .* says 0\.5"),
        ("--model.init_args.minibatch_size=7", r"made with model\.minibatch_size = 32, the configuration says 7"),
        ("--model.init_args.critic_groups=[]", r"made with model\.critic_groups\[0\] = 'object_pose', .* says None"),
        (
            "--model.init_args.exploration=lightning_modules.ppo.exploration.IndependentNoise",
            r"model\.exploration\.class_path = '.*StructuredNoise', the configuration says '.*IndependentNoise'",
        ),
        ("--data.init_args.num_worlds=3", r"made with data\.num_worlds = 2, the configuration says 3"),
        ("--data.init_args.seed=3", r"made with data\.seed = 0, the configuration says 3"),
        ("--trainer.precision=bf16-mixed", r"made with trainer\.precision = '32-true', the .* says 'bf16-mixed'"),
    ],
)
def test_resuming_with_changed_settings_is_refused(
    option: str, message: str, left_alone: Path, tiny_path: Path, primitive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = checkpoints_alone(left_alone / "few.yaml")
    error = refusal(policy_command("fit", tiny_path, primitive, left_alone, few, "--ckpt_path=last", option), capsys)
    assert re.search(message, error), error
    assert "use the checkpoint's configuration, or train anew without --ckpt_path" in error


@pytest.mark.parametrize(
    "option",
    [
        "--model.init_args.composition=lightning_modules.composition.Direct",
        "--model.init_args.hidden_widths=[8]",
        "--model.init_args.follower.init_args.far=0.9",
        "--model.init_args.bottleneck=null",
    ],
)
def test_a_checkpoint_of_another_policy_is_not_tested(
    option: str, left_alone: Path, tiny_path: Path, primitive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = checkpoints_alone(left_alone / "few.yaml")
    error = refusal(policy_command("test", tiny_path, primitive, left_alone, few, "--ckpt_path=last", option), capsys)
    name = option.removeprefix("--model.init_args.").split("=")[0].split(".")[0]
    assert re.search(rf"last\.ckpt was made with model\.{name}", error), error


def test_what_decided_the_training_may_differ_in_a_test(
    left_alone: Path, tiny_path: Path, primitive: Path, tmp_path: Path
) -> None:
    # the same primitive in another place, too
    moved = tmp_path / "elsewhere.ckpt"
    moved.write_bytes(primitive.read_bytes())
    last = left_alone / "checkpoints" / "last.ckpt"
    run(
        policy_command(
            "test", tiny_path, moved, tmp_path, checkpoints_alone(tmp_path / "few.yaml"), f"--ckpt_path={last}",
            "--model.init_args.learning_rate=0.1", "--model.init_args.epochs=9", "--model.init_args.seed=4",
            "--data.init_args.num_worlds=1", "--data.init_args.seed=5", "--trainer.precision=bf16-mixed",
        )
    )  # fmt: skip


@pytest.mark.parametrize("subcommand", ["fit", "test"])
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"width": 24},
            r"last\.ckpt holds a policy on a primitive of another architecture than .*other\.ckpt: network\.\S+ is "
            r"\(16, 18\) there and \(24, 18\) here; give the primitive that the policy was trained with",
        ),
        ({"seed": 4}, r"last\.ckpt holds a policy on another primitive than .*other\.ckpt: \S+ has other values"),
    ],
)
def test_another_primitive_is_refused(
    subcommand: str,
    settings: dict[str, int],
    message: str,
    left_alone: Path,
    tiny_path: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = save_primitive(tmp_path / "other.ckpt", **settings)  # type: ignore[arg-type]
    few = checkpoints_alone(left_alone / "few.yaml")
    error = refusal(policy_command(subcommand, tiny_path, other, left_alone, few, "--ckpt_path=last"), capsys)
    assert re.search(message, error), error


def test_a_checkpoint_of_the_other_kind_is_named(
    left_alone: Path, tiny_run: Path, tiny_path: Path, primitive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    field, policy = (root / "checkpoints" / "last.ckpt" for root in (tiny_run, left_alone))
    few = checkpoints_alone(left_alone / "few.yaml")
    error = refusal(policy_command("test", tiny_path, primitive, left_alone, few, f"--ckpt_path={field}"), capsys)
    assert re.search(r"made with model\.class_path = '.*ScoreMatchingModule', .* says '.*ResidualPPO", error), error
    error = refusal(command("test", tiny_path, tiny_run, f"--ckpt_path={policy}"), capsys)
    assert re.search(r"made with model\.class_path = '.*ResidualPPOModule', .* says '.*ScoreMatching", error), error


def test_checkpoints_are_plain_and_know_their_settings(left_alone: Path) -> None:
    content = torch.load(left_alone / "checkpoints" / "last.ckpt", weights_only=True)
    assert content["hyper_parameters"]["_class_path"].endswith(".ResidualPPOModule")
    assert content["datamodule_hyper_parameters"]["num_worlds"] == 2
    assert content["callbacks"]["TrainingSettings"]["precision"] == "32-true"


def test_episodes_may_have_another_seed_than_the_network(tiny_path: Path, primitive: Path, tmp_path: Path) -> None:
    few = checkpoints_alone(tmp_path / "few.yaml")
    more = ("--data.init_args.seed=5", "--data.init_args.rollouts_per_epoch=1")
    run(policy_command("fit", tiny_path, primitive, tmp_path, few, *more))
    content = checkpoint(tmp_path)
    assert content["hyper_parameters"]["seed"] == 0
    assert content["datamodule_hyper_parameters"]["seed"] == 5
