"""The examples for trainers of others run."""

import json
import runpy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from datamodules.grasps.grasp_file import save_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from tests.assisting import save_primitive
from tests.learning import ROOT


@pytest.fixture
def trained(
    tiny_grasps: GraspSet,
    fast_objects: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[[str, Path], None]:
    """Runs an example for two rollouts and checks what it tells."""

    def run(name: str, output: Path) -> None:
        save_primitive(tmp_path / "tiny.ckpt")
        save_grasp_set(replace(tiny_grasps, is_reachable=np.ones(len(tiny_grasps), dtype=bool)), tmp_path / "tiny.npz")
        default = "lightning_modules.policy.gym_primitive.DEFAULT_PRIMITIVE"
        monkeypatch.setattr(default, str(tmp_path / "tiny.ckpt"))
        example = ROOT / "examples" / f"{name}.py"
        assert len(example.read_text(encoding="utf-8").splitlines()) < 60
        main = runpy.run_path(str(example))["main"]
        small = ["--steps", "400", "--worlds", "4", "--max-objects", "1"]
        main([*small, "--path", str(tmp_path / "tiny.npz"), "--output", str(output)])
        told = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert told["episodes"] == 8
        assert set(told["success"]) == {"first", "last"}
        assert all(part["low"] <= part["mean"] <= part["high"] for part in told["success"].values())

    return run


class Spaces(gymnasium.Env[Any, Any]):
    """Nothing but what observations and actions look like."""

    def __init__(self, observation_space: gymnasium.Space[Any], action_space: gymnasium.Space[Any]) -> None:
        self.observation_space, self.action_space = observation_space, action_space


@pytest.mark.parametrize("output", ["out", "out.zip"])
def test_stable_baselines3_learns_and_keeps_policy_and_statistics(
    output: str, trained: Callable[[str, Path], None], tmp_path: Path
) -> None:
    sb3 = pytest.importorskip("stable_baselines3", reason="stable_baselines3 is not installed; the extra dev has it")
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    trained("train_sb3", tmp_path / output)
    assert {path.name for path in tmp_path.glob("out*")} == {"out.zip", "out.pkl"}
    policy = sb3.PPO.load(tmp_path / "out")
    spaces = DummyVecEnv([lambda: Spaces(policy.observation_space, policy.action_space)])
    statistics = VecNormalize.load(str(tmp_path / "out.pkl"), spaces)
    assert statistics.obs_rms.mean.shape == policy.observation_space.shape
    assert statistics.obs_rms.count == pytest.approx(400, abs=5)  # its steps, the first observations of 4 worlds too


def test_skrl_learns_and_keeps_checkpoints(trained: Callable[[str, Path], None], tmp_path: Path) -> None:
    pytest.importorskip("skrl", reason="skrl is not installed; the extra dev has it")
    trained("train_skrl", tmp_path / "out")
    assert list(tmp_path.glob("out/*/checkpoints/*.pt"))
