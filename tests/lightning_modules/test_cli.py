"""The command line: mistakes are named before anything runs, harmless noise is left out, a run keeps to its folder."""

import logging
import re
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from lightning_modules.cli import overlays_before_base, training_settings
from lightning_modules.export import export_checkpoint
from tests.learning import GF, ROOT, command, few_callbacks, run

pytestmark = pytest.mark.usefixtures("fast_objects")

CLASS = "lightning_modules.score_module.ScoreMatchingModule"


def refusal(args: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What the command says when it ends without having run; line breaks are those of the terminal's width."""
    with pytest.raises(SystemExit) as ended:
        run(args)
    assert ended.value.code not in (0, None)
    return " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("option", "named"),
    [
        ("--model.init_args.hidden_widht=3", "hidden_widht"),
        ("--model.init_args.encoder.init_args.levls=3", "levls"),
        ("--data.init_args.batchsize=3", "batchsize"),
        ("--trainer.max_epoch=3", "max_epoch"),
        ("--modle.init_args.draws=3", "modle"),
    ],
)
def test_a_misspelt_option_is_named(
    option: str, named: str, tiny_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert named in refusal(command("fit", tiny_path, tmp_path, option), capsys)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("model:\n  init_args:\n    hidden_widht: 3\n", "hidden_widht"),
        ("data:\n  init_args:\n    batchsize: 3\n", "batchsize"),
        ("trainer:\n  max_epoch: 3\n", "max_epoch"),
        ("traner:\n  max_epochs: 3\n", "traner"),
        ("trainer:\n  callbacks:\n    - class_path: callbacks.training.ema.WarmupEma\n", "WarmupEma"),
        ("model:\n  init_args:\n    sde:\n      class_path: lightning_modules.diffusion.sde.VPSDE\n"
         "      init_args: {beta_mx: 3.0}\n", "beta_mx"),
    ],
)  # fmt: skip
def test_a_misspelt_key_of_a_config_is_named(
    text: str, named: str, tiny_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wrong.yaml").write_text(text)
    assert named in refusal(command("fit", tiny_path, tmp_path, f"--config={tmp_path / 'wrong.yaml'}"), capsys)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty, expected fields by name"),
        ("- model\n", "holds a list, expected fields by name"),
        ("7\n", "holds 7, expected fields by name"),
        ("trainer: 5\n", ": trainer holds 5, expected fields by name"),  # all settings of the base would be lost
        ("trainer:\nseed_everything: 1\n", ": trainer is empty, expected fields by name"),
        ("trainer:\n  max_epochs: 3\n  max_epochs: 4\n", ": key 'max_epochs' stands in line 2 and again in line 3"),
        ("trainer: {max_epochs: many}\n", ": trainer.max_epochs: Expected"),
    ],
)  # fmt: skip
def test_a_wrong_config_is_named_with_what_it_holds(
    text: str, said: str, tiny_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(text)
    told = refusal(command("fit", tiny_path, tmp_path, f"--config={wrong}"), capsys)
    assert f"error: {wrong}{said if said.startswith(':') else ' ' + said}" in told


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--model.init_args.hidden_width=24", r"model\.hidden_width = 16, the configuration says 24"),
        (
            "--model.init_args.encoder=lightning_modules.networks.point_encoders.PointNetEncoder",
            r"model\.encoder\.class_path = '.*PointNet2Encoder', the configuration says '.*PointNetEncoder'",
        ),
        (
            "--model.init_args.joint_state=lightning_modules.diffusion.joint_state.SinCosJoints",
            r"model\.joint_state\.class_path = '.*JointVector', the configuration says '.*SinCosJoints'",
        ),
        (
            "--model.init_args.sde=lightning_modules.diffusion.sde.SubVPSDE",
            r"model\.sde\.class_path = '.*VPSDE', the configuration says '.*SubVPSDE'",
        ),
    ],
)
@pytest.mark.parametrize("subcommand", ["test", "validate"])
def test_a_checkpoint_of_another_network_is_refused(
    subcommand: str, option: str, message: str, tiny_run: Path, tiny_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = refusal(command(subcommand, tiny_path, tiny_run, option, "--ckpt_path=last"), capsys)
    assert re.search(rf"checkpoint .*last\.ckpt was made with {message}; use the checkpoint's configuration", error)


def test_evaluation_may_follow_the_field_in_another_way(
    tiny_run: Path, tiny_path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    last = tiny_run / "checkpoints" / "last.ckpt"
    run(
        command(
            "test", tiny_path, tmp_path, few_callbacks(tmp_path / "few.yaml"), f"--ckpt_path={last}",
            "--model.init_args.follower=lightning_modules.followers.FixedTimeScore",
            "--model.init_args.learning_rate=0.3",
            "--trainer.limit_test_batches=1",
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: root / "none.ckpt", r"none\.ckpt does not exist; train one with"),
        (lambda root: "last", r"checkpoints/last\.ckpt does not exist; train one with"),
        (lambda root: "best", r"ckpt_path is 'best', which the command line cannot resolve; give a file, or last"),
    ],
)
def test_a_checkpoint_that_is_not_there_is_named(
    make: Any, message: str, tiny_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = refusal(command("test", tiny_path, tmp_path, f"--ckpt_path={make(tmp_path)}"), capsys)
    assert re.search(message, error), error


def test_a_damaged_checkpoint_is_named(
    tiny_run: Path, tiny_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = (tiny_run / "checkpoints" / "last.ckpt").read_bytes()
    (tmp_path / "half.ckpt").write_bytes(content[: len(content) // 2])
    error = refusal(command("test", tiny_path, tmp_path, f"--ckpt_path={tmp_path / 'half.ckpt'}"), capsys)
    assert re.search(r"half\.ckpt cannot be read as plain tensors .*it is truncated or was not made by this", error)


def test_training_does_not_resume_from_an_exported_checkpoint(
    tiny_run: Path, tiny_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = export_checkpoint(tiny_run / "checkpoints" / "last.ckpt", tmp_path / "gf.ckpt")
    error = refusal(command("fit", tiny_path, tmp_path, f"--ckpt_path={small}"), capsys)
    assert re.search(r"gf\.ckpt has no field optimizer_states: it was exported and cannot be trained on; resume", error)


def test_training_anew_does_not_replace_a_run(
    tiny_run: Path, tiny_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    last = tiny_run / "checkpoints" / "last.ckpt"
    before = last.read_bytes()
    error = refusal(command("fit", tiny_path, tiny_run, few_callbacks(tmp_path / "few.yaml")), capsys)
    assert f"{tiny_run} holds a run, whose checkpoints training anew would replace; go on with it:" in error
    assert last.read_bytes() == before
    # a trial that writes nothing may be made there
    run(command("fit", tiny_path, tiny_run, few_callbacks(tmp_path / "few.yaml"), "--trainer.fast_dev_run=true"))
    assert last.read_bytes() == before


@pytest.fixture
def root(tiny_run: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, beside which lies what Lightning wrote at a signal once: no checkpoint at all."""
    root = tmp_path / "run"
    shutil.copytree(tiny_run, root)
    (root / "hpc_ckpt_1.ckpt").write_bytes(b"old")
    return root


def in_slurm(monkeypatch: pytest.MonkeyPatch, restarts: int | None = None) -> None:
    """The variables of a job of one task, which was queued again so many times; the first time they do not say."""
    for name, value in {"NTASKS": 1, "JOB_ID": 7, "PROCID": 0, "LOCALID": 0, "NODEID": 0, "JOB_NAME": "fit"}.items():
        monkeypatch.setenv(f"SLURM_{name}", str(value))
    if restarts is not None:
        monkeypatch.setenv("SLURM_RESTART_COUNT", str(restarts))


def steps_of(root: Path) -> int:
    return int(torch.load(root / "checkpoints" / "last.ckpt", weights_only=True)["global_step"])


def test_a_job_that_slurm_queued_again_goes_on_from_the_last_checkpoint(
    root: Path, tiny_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    in_slurm(monkeypatch, restarts=1)
    line = command("fit", tiny_path, root, few_callbacks(tmp_path / "few.yaml"))
    before = (root / "checkpoints" / "last.ckpt").read_bytes()
    with caplog.at_level(logging.INFO):
        run([*line, "--trainer.max_epochs=2"])  # both epochs were done: nothing is trained, and nothing written
    assert (root / "checkpoints" / "last.ckpt").read_bytes() == before
    [told] = [text for text in caplog.messages if "SLURM" in text]
    assert told == f"SLURM queued this job again: it goes on from {root}/checkpoints/last.ckpt"
    assert steps_of(root) == 4
    run([*line, "--trainer.max_epochs=3"])
    assert steps_of(root) == 6


def test_a_job_that_is_queued_again_is_held_against_its_checkpoint(
    root: Path, tiny_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    in_slurm(monkeypatch, restarts=2)
    line = command("fit", tiny_path, root, few_callbacks(tmp_path / "few.yaml"), "--trainer.max_epochs=3")
    error = refusal([*line, "--model.init_args.learning_rate=0.3"], capsys)
    assert "last.ckpt was made with model.learning_rate = 0.001, the configuration says 0.3" in error
    last = root / "checkpoints" / "last.ckpt"
    content = torch.load(last, weights_only=True)
    content["callbacks"]["TrainingSettings"]["processes"] = 2
    torch.save(content, last)
    assert f"checkpoint {last} was made by 2 processes" in refusal(line, capsys)


def test_a_job_that_is_queued_again_before_its_first_checkpoint_begins(
    tiny_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_slurm(monkeypatch, restarts=1)
    run(command("fit", tiny_path, tmp_path / "run", few_callbacks(tmp_path / "few.yaml")))
    assert steps_of(tmp_path / "run") == 2


@pytest.mark.parametrize("restarts", [None, 0])
def test_another_job_in_the_folder_of_a_run_is_refused(
    restarts: int | None,
    root: Path,
    tiny_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    in_slurm(monkeypatch, restarts)
    line = command("fit", tiny_path, root, few_callbacks(tmp_path / "few.yaml"))
    assert "holds a run, whose checkpoints training anew would replace" in refusal(line, capsys)
    (root / "checkpoints" / "last.ckpt").unlink()
    # Lightning would go on from it
    assert f"{root}/hpc_ckpt_1.ckpt was written when SLURM signalled a job" in refusal(line, capsys)


def test_a_missing_grasp_set_is_named(tmp_path: Path) -> None:
    few = few_callbacks(tmp_path / "few.yaml")
    with pytest.raises(FileNotFoundError, match=r"none\.npz does not exist; make one with: python -m datamodules"):
        run(command("fit", tmp_path / "none.npz", tmp_path, few))


def test_everything_of_a_run_lies_in_its_folder(tiny_run: Path) -> None:
    files = {str(path.relative_to(tiny_run)) for path in tiny_run.rglob("*") if path.is_file()}
    assert {"checkpoints/last.ckpt", "tensorboard/version_0/config.yaml", "tensorboard/version_0/hparams.yaml"} <= files
    assert any(name.startswith("tensorboard/version_0/events.out.tfevents") for name in files)


def test_checkpoints_are_plain_and_know_their_settings(tiny_run: Path) -> None:
    content = torch.load(tiny_run / "checkpoints" / "last.ckpt", weights_only=True)
    assert content["hyper_parameters"]["_class_path"] == CLASS
    assert content["hyper_parameters"]["hidden_width"] == 16
    assert content["datamodule_hyper_parameters"]["batch_size"] == 4


def test_a_newcomer_sees_no_warnings(tiny_path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    few = few_callbacks(tmp_path / "few.yaml")
    with warnings.catch_warnings(record=True) as shown, caplog.at_level(logging.INFO):
        warnings.simplefilter("default")
        warnings.simplefilter("ignore", DeprecationWarning)  # Python hides those of libraries by itself
        run(command("fit", tiny_path, tmp_path, few, "--trainer.limit_val_batches=1.0"))
    assert [str(warning.message) for warning in shown] == []
    assert "litlogger" not in caplog.text
    assert "training on 8 grasps of 2 objects" in caplog.text


def test_settings_of_the_trainer_that_change_what_is_learnt_are_kept() -> None:
    trainer = {
        "precision": None, "gradient_clip_val": 1.0, "accumulate_grad_batches": 2, "max_epochs": 7,
        "callbacks": [
            {"class_path": "callbacks.training.progress.RunProgressBar", "init_args": {"refresh_rate": 1}},
            {"class_path": "callbacks.training.ema.WarmupEMA", "init_args": {"decay": 0.9}},
        ],
    }  # fmt: skip
    assert training_settings(trainer) == {
        "precision": "32-true", "gradient_clip_val": 1.0, "gradient_clip_algorithm": None, "accumulate_grad_batches": 2,
        "weight_averages": [{"class_path": "callbacks.training.ema.WarmupEMA", "decay": 0.9}],
    }  # fmt: skip


@pytest.mark.parametrize("in_a_list", [False, True])
def test_a_single_callback_needs_no_list(in_a_list: bool) -> None:
    callback = {"class_path": "callbacks.training.ema.WarmupEMA"}
    settings = training_settings({"precision": None, "callbacks": [callback] if in_a_list else callback})
    assert settings["weight_averages"] == [callback]


def test_the_main_config_stands_alone(tiny_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["fit", f"--config={GF}", "--print_config"])
    assert ended.value.code == 0
    assert "lightning_modules.score_module.ScoreMatchingModule" in capsys.readouterr().out


@pytest.mark.parametrize("overlay", ["task/user.yaml", "protocol/policy_small_machine.yaml"])
@pytest.mark.parametrize("option", ["--config={}", "--config {}", "-c {}"])
def test_an_overlay_before_its_base_is_refused(overlay: str, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    first, base = ROOT / "configs" / overlay, ROOT / "configs" / "residual_ppo.yaml"
    told = refusal(["fit", *option.format(first).split(), *option.format(base).split()], capsys)
    assert f"{first} came before {base} on the command line, which names the module (model.class_path)" in told
    assert "Give the base first, overlays after it" in told


def test_a_base_may_be_followed_by_whatever_there_is(tmp_path: Path) -> None:
    base, overlay, other, broken = (str(tmp_path / name) for name in ("base", "overlay", "other", "broken"))
    Path(base).write_text("model: {class_path: a.B}")
    Path(overlay).write_text("model: {init_args: {draws: 3}}")
    Path(other).write_text("model: a.B")
    Path(broken).write_text("model: {")
    assert overlays_before_base([base, overlay, other]) == ([], base)
    assert overlays_before_base([overlay, other, base]) == ([overlay], other)
    for paths in ([overlay], [], [broken, base], [str(tmp_path / "missing"), base]):
        assert overlays_before_base(paths)[0] == []


def test_measuring_random_weights_is_said(tiny_path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        run(command("validate", tiny_path, tmp_path, few_callbacks(tmp_path / "few.yaml")))
    assert "validate without --ckpt_path measures random weights; give a checkpoint" in caplog.text


@pytest.mark.parametrize("name", ["gf.yaml", "gf_pointnet.yaml", "residual_ppo.yaml"])
def test_every_epoch_is_kept_whatever_is_validated_when(name: str) -> None:
    callbacks = yaml.safe_load((ROOT / "configs" / name).read_text())["trainer"]["callbacks"]
    [checkpoints] = [item for item in callbacks if item["class_path"].endswith(".RunCheckpoint")]
    assert checkpoints["init_args"]["save_last"]
    assert checkpoints["init_args"]["save_on_train_epoch_end"]
