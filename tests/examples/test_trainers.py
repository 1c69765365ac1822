"""The examples for trainers of others run."""

import json
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from datamodules.grasps.grasp_file import save_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from tests.assisting import save_primitive
from tests.learning import ROOT


@pytest.mark.usefixtures("fast_objects")
@pytest.mark.parametrize(("package", "name"), [("stable_baselines3", "train_sb3"), ("skrl", "train_skrl")])
def test_a_trainer_learns_for_two_rollouts(
    package: str,
    name: str,
    tiny_grasps: GraspSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip(package, reason=f"{package} is not installed; the extra dev has it")
    save_primitive(tmp_path / "tiny.ckpt")
    save_grasp_set(replace(tiny_grasps, is_reachable=np.ones(len(tiny_grasps), dtype=bool)), tmp_path / "tiny.npz")
    default = "lightning_modules.policy.gym_primitive.DEFAULT_PRIMITIVE"
    monkeypatch.setattr(default, str(tmp_path / "tiny.ckpt"))
    example = ROOT / "examples" / f"{name}.py"
    assert len(example.read_text(encoding="utf-8").splitlines()) < 60
    output = tmp_path / "out"
    main = runpy.run_path(str(example))["main"]
    small = ["--steps", "400", "--worlds", "4", "--max-objects", "1"]
    main([*small, "--path", str(tmp_path / "tiny.npz"), "--output", str(output)])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["episodes"] == 8
    assert set(told["success"]) == {"first", "last"}
    assert all(part["low"] <= part["mean"] <= part["high"] for part in told["success"].values())
    assert list(tmp_path.glob("out*"))
