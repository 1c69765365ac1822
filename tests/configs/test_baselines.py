"""The baselines' configurations run through the real command line, on tiny data."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from datamodules.demonstrations import main as demonstrations
from datamodules.grasps.grasp_file import load_grasp_set, save_grasp_set
from lightning_modules.policy.load import load_policy
from tests.assisting import RESIDUAL, RESIDUAL_SMOKE, checkpoints_alone, made_up_observation
from tests.learning import ROOT, run
from tests.lightning_modules.test_resume import assert_same

pytestmark = pytest.mark.usefixtures("fast_objects")

BASELINES = ROOT / "configs" / "baselines"
NAMES = ("ppo", "ppo_goal", "ilad")

OF_ILAD = ("--model.init_args.num_tuples=60", "--model.init_args.cloning_epochs=1")
"""Little to clone."""


def load(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return content


def baseline_command(subcommand: str, name: str, grasp_set: Path, root: Path, *more: str | Path) -> list[str]:
    """A command line of a baseline in small, ``more`` last; a string that starts with ``paper/`` is an overlay."""
    overlays = [option for option in more if str(option).startswith("paper/")]
    return [
        subcommand,
        f"--config={BASELINES / f'{name}.yaml'}",
        *(f"--config={ROOT / 'configs' / overlay}" for overlay in overlays),
        f"--config={RESIDUAL_SMOKE}",
        "--model.init_args.imitation_rollouts=0",
        *(OF_ILAD if name == "ilad" else ()),
        f"--data.init_args.path={grasp_set}",
        "--data.init_args.reachable_only=false",
        f"--trainer.default_root_dir={root}",
        *(str(option) for option in more if option not in overlays),
    ]


def last(root: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(root / "checkpoints" / "last.ckpt", weights_only=True)
    return content


@pytest.mark.parametrize("name", NAMES)
def test_a_baseline_trains_and_is_tested_beside_the_scripts(name: str, tiny_path: Path, tmp_path: Path) -> None:
    run(baseline_command("fit", name, tiny_path, tmp_path))
    assert int(last(tmp_path)["state_dict"]["updates"]) == 2
    run(baseline_command("test", name, tiny_path, tmp_path, "--ckpt_path=last"))
    report = json.loads((tmp_path / "metrics.json").read_text())
    for policies in report["splits"].values():
        assert set(policies) >= {"ours", "scripted_close", "blind_close", "nearest_grasp", "oracle"}
        assert not {"primitive", "primitive_gated", "primitive_triggered"} & set(policies)


@pytest.mark.parametrize("name", NAMES)
def test_a_baseline_trains_by_the_papers_settings(name: str, tiny_path: Path, tmp_path: Path) -> None:
    few = checkpoints_alone(tmp_path / "few.yaml")
    run(baseline_command("fit", name, tiny_path, tmp_path, "paper/baselines.yaml", few))
    settings = last(tmp_path)["hyper_parameters"]
    assert settings["exploration"]["class_path"].endswith("IndependentNoise")
    assert settings["inputs"]["class_path"].endswith("ApproachInputs")
    assert last(tmp_path)["datamodule_hyper_parameters"]["training_noise"] is None
    told = settings["inputs"]["init_args"].get("groups") or []
    assert list(told) == (["other_joints"] if name == "ppo_goal" else [])


@pytest.mark.parametrize("name", NAMES)
def test_a_baseline_meets_the_worlds_and_the_evaluation_of_the_residual_policy(name: str) -> None:
    ours, other = load(RESIDUAL), load(BASELINES / f"{name}.yaml")
    for key in ("teacher", "reward", "privileged"):
        ours["data"]["init_args"].pop(key, None)
        other["data"]["init_args"].pop(key, None)
    assert other["data"] == ours["data"]
    assert other["trainer"].pop("default_root_dir") == f"runs/{name}"
    ours["trainer"].pop("default_root_dir")
    for content in (ours, other):
        content["trainer"]["callbacks"][-1]["init_args"].pop("filename")
    assert other["trainer"] == ours["trainer"]
    for key in ("gamma", "critic_groups", "learning_rate_rule"):
        assert other["model"]["init_args"][key] == ours["model"]["init_args"][key]
    assert set(other["model"]["init_args"]["critic_groups"]) <= set(load(RESIDUAL)["data"]["init_args"]["privileged"])


def test_the_papers_encoder_is_an_overlay_of_those_with_pointnet2(capsys: pytest.CaptureFixture[str]) -> None:
    overlay = ROOT / "configs" / "paper" / "pointnet2.yaml"
    with pytest.raises(SystemExit) as ended:
        run(["fit", f"--config={BASELINES / 'ppo.yaml'}", f"--config={overlay}", "--print_config"])
    assert ended.value.code == 0
    encoder = yaml.safe_load(capsys.readouterr().out)["model"]["init_args"]["encoder"]
    assert [level["num_centres"] for level in encoder["init_args"]["levels"]] == [512, 256]


# --- ILAD


def test_ilad_in_two_parts_ends_like_one_run_and_gives_a_policy(tiny_path: Path, tmp_path: Path) -> None:
    few, two = checkpoints_alone(tmp_path / "few.yaml"), "--trainer.max_epochs=2"
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run(baseline_command("fit", "ilad", tiny_path, whole, few, two))
    run(baseline_command("fit", "ilad", tiny_path, parts, few))
    run(baseline_command("fit", "ilad", tiny_path, parts, few, two, "--ckpt_path=last"))
    for field in ("state_dict", "optimizer_states", "RolloutDataModule"):
        assert_same(last(whole)[field], last(parts)[field], field)
    assert int(last(whole)["state_dict"]["demonstrated"]) > int(last(whole)["state_dict"]["updates"])
    policy = load_policy(whole / "checkpoints" / "last.ckpt")
    policy.start(3)
    assert policy.act(made_up_observation(3), 0).shape == (3, 18)


def test_ilad_reads_a_file_in_its_original_form_and_refuses_anothers(tiny_path: Path, tmp_path: Path) -> None:
    shown, few = tmp_path / "shown.npz", checkpoints_alone(tmp_path / "few.yaml")
    demonstrations([f"--output={shown}", f"--path={tiny_path}", "--num_tuples=60", "--reachable_only=false"])
    given = f"--model.init_args.demonstrations={shown}"
    run(baseline_command("fit", "ilad", tiny_path, tmp_path / "run", "paper/ilad_original.yaml", few, given))
    loss = last(tmp_path / "run")["hyper_parameters"]["demonstration_loss"]
    assert loss["class_path"].endswith("OriginalDemonstrationLoss")
    grasps = load_grasp_set(tiny_path)
    save_grasp_set(replace(grasps, joint_pos=0.99 * grasps.joint_pos), tmp_path / "other.npz")
    with pytest.raises(ValueError, match=r"demonstrations .*shown\.npz are of the grasp set .*, expected"):
        run(baseline_command("fit", "ilad", tmp_path / "other.npz", tmp_path / "refused", few, given))
    assert not (tmp_path / "refused" / "checkpoints").exists()
