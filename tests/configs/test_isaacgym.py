"""The overlays of Isaac Gym run through the real command line, on tiny data, with the stand-in for the package."""

import shutil
from pathlib import Path

import pytest
import yaml

from datamodules import settle
from envs.physics.isaacgym.process import PYTHON_VARIABLE
from envs.physics.settings import PhysicsSettings
from envs.plain_errors import plain_errors
from tests.assisting import checkpoints_alone, policy_command, save_primitive
from tests.configs.learning_runs import learning_line, learnt_in_two_parts
from tests.isaac_gym import write_interpreter
from tests.learning import ROOT, run

pytestmark = pytest.mark.usefixtures("fast_objects")

BACKENDS = ROOT / "configs" / "backends"
SAID = r"^error: no Python interpreter is named for Isaac Gym: .*Python 3\.8"
OVERLAYS = [BACKENDS / "isaacgym.yaml", BACKENDS / "isaacgym_released.yaml"]


def test_ppo_learns_through_the_worker_and_goes_on_where_it_stood(
    tiny_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(PYTHON_VARIABLE, write_interpreter(tmp_path / "bin"))
    line = learning_line(tiny_path, tmp_path, overlays=OVERLAYS[:1])
    longer = "--data.init_args.physics.init_args.patience.step=90.0"
    physics = learnt_in_two_parts(line, tmp_path, longer)["datamodule_hyper_parameters"]["physics"]
    assert physics["class_path"] == "envs.physics.isaacgym.factory.IsaacGym"
    assert PhysicsSettings(**physics["init_args"]["settings"]) == PhysicsSettings()
    with pytest.raises(SystemExit):  # resumed in MuJoCo it would be another task
        run([*learning_line(tiny_path, tmp_path, overlays=[]), "--ckpt_path=last"])
    assert "was made with data.physics" in " ".join(capsys.readouterr().err.split())


def test_without_isaac_gym_the_command_line_says_what_to_install(
    tiny_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(PYTHON_VARIABLE, raising=False)
    few, primitive = checkpoints_alone(tmp_path / "few.yaml"), save_primitive(tmp_path / "gf.ckpt")
    with pytest.raises(SystemExit, match=SAID), plain_errors():
        run(policy_command("fit", tiny_path, primitive, tmp_path, few, overlays=OVERLAYS))


def test_other_commands_say_so_too(tiny_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PYTHON_VARIABLE, raising=False)
    shutil.copy(tiny_path, tmp_path / "set.npz")
    with pytest.raises(SystemExit, match=SAID), plain_errors():
        settle.main([str(tmp_path / "set.npz"), "--physics=envs.physics.isaacgym.factory.IsaacGym"])


def test_the_overlay_of_the_released_physics_is_the_preset() -> None:
    physics = yaml.safe_load(OVERLAYS[1].read_text())["data"]["init_args"]["physics"]
    assert PhysicsSettings(**physics["init_args"]["settings"]) == PhysicsSettings.released()
    # sixth of a second in five control steps: 1/30 s each
    assert 5 * PhysicsSettings.released().control_dt == pytest.approx(1.0 / 6.0)
