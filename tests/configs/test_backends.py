"""Overlays of other simulators run through the real command line, on tiny data."""

from pathlib import Path

import pytest
import torch

from tests.assisting import checkpoints_alone, policy_command, save_primitive
from tests.learning import ROOT, run

pytestmark = pytest.mark.usefixtures("fast_objects")

BACKENDS = ROOT / "configs" / "backends"


@pytest.mark.parametrize("name", ["mujoco_warp"])
def test_ppo_trains_on_another_simulator_and_goes_on_where_it_stood(
    name: str, tiny_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip(name, reason="needs the extra mjwarp")
    few = checkpoints_alone(tmp_path / "few.yaml")
    primitive = save_primitive(tmp_path / "gf.ckpt")
    overlays = [BACKENDS / f"{name}.yaml"]
    short = ("--data.init_args.rollouts_per_epoch=1", "--model.init_args.imitation_rollouts=0")
    line = policy_command("fit", tiny_path, primitive, tmp_path, few, *short, overlays=overlays)
    run(line)
    run([*line, "--trainer.max_epochs=2", "--ckpt_path=last"])
    content = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert content["RolloutDataModule"]["num_rollouts"] == content["state_dict"]["updates"] == 2
    assert content["datamodule_hyper_parameters"]["physics"]["class_path"] == "envs.physics.mujoco_warp.MujocoWarp"
    assert all(bool(torch.isfinite(value).all()) for value in content["state_dict"].values())
    with pytest.raises(SystemExit):  # resumed in MuJoCo on the CPU it would be another task
        run(policy_command("fit", tiny_path, primitive, tmp_path, few, *short, "--ckpt_path=last"))
    assert "was made with data.physics" in " ".join(capsys.readouterr().err.split())
