"""The baselines' configurations run through the real command line, on tiny data."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from tests.assisting import RESIDUAL, RESIDUAL_SMOKE, checkpoints_alone
from tests.learning import ROOT, run

pytestmark = pytest.mark.usefixtures("fast_objects")

BASELINES = ROOT / "configs" / "baselines"
NAMES = ("ppo", "ppo_goal")


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
