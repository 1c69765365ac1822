"""Overlays of other simulators run through the real command line, on tiny data."""

from pathlib import Path

import pytest

from tests.configs.learning_runs import learning_line, learnt_in_two_parts
from tests.learning import ROOT, run

pytestmark = pytest.mark.usefixtures("fast_objects")

BACKENDS = ROOT / "configs" / "backends"


@pytest.mark.parametrize("name", ["mujoco_warp"])
def test_ppo_learns_on_another_simulator_and_goes_on_where_it_stood(
    name: str, tiny_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip(name, reason="needs the extra mjwarp")
    content = learnt_in_two_parts(learning_line(tiny_path, tmp_path, overlays=[BACKENDS / f"{name}.yaml"]), tmp_path)
    assert content["datamodule_hyper_parameters"]["physics"]["class_path"] == "envs.physics.mujoco_warp.MujocoWarp"
    with pytest.raises(SystemExit):  # resumed in MuJoCo on the CPU it would be another task
        run([*learning_line(tiny_path, tmp_path, overlays=[]), "--ckpt_path=last"])
    assert "was made with data.physics" in " ".join(capsys.readouterr().err.split())
