"""Grasp sets, checkpoints and hands: files that one user gets from another."""

import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from datamodules.grasps import grasp_file
from datamodules.grasps.grasp_file import load_grasp_set, save_grasp_set
from envs.hand.own_hand import read_hand
from lightning_modules.primitive import GraspPrimitive
from tests.datamodules.grasps.examples import made_up_set
from tests.envs.hand.claw import HAND, write_claw
from tests.fuzz.inputs import Trap, changed, check_clear, edited, given, many, strategies
from tests.learning import tiny_module

_ARRAYS = strategies.sampled_from(
    [
        np.zeros((0, 18), np.float32), np.full((3, 18), np.nan, np.float32), np.zeros((3, 18), "U4"), np.zeros(3),
        np.full(3, 2**40), np.zeros((3, 7)), np.array([["x"]], dtype=object), np.zeros((3, 10**5), bool), np.array(1),
        np.zeros((10**6, 30), np.uint8),
    ]
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("learned")


@pytest.fixture(scope="module")
def grasps(folder: Path) -> tuple[bytes, dict[str, np.ndarray], dict[str, Any]]:
    """A grasp set's bytes, arrays and header."""
    save_grasp_set(made_up_set(), folder / "good.npz")
    with np.load(folder / "good.npz") as archive:
        arrays = dict(archive)
    return (folder / "good.npz").read_bytes(), arrays, json.loads(arrays["header"].tobytes())


@pytest.fixture(scope="module")
def checkpoint() -> dict[str, Any]:
    """Plain content of a small primitive's checkpoint."""
    module = tiny_module()
    settings = {
        "_class_path": "lightning_modules.score_module.ScoreMatchingModule",
        "encoder": {
            "class_path": "lightning_modules.networks.point_encoders.PointNetEncoder",
            "init_args": {"widths": [8, 16], "feature_widths": [16]},
        },
        "joint_width": 32,
        "time_width": 8,
        "hidden_width": 32,
        "draws": 4,
    }
    return {"state_dict": module.state_dict(), "hyper_parameters": settings}


def stored(arrays: dict[str, np.ndarray]) -> bytes:
    """As an npz file; arrays of objects are pickled, as a stranger's may be."""
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


@given(data=strategies.data())
@many(0.08)
def test_a_malformed_grasp_set_is_a_set_or_a_clear_error(data, folder: Path, grasps) -> None:
    raw, arrays, header = grasps
    path, trapped = folder / "malformed.npz", folder / "unpickled"
    kind = data.draw(strategies.sampled_from(["bytes", "header", "array", "absent", "trap"]))
    if kind == "header":
        text = json.dumps(data.draw(changed(header))).encode()
        path.write_bytes(stored(arrays | {"header": np.frombuffer(text, np.uint8)}))
    elif kind in ("array", "absent", "trap"):
        name = data.draw(strategies.sampled_from(sorted(arrays)))
        other = {key: value for key, value in arrays.items() if key != name}
        if kind == "array":
            other[name] = data.draw(_ARRAYS)
        elif kind == "trap":
            other[name] = np.array([Trap(trapped)] * 3, dtype=object)
        path.write_bytes(stored(other))
    else:
        path.write_bytes(data.draw(edited([raw])))
    try:
        loaded = load_grasp_set(path)
    except (ValueError, FileNotFoundError) as error:
        check_clear(error, path)
    else:
        assert np.isfinite(loaded.joint_pos).all()
        assert len(loaded.objects) == len(loaded.object_splits)
        assert all(isinstance(name, str) for name in loaded.objects)
    assert not trapped.exists()


def test_a_set_that_would_unfold_to_gigabytes_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "bomb.npz"
    monkeypatch.setattr(grasp_file, "MAX_BYTES", 10_000_000)
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("header.npy", "w", force_zip64=True) as stream,
    ):
        stream.write(bytes(11_000_000))
    assert path.stat().st_size < 20_000
    with pytest.raises(ValueError, match=r"bomb.npz cannot be read \(it unfolds to 0.0 GB, allowed up to 0.01 GB\)"):
        load_grasp_set(path)


@given(data=strategies.data())
@many(0.05)
def test_a_malformed_checkpoint_is_a_primitive_or_a_clear_error(data, folder: Path, checkpoint: dict[str, Any]) -> None:
    path, trapped = folder / "malformed.ckpt", folder / "run_by_checkpoint"
    kind = data.draw(strategies.sampled_from(["bytes", "settings", "weights", "trap", "pickle"]))
    content = dict(checkpoint)
    if kind == "settings":
        content["hyper_parameters"] = data.draw(changed(checkpoint["hyper_parameters"]))
    elif kind == "weights":
        name = data.draw(strategies.sampled_from(sorted(checkpoint["state_dict"])))
        content["state_dict"] = checkpoint["state_dict"] | {name: torch.zeros(data.draw(strategies.integers(0, 9)))}
    elif kind == "trap":
        content[data.draw(strategies.sampled_from(["state_dict", "hyper_parameters", "more"]))] = Trap(trapped)
    stream = io.BytesIO()
    torch.save(content, stream)
    raw = stream.getvalue()
    if kind == "bytes":
        raw = data.draw(edited([raw]))
    elif kind == "pickle":
        raw = pickle.dumps(Trap(trapped))
    path.write_bytes(raw)
    try:
        primitive = GraspPrimitive.from_checkpoint(path)
    except (ValueError, FileNotFoundError) as error:
        check_clear(error, path)
    else:
        assert primitive.hand.name == "shadow"
    assert not trapped.exists()


@given(data=strategies.data())
@many(0.05)
def test_a_malformed_hand_is_a_hand_or_a_clear_error(data, folder: Path) -> None:
    write_claw(folder)
    path, trapped = folder / "claw.yaml", folder / "run_by_yaml"
    kind = data.draw(strategies.sampled_from(["bytes", "bytes", "fields", "fields", "tag"]))
    if kind == "tag":
        tag = data.draw(strategies.sampled_from(["object/apply:os.mkdir", "object/new:os.mkdir", "name:os.mkdir"]))
        text = f"{HAND}\nlimits: !!python/{tag} ['{trapped}']\n".encode()
    elif kind == "fields":
        text = yaml.safe_dump(data.draw(changed(yaml.safe_load(HAND)))).encode()
    else:
        text = data.draw(edited([HAND.encode()]))
    path.write_bytes(text)
    try:
        hand = read_hand(path)
    except (ValueError, FileNotFoundError) as error:
        check_clear(error, path)
    else:
        assert np.isfinite(hand.limits.low).all()
        assert len(hand.joints) == len(set(hand.joints)) > 0
    assert not trapped.exists()
