"""Small checkpoints that act as the large ones do."""

import logging
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from lightning_modules.checkpoints import AtomicCheckpointIO
from lightning_modules.export import export_checkpoint, main
from lightning_modules.primitive import GraspPrimitive, load_score_module, start_from_encoder_of
from tests.learning import made_up_batch

FIELDS = {
    "state_dict", "hyper_parameters", "datamodule_hyper_parameters", "pytorch-lightning_version", "epoch",
    "global_step",
}  # fmt: skip


@pytest.fixture
def last(tiny_run: Path) -> Path:
    return tiny_run / "checkpoints" / "last.ckpt"


def load(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(path, weights_only=True)
    return content


def test_only_what_use_needs_is_kept(last: Path, tmp_path: Path) -> None:
    before, after = load(last), load(export_checkpoint(last, tmp_path / "pretrained" / "gf.ckpt"))
    assert set(after) == FIELDS | {"trained_on"}
    assert {"optimizer_states", "current_model_state", "loops", "callbacks"} <= set(before)
    for name in FIELDS - {"state_dict"}:
        assert after[name] == before[name]


def test_the_averaged_weights_are_kept_and_not_the_trained_ones(last: Path, tmp_path: Path) -> None:
    before, after = load(last), load(export_checkpoint(last, tmp_path / "gf.ckpt"))
    assert after["state_dict"].keys() == before["state_dict"].keys()
    for name, value in after["state_dict"].items():
        assert torch.equal(value, before["state_dict"][name])
    assert any(
        not torch.equal(value, before["current_model_state"][name]) for name, value in after["state_dict"].items()
    )


def test_the_file_is_about_as_large_as_its_weights(last: Path, tmp_path: Path) -> None:
    path = export_checkpoint(last, tmp_path / "gf.ckpt")
    weights = sum(value.numel() * value.element_size() for value in load(path)["state_dict"].values())
    # trained and averaged weights and Adam's two moments are four times as much
    assert path.stat().st_size < 0.4 * last.stat().st_size
    assert path.stat().st_size < weights + 40_000  # names, settings, alignment


def test_a_view_does_not_drag_its_whole_storage_along(last: Path, tmp_path: Path) -> None:
    content = load(last)
    content["state_dict"] = {"part": torch.zeros(100_000)[:10]}
    torch.save(content, tmp_path / "view.ckpt")
    assert export_checkpoint(tmp_path / "view.ckpt", tmp_path / "gf.ckpt").stat().st_size < 20_000


def test_the_primitive_acts_the_same(last: Path, tmp_path: Path) -> None:
    batch, actions = made_up_batch(2, num_points=1024), []
    for path in (last, export_checkpoint(last, tmp_path / "gf.ckpt")):
        primitive = GraspPrimitive.from_checkpoint(path)
        feature = primitive.encode(batch.points_h, batch.objects, torch.tensor([[0.0, 0.0, 1.0, 0.1]]).expand(2, 4))
        actions.append(primitive.act(torch.zeros(2, 18), feature, elapsed=torch.tensor([0.2, 0.8])))
    assert torch.equal(*actions)


def test_an_exported_checkpoint_can_be_exported_again(last: Path, tmp_path: Path) -> None:
    first = export_checkpoint(last, tmp_path / "gf.ckpt")
    again = export_checkpoint(first, tmp_path / "again.ckpt")
    assert load(again).keys() == load(first).keys()


def test_the_command_line_says_what_was_written(last: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        main(["--checkpoint", str(last), "--output", str(tmp_path / "gf.ckpt")])
    size = (tmp_path / "gf.ckpt").stat().st_size / 1e6
    assert f"gf.ckpt: {size:.2f} MB ({last}: {last.stat().st_size / 1e6:.2f} MB), epoch 1" in caplog.text


def test_a_failed_export_leaves_the_older_file(last: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    path = export_checkpoint(last, tmp_path / "gf.ckpt")
    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match=r"No space left"):
        export_checkpoint(last, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["gf.ckpt"]


@pytest.mark.parametrize("missing", ["hyper_parameters", "pytorch-lightning_version"])
def test_a_checkpoint_that_does_not_describe_itself_is_refused(missing: str, last: Path, tmp_path: Path) -> None:
    content = load(last)
    del content[missing]
    torch.save(content, tmp_path / "less.ckpt")
    with pytest.raises(ValueError, match=rf"less\.ckpt has no field {missing}; expected one written by: python -m"):
        export_checkpoint(tmp_path / "less.ckpt", tmp_path / "gf.ckpt")
    assert not (tmp_path / "gf.ckpt").exists()


def test_mistakes_end_the_command_with_a_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--checkpoint", str(tmp_path / "none.ckpt"), "--output", str(tmp_path / "gf.ckpt")])
    assert "none.ckpt does not exist; train one with" in capsys.readouterr().err
    (tmp_path / "half.ckpt").write_bytes(b"PK half")
    with pytest.raises(SystemExit):
        main(["--checkpoint", str(tmp_path / "half.ckpt"), "--output", str(tmp_path / "gf.ckpt")])
    assert "half.ckpt cannot be read as plain tensors" in capsys.readouterr().err


def test_what_training_resumes_from_is_not_written_over(last: Path) -> None:
    before = last.read_bytes()
    with pytest.raises(ValueError, match="training resumes from it; give the output another name"):
        export_checkpoint(last, last.parent / ".." / last.parent.name / last.name)
    assert last.read_bytes() == before


def test_an_encoder_alone_serves_to_start_from_and_for_nothing_else(last: Path, tmp_path: Path) -> None:
    path = tmp_path / "encoder.ckpt"
    main(["--checkpoint", str(last), "--output", str(path), "--encoder-alone"])
    kept = load(path)["state_dict"]
    assert kept.keys() == {name for name in load(last)["state_dict"] if name.startswith("network.encoder.")}
    trained = load_score_module(last).network.encoder
    encoder = load_score_module(last).network.encoder
    for parameter in encoder.parameters():
        torch.nn.init.zeros_(parameter)
    start_from_encoder_of(encoder, str(path))
    for name, value in trained.state_dict().items():
        assert torch.equal(encoder.state_dict()[name], value), name
    with pytest.raises(ValueError, match=r"encoder\.ckpt holds a primitive's encoder alone.*model\.encoder_checkpoint"):
        GraspPrimitive.from_checkpoint(path)
    with pytest.raises(ValueError, match="holds a primitive's encoder alone"):
        AtomicCheckpointIO().load_checkpoint(path)


@pytest.mark.parametrize(
    ("options", "name", "why"),
    [
        ({"only_encoder": True}, "small.ckpt", "what is left out would be lost"),
        ({"shared_primitive": "other.ckpt"}, "small.ckpt", "what is left out would be lost"),
        ({"shared_primitive": "other.ckpt"}, "other.ckpt", "it is the primitive"),
        ({"primitive": "other.ckpt"}, "other.ckpt", "it is the primitive"),
    ],
)
def test_what_is_read_is_not_written_over(
    options: dict[str, Any], name: str, why: str, last: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for each in ("small.ckpt", "other.ckpt"):
        export_checkpoint(last, each)
    before = Path(name).read_bytes()
    with pytest.raises(ValueError, match=rf"the output .*{name} is {name}, which is read: {why}"):
        export_checkpoint("small.ckpt", tmp_path / name, **options)
    assert Path(name).read_bytes() == before


def test_an_exported_checkpoint_can_be_converted_in_its_place(last: Path, tmp_path: Path) -> None:
    small = export_checkpoint(last, tmp_path / "small.ckpt")
    before = load(small)
    assert load(export_checkpoint(small, small)).keys() == before.keys()
