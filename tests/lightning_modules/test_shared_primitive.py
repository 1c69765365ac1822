"""Checkpoints of policies that leave their frozen primitive to another file."""

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from lightning_modules import left_out
from lightning_modules.checkpoint_files import read_checkpoint_file, save_checkpoint_file
from lightning_modules.checkpoints import AtomicCheckpointIO, read_checkpoint
from lightning_modules.export import export_checkpoint, main
from lightning_modules.policy.load import load_policy
from tests.assisting import made_up_observation

POLICY = Path("pretrained/residual_ppo.ckpt")
PRIMITIVE = "pretrained/gf.ckpt"


def same_but_critics(whole: Mapping[str, torch.Tensor], exported: Mapping[str, torch.Tensor]) -> int:
    """Hold weights against each other; how many are of critics, and left out."""
    assert whole.keys() == exported.keys()
    differ = [name for name, value in whole.items() if not torch.equal(value, exported[name])]
    assert all("critic" in name or "privileged" in name for name in differ)
    return len(differ)


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_checkpoint(POLICY, tmp_path_factory.mktemp("light") / "light.ckpt", shared_primitive=PRIMITIVE)


@pytest.fixture
def nothing_near(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(left_out, "_PROJECT", tmp_path)


def test_it_is_smaller_by_the_primitive_and_whole_again_with_it(
    light: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert light.stat().st_size < POLICY.stat().st_size - 0.95 * Path(PRIMITIVE).stat().st_size
    whole = tmp_path / "whole.ckpt"
    with caplog.at_level(logging.INFO):
        main(["--checkpoint", str(light), "--primitive", PRIMITIVE, "--output", str(whole)])
    sizes = [path.stat().st_size / 1e6 for path in (whole, light)]  # the larger file is the written one
    assert f"wrote {whole}: {sizes[0]:.2f} MB ({light}: {sizes[1]:.2f} MB), epoch " in caplog.text
    before, after = read_checkpoint(POLICY), read_checkpoint(whole)
    assert before.keys() == after.keys()
    assert before["hyper_parameters"] == after["hyper_parameters"]
    assert same_but_critics(before["state_dict"], after["state_dict"]) > 5


def test_it_needs_no_command_where_its_primitive_lies_near(light: Path, tmp_path: Path, nothing_near: None) -> None:
    folder = tmp_path / "seeds"
    folder.mkdir()
    shutil.copy(light, folder / "light.ckpt")
    other = read_checkpoint(PRIMITIVE)
    other["state_dict"] = {name: value + 1 for name, value in other["state_dict"].items()}
    save_checkpoint_file(other, folder / "gf.ckpt")  # is passed over
    shutil.copy(PRIMITIVE, tmp_path / "gf.ckpt")
    found = read_checkpoint(folder / "light.ckpt")
    same_but_critics(read_checkpoint(POLICY)["state_dict"], found["state_dict"])
    found = AtomicCheckpointIO().load_checkpoint(folder / "light.ckpt")
    same_but_critics(read_checkpoint(POLICY)["state_dict"], found["state_dict"])


def test_without_it_nothing_is_loaded(light: Path, nothing_near: None) -> None:
    with pytest.raises(ValueError, match=r"which is no gf\.ckpt in .* lay it there, or complete .* --primitive"):
        load_policy(light)


def test_what_it_leaves_out_has_sizes_that_fit_a_module(light: Path, tmp_path: Path) -> None:
    content = read_checkpoint_file(light)
    for told in ({"a": ["float32", 10**12]}, {"a": ["load"]}, {"a": ["float32", -1]}, {"a": 5}, ["a"]):
        save_checkpoint_file({**content, left_out.LEFT_OUT: told}, tmp_path / "foreign.ckpt")
        with pytest.raises(ValueError, match=r"foreign\.ckpt: its field left_out is not type and shape of each"):
            read_checkpoint(tmp_path / "foreign.ckpt")


def test_it_acts_as_the_whole_one(light: Path) -> None:
    observation = made_up_observation(2)
    expected, found = (load_policy(path).act(observation, 0) for path in (POLICY, light))
    assert np.isfinite(expected).all()
    np.testing.assert_array_equal(found, expected)


def test_another_primitive_is_neither_left_out_nor_put_back(light: Path, tmp_path: Path) -> None:
    other = read_checkpoint(PRIMITIVE)
    name = next(iter(other["state_dict"]))
    other["state_dict"][name] = other["state_dict"][name] + 1.0
    save_checkpoint_file(other, tmp_path / "other.ckpt")
    with pytest.raises(ValueError, match=r"another primitive than .*other\.ckpt"):
        export_checkpoint(POLICY, tmp_path / "out.ckpt", shared_primitive=str(tmp_path / "other.ckpt"))
    with pytest.raises(ValueError, match="give the primitive that the policy was trained with"):
        export_checkpoint(light, tmp_path / "out.ckpt", primitive=str(tmp_path / "other.ckpt"))
    assert not (tmp_path / "out.ckpt").exists()


def test_a_whole_checkpoint_needs_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has its primitive; leave out --primitive"):
        export_checkpoint(POLICY, tmp_path / "out.ckpt", primitive=PRIMITIVE)


def test_graphs_are_made_of_whole_checkpoints(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--checkpoint", "a", "--output", "b", "--format", "onnx", "--primitive", PRIMITIVE])
    assert "--format onnx takes whole checkpoints" in capsys.readouterr().err
