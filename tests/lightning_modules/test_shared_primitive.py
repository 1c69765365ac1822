"""Checkpoints of policies that leave their frozen primitive to another file."""

import logging
from pathlib import Path

import pytest
import torch

from lightning_modules.checkpoints import read_checkpoint, save_checkpoint_file
from lightning_modules.export import export_checkpoint, main
from lightning_modules.policy.load import load_policy

POLICY = Path("pretrained/residual_ppo.ckpt")
PRIMITIVE = "pretrained/gf.ckpt"


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_checkpoint(POLICY, tmp_path_factory.mktemp("light") / "light.ckpt", shared_primitive=PRIMITIVE)


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
    assert before["state_dict"].keys() == after["state_dict"].keys()
    assert all(torch.equal(value, after["state_dict"][name]) for name, value in before["state_dict"].items())


def test_without_it_nothing_is_loaded(light: Path) -> None:
    with pytest.raises(ValueError, match=r"without its primitive; complete it first: .* --primitive"):
        load_policy(light)


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
