"""A policy is loaded from its checkpoint alone, and what is no policy is named."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from datamodules.rollouts.runner import EpisodeFrames, EpisodeRunner
from envs.task.settings import TaskSettings
from lightning_modules.checkpoints import class_path
from lightning_modules.composition import Direct, ExtentAndResidual
from lightning_modules.export import export_checkpoint
from lightning_modules.followers import GapDenoiser
from lightning_modules.networks.point_encoders import PointNetEncoder
from lightning_modules.policy.inputs import PlannedGripInputs
from lightning_modules.policy.load import load_policy
from lightning_modules.ppo.exploration import IndependentNoise
from lightning_modules.residual_ppo_module import ResidualPPOModule
from tests.assisting import made_up_observation, sampler
from tests.learning import ROOT
from tests.lightning_modules.made_up_rollouts import Make

SHIPPED = ROOT / "pretrained" / "residual_ppo.ckpt"

OTHERS = sorted(file for folder in ("baselines", "seeds") for file in (ROOT / "pretrained" / folder).glob("*.ckpt"))
"""Baselines, and further training seeds of ours."""


def saved(module: ResidualPPOModule, path: Path, **settings: Any) -> Path:
    """As the command line would have saved the module."""
    described = {name: value for name, value in module.hparams.items() if name != "_built_in_python"}
    hparams = {**described, "_class_path": class_path(ResidualPPOModule), **settings}
    content = {"state_dict": module.state_dict(), "hyper_parameters": hparams, "pytorch-lightning_version": "2.6.6"}
    torch.save(content, path)
    return path


def test_the_shipped_policy_acts_alone_as_its_module_does(tmp_path: Path) -> None:
    """In an empty folder and another process: nothing but the file is there."""
    content = torch.load(SHIPPED, weights_only=True)
    module = ResidualPPOModule(
        str(ROOT / "pretrained" / "gf.ckpt"),
        follower=GapDenoiser(far=2.5, synchronised=True),
        composition=ExtentAndResidual(),
        inputs=PlannedGripInputs(),
        scene_tolerance=content["hyper_parameters"]["scene_tolerance"],
        critic_groups=content["hyper_parameters"]["critic_groups"],
    )
    module.load_state_dict(content["state_dict"])
    observation = made_up_observation(2)
    expected = module.policy().act(observation, 0)
    (tmp_path / "residual_ppo.ckpt").write_bytes(SHIPPED.read_bytes())
    torch.save(dict(observation.groups), tmp_path / "observation.pt")
    script = """
import numpy, torch
from envs.task.observations import Observation
from lightning_modules.policy.load import load_policy
policy = load_policy("residual_ppo.ckpt")
policy.start(2)
numpy.save("action.npy", policy.act(Observation(torch.load("observation.pt", weights_only=True)), 0))
"""
    run = {"cwd": tmp_path, "env": {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(torch.get_num_threads())}}
    subprocess.run([sys.executable, "-c", script], check=True, **run)  # type: ignore[call-overload]
    np.testing.assert_array_equal(np.load(tmp_path / "action.npy"), expected)


def test_a_checkpoint_of_every_baseline_is_shipped() -> None:
    assert {path.stem for path in OTHERS} >= {"ppo", "ppo_goal", "ilad", "ibs"}


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.stem)
def test_every_shipped_policy_moves_fingers(path: Path) -> None:
    episodes = sampler(num_steps=12).sample(2)
    states = EpisodeFrames(steps=(0,))
    EpisodeRunner(num_worlds=2, num_threads=0, task=TaskSettings(episode_steps=12)).run(
        load_policy(path), episodes, frames=states
    )
    first, last = states.joint_pos
    assert np.isfinite(last).all()
    assert (np.abs(last - first).max(1) > 0.15).all()  # the lift alone closes by 0.1 rad


def test_what_the_module_was_made_of_is_in_its_checkpoint(make: Make, primitive: Path, tmp_path: Path) -> None:
    module = make(bottleneck=3)
    path = saved(module, tmp_path / "policy.ckpt", encoder_checkpoint="gone.ckpt")
    observation = made_up_observation()
    np.testing.assert_array_equal(load_policy(path).act(observation, 0), module.policy().act(observation, 0))


def test_a_policy_with_an_encoder_of_its_own_and_no_primitive_is_loaded(make: Make, tmp_path: Path) -> None:
    parts = {
        "encoder": PointNetEncoder((8, 16), (8,)), "composition": Direct(),
        "exploration": IndependentNoise(18),
    }  # fmt: skip
    module = make(primitive=None, **parts)
    described = {
        "encoder": {"class_path": class_path(PointNetEncoder), "init_args": {"widths": [8, 16], "feature_widths": [8]}},
        "composition": {"class_path": class_path(Direct)},
        "exploration": {"class_path": class_path(IndependentNoise), "init_args": {"action_dim": 18}},
    }
    path = saved(module, tmp_path / "policy.ckpt", **described)
    observation = made_up_observation()
    np.testing.assert_array_equal(load_policy(path).act(observation, 0), module.policy().act(observation, 0))


def test_a_checkpoint_that_only_names_its_primitive_is_converted(make: Make, primitive: Path, tmp_path: Path) -> None:
    module = make()
    older = saved(module, tmp_path / "older.ckpt", primitive=str(primitive))
    content = torch.load(older, weights_only=True)
    weights = content["state_dict"]
    weights["network.critic.0.weight"] = weights["network.critic.0.weight"][:, :-36]  # its critic saw no noise
    for name in ("mean", "squares"):
        weights[f"network.privileged_norm.{name}"] = weights[f"network.privileged_norm.{name}"][:-36]
    torch.save(content, older)
    with pytest.raises(ValueError, match=r"older\.ckpt names the file of its primitive .*convert it: python -m lightn"):
        load_policy(older)
    observation = made_up_observation()
    converted = load_policy(export_checkpoint(older, tmp_path / "newer.ckpt"))
    np.testing.assert_array_equal(converted.act(observation, 0), module.policy().act(observation, 0))
    again = export_checkpoint(tmp_path / "newer.ckpt", tmp_path / "again.ckpt")
    assert again.read_bytes() == (tmp_path / "newer.ckpt").read_bytes()


def test_the_checkpoint_of_a_field_is_named(primitive: Path) -> None:
    with pytest.raises(ValueError, match=r"gf\.ckpt holds a ScoreMatchingModule, expected a ResidualPPOModule; give a"):
        load_policy(primitive)


def test_a_damaged_or_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.ckpt does not exist; train one with"):
        load_policy(tmp_path / "none.ckpt")
    (tmp_path / "half.ckpt").write_bytes(SHIPPED.read_bytes()[:100_000])
    with pytest.raises(ValueError, match=r"half\.ckpt cannot be read as plain tensors .*truncated or was not made by"):
        load_policy(tmp_path / "half.ckpt")


def test_a_foreign_checkpoint_is_named(tmp_path: Path) -> None:
    torch.save({"state_dict": {"layer.weight": torch.zeros(2)}}, tmp_path / "other.ckpt")
    with pytest.raises(ValueError, match=r"other\.ckpt has no field hyper_parameters; train it through"):
        load_policy(tmp_path / "other.ckpt")


def test_weights_of_another_architecture_are_named(make: Make, tmp_path: Path) -> None:
    path = saved(make(), tmp_path / "policy.ckpt", bottleneck=5)
    message = r"(?s)policy\.ckpt does not describe a ResidualPPOModule of this version: .*size mismatch.*retrain it"
    with pytest.raises(ValueError, match=message):
        load_policy(path)


def test_classes_of_others_are_neither_built_nor_imported(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "foreign_module.py").write_text(f"open({str(tmp_path / 'was_run')!r}, 'w')")
    monkeypatch.syspath_prepend(tmp_path)
    for inputs in ("foreign_module.Inputs", {"class_path": "foreign_module.Inputs"}):
        path = saved(make(), tmp_path / "policy.ckpt", inputs=inputs)
        with pytest.raises(ValueError, match=r"policy\.ckpt asks for the class 'foreign_module\.Inputs'; only classes"):
            load_policy(path)
    assert not (tmp_path / "was_run").exists()
