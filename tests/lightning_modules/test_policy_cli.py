"""The residual policy on the command line: quiet when all is well, clear when it is not."""

import logging
import re
import warnings
from pathlib import Path

import pytest
import torch

from datamodules.grasps.grasp_file import save_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from envs.plain_errors import plain_errors
from lightning_modules.export import export_checkpoint
from tests.assisting import checkpoints_alone, policy_command
from tests.learning import ROOT, run

pytestmark = pytest.mark.usefixtures("fast_objects")


def test_a_newcomer_sees_no_warnings(
    tiny_path: Path, primitive: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    few = checkpoints_alone(tmp_path / "few.yaml")
    with warnings.catch_warnings(record=True) as shown, caplog.at_level(logging.INFO):
        warnings.simplefilter("default")
        warnings.simplefilter("ignore", DeprecationWarning)  # Python hides those of libraries by itself
        run(policy_command("fit", tiny_path, primitive, tmp_path, few))
    assert [str(warning.message) for warning in shown] == []
    assert "2 worlds, 8 training grasps of 2 objects" in caplog.text


def test_an_exported_policy_is_tested_and_not_trained_on(
    tiny_path: Path, primitive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = checkpoints_alone(tmp_path / "few.yaml")
    run(policy_command("fit", tiny_path, primitive, tmp_path, few))
    small = export_checkpoint(tmp_path / "checkpoints" / "last.ckpt", tmp_path / "policy.ckpt")
    content = torch.load(small, weights_only=True)
    assert "optimizer_states" not in content
    run(policy_command("test", tiny_path, primitive, tmp_path, few, f"--ckpt_path={small}"))
    with pytest.raises(SystemExit):
        run(policy_command("fit", tiny_path, primitive, tmp_path, few, f"--ckpt_path={small}"))
    error = " ".join(capsys.readouterr().err.split())
    assert re.search(r"policy\.ckpt has no field optimizer_states: it was exported and cannot be trained on", error)


def test_physics_are_chosen_in_the_configuration_and_kept_in_the_checkpoint(
    tiny_path: Path, primitive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = checkpoints_alone(tmp_path / "few.yaml")
    name = "--data.init_args.physics"
    chosen = [f"{name}=envs.physics.mujoco_cpu.MujocoCpu", f"{name}.init_args.settings.friction=0.8"]
    run(policy_command("fit", tiny_path, primitive, tmp_path, few, *chosen))
    last = tmp_path / "checkpoints" / "last.ckpt"
    kept = torch.load(last, weights_only=True)["datamodule_hyper_parameters"]["physics"]
    assert kept["class_path"] == "envs.physics.mujoco_cpu.MujocoCpu"
    assert kept["init_args"]["settings"]["friction"] == 0.8
    resumed = policy_command("fit", tiny_path, primitive, tmp_path, few, f"--ckpt_path={last}")
    run([*resumed, *chosen, f"{name}.init_args.dump_dir={tmp_path / 'dumps'}", "--trainer.max_epochs=2"])
    for options in ([*chosen, f"{name}.init_args.settings.friction=0.7"], []):
        with pytest.raises(SystemExit):
            run([*resumed, *options])
        error = " ".join(capsys.readouterr().err.split())
        assert "was made with data.physics." in error
    run(policy_command("test", tiny_path, primitive, tmp_path, few, f"--ckpt_path={last}"))


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--data.init_args.num_worlds=0", "num_worlds is 0 and rollouts_per_epoch 2; both have to be at least 1"),
        ("--data.init_args.num_worlds=100000000", r"num_worlds is 100000000, .*enough for \d+ worlds"),
        ("--data.init_args.privileged=[objct_pose]", "observation group 'objct_pose' is unknown; available: joint_pos"),
        ("--model.init_args.critic_groups=[contact]", "observation group 'contact' is unknown; available: joint_pos"),
        ("--data.init_args.reward.weights={succes: 1.0}", "reward term 'succes' is unknown; available: following"),
        ("--data.init_args.patterns=none.npy", r"none\.npy"),
        ("--data.init_args.physics=envs.physics.mujoco_cpu.MujocoCPU", r"MujocoCPU"),
        ("--model.init_args.primitive=none.ckpt", r"none\.ckpt does not exist; train one with"),
        ("--model.init_args.exploration.init_args.action_dim=18", "exploration is made for 18 numbers, composition"),
    ],
)
def test_what_is_wrong_with_a_setting_is_said(
    option: str, message: str, tiny_path: Path, primitive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = checkpoints_alone(tmp_path / "few.yaml")
    try:
        run(policy_command("fit", tiny_path, primitive, tmp_path, few, option))
    except SystemExit:
        said = " ".join(capsys.readouterr().err.split())
    except (ValueError, FileNotFoundError) as error:
        said = str(error)
    else:
        pytest.fail("the run went through")
    assert re.search(message, said), said
    assert not (tmp_path / "checkpoints").exists()


def test_a_grasp_set_without_the_splits_of_the_test_is_named(
    tiny_grasps: GraspSet, primitive: Path, tmp_path: Path
) -> None:
    save_grasp_set(tiny_grasps.split("train"), tmp_path / "train.npz")
    with pytest.raises(
        ValueError,
        match=r"grasp set .*train\.npz has grasps of train, none of which is to be measured \(unseen_instances, ",
    ):
        run(policy_command("test", tmp_path / "train.npz", primitive, tmp_path))


USER = ROOT / "configs" / "task" / "user.yaml"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("movement.init_args.dwell_s=[1.0, 0.3]", r"dwell_s is \(1\.0, 0\.3\) \(reversed: .*\), allowed lowest"),
        ("movement.init_args.speed=0.01", r"speed is 0\.01, allowed one number within 0\.1 to 10; change the setting"),
        ("episode_steps=-3", "episode_steps of the task is -3, expected a number above 0"),
    ],
)
def test_an_error_begins_with_the_setting_of_the_movement_that_is_wrong(
    option: str, message: str, tiny_path: Path, primitive: Path, tmp_path: Path
) -> None:
    chosen = policy_command("test", tiny_path, primitive, tmp_path, overlays=[USER])
    with pytest.raises(SystemExit, match=f"^error: {message}"), plain_errors():
        run([*chosen, f"--data.init_args.task.{option}"])


def test_a_setting_of_the_movement_that_is_no_range_is_named(
    tiny_path: Path, primitive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = policy_command("test", tiny_path, primitive, tmp_path, overlays=[USER])
    with pytest.raises(SystemExit):
        run([*chosen, "--data.init_args.task.movement.init_args.dwell_s=0.5"])
    said = capsys.readouterr().err
    assert "\nerror: data.task.movement.dwell_s: Expected a <class 'tuple'>. Got value: 0.5\n" in said
    assert "Union subtypes" not in said
