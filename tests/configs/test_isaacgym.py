"""The overlays of Isaac Gym run through the real command line, on tiny data, with the stand-in for the package."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from envs.physics.isaacgym.process import PYTHON_VARIABLE
from envs.physics.settings import PhysicsSettings
from tests.assisting import checkpoints_alone, policy_command, save_primitive
from tests.isaac_gym import write_interpreter
from tests.learning import ROOT, run

pytestmark = pytest.mark.usefixtures("fast_objects")

BACKENDS = ROOT / "configs" / "backends"
OVERLAYS = [BACKENDS / "isaacgym.yaml", BACKENDS / "isaacgym_released.yaml"]

SHORT = (
    "--data.init_args.rollouts_per_epoch=1", "--model.init_args.imitation_rollouts=0",
    "--data.init_args.task.episode_steps=20",
)  # fmt: skip


def kept(root: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(root / "checkpoints" / "last.ckpt", weights_only=True)
    return content


def test_ppo_trains_through_the_worker_and_goes_on_where_it_stood(
    tiny_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(PYTHON_VARIABLE, write_interpreter(tmp_path / "bin"))
    few, primitive = checkpoints_alone(tmp_path / "few.yaml"), save_primitive(tmp_path / "gf.ckpt")
    line = policy_command("fit", tiny_path, primitive, tmp_path, few, *SHORT, overlays=OVERLAYS[:1])
    run(line)
    first = kept(tmp_path)
    longer = "--data.init_args.physics.init_args.patience.step=90.0"
    run([*line, "--trainer.max_epochs=2", "--ckpt_path=last", longer])
    content = kept(tmp_path)
    assert content["RolloutDataModule"]["num_rollouts"] == content["state_dict"]["updates"] == 2
    assert all(bool(torch.isfinite(value).all()) for value in content["state_dict"].values())
    assert any(bool((value != first["state_dict"][name]).any()) for name, value in content["state_dict"].items())
    physics = content["datamodule_hyper_parameters"]["physics"]
    assert physics["class_path"] == "envs.physics.isaacgym.factory.IsaacGym"
    assert PhysicsSettings(**physics["init_args"]["settings"]) == PhysicsSettings()
    with pytest.raises(SystemExit):  # resumed in MuJoCo it would be another task
        run(policy_command("fit", tiny_path, primitive, tmp_path, few, *SHORT, "--ckpt_path=last"))
    assert "was made with data.physics" in " ".join(capsys.readouterr().err.split())


def test_without_isaac_gym_the_command_line_says_what_to_install(
    tiny_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(PYTHON_VARIABLE, raising=False)
    few, primitive = checkpoints_alone(tmp_path / "few.yaml"), save_primitive(tmp_path / "gf.ckpt")
    with pytest.raises(RuntimeError, match=r"no Python interpreter is named for Isaac Gym: .*Python 3\.8"):
        run(policy_command("fit", tiny_path, primitive, tmp_path, few, *SHORT, overlays=OVERLAYS))


def test_the_overlay_of_the_released_physics_is_the_preset() -> None:
    physics = yaml.safe_load(OVERLAYS[1].read_text())["data"]["init_args"]["physics"]
    assert PhysicsSettings(**physics["init_args"]["settings"]) == PhysicsSettings.released()
    # sixth of a second in five control steps: 1/30 s each
    assert 5 * PhysicsSettings.released().control_dt == pytest.approx(1.0 / 6.0)
