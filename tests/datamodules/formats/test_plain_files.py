"""What files of other projects hold beside plain numbers: old names, bytes, arrays within arrays, too much."""

import io
import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from datamodules.formats import plain_files
from datamodules.formats.dexgraspbench import DexGraspBench
from datamodules.formats.dexgraspnet import DexGraspNet
from datamodules.formats.foreign import ForeignGrasp
from datamodules.formats.openai_keys import KEYS, write_keys
from datamodules.formats.plain_files import load_npy, load_pth
from datamodules.formats.reading import read_grasps
from datamodules.formats.registry import open_source
from datamodules.formats.unidexgrasp import UniDexGrasp
from envs.hand.hand import Hand
from envs.wrist.plain_pickle import load_plain_pickle
from envs.wrist.recorded import load_patterns
from envs.wrist.recording_files import read_poses
from tests.datamodules.formats.conftest import NO_TURN, SCALE, Example, save

Writer = Callable[..., Path]


def as_numpy_1(content: bytes) -> bytes:
    """Pickled by numpy 1: its modules had other names; texts of protocol 2 end with a line, not after a count."""
    assert b"numpy._core" in content
    return content.replace(b"numpy._core", b"numpy.core")


def keys_of(example: Example) -> dict[str, float]:
    return write_keys(example.joints, example.wrist_pose_m)


QPOS: dict[str, Callable[[dict[str, float]], Any]] = {
    "dict": lambda keys: keys,
    "numbers of single precision": lambda keys: {key: np.float32(value) for key, value in keys.items()},
    "arrays without axes": lambda keys: {key: np.array(value) for key, value in keys.items()},
    "arrays of one number": lambda keys: {key: np.array([value]) for key, value in keys.items()},
    "names as bytes": lambda keys: {key.encode(): value for key, value in keys.items()},
    "names as numpy texts": lambda keys: {np.str_(key): value for key, value in keys.items()},
    "an array of one dict": lambda keys: np.array([keys], dtype=object),
}


@pytest.mark.parametrize("kind", QPOS)
def test_unidexgrasp_with_fields_of_other_kinds(unidexgrasp: Writer, example: Example, kind: str) -> None:
    source = unidexgrasp(
        qpos=QPOS[kind](keys_of(example)),
        scale=np.array([1.0 / SCALE]),
        plane=example.plane_m.tolist(),
        energy=np.float64(0.5),
        contact=np.array({"thumb": [1, 2]}, dtype=object),
    )
    [grasp] = [entry for unit in UniDexGrasp(source).units() for entry in UniDexGrasp(source).read(unit)]
    assert isinstance(grasp, ForeignGrasp)
    assert grasp.joints == pytest.approx(example.joints, abs=1e-6)
    assert grasp.scale == pytest.approx(SCALE)


@pytest.mark.parametrize("kind", [kind for kind in QPOS if kind != "an array of one dict"])
def test_dexgraspnet_with_fields_of_other_kinds(dexgraspnet: Writer, example: Example, kind: str) -> None:
    change = {"qpos": QPOS[kind](keys_of(example)), "scale": np.float32(SCALE), "energy": 1.5, "contact_point": None}
    source = dexgraspnet(change, {"scale": np.array(SCALE), "evaluation": {"succ": np.bool_(True)}})
    grasps = [entry for unit in DexGraspNet(source).units() for entry in DexGraspNet(source).read(unit)]
    assert [type(grasp) for grasp in grasps] == [ForeignGrasp] * 2
    assert grasps[0].joints == pytest.approx(example.joints, abs=1e-6)


@pytest.mark.parametrize("kind", ["bytes", "numpy texts", "arrays", "one dict in an array"])
def test_benchmark_with_fields_of_other_kinds(
    dexgraspnet: Writer, mounts: np.ndarray, hand: Hand, tmp_path: Path, kind: str
) -> None:
    meshes = dexgraspnet({}).parent / "meshdata"
    code: Any = {"bytes": b"core-bottle-1a2b", "numpy texts": np.str_("core-bottle-1a2b")}.get(kind, "core-bottle-1a2b")
    fields: dict[Any, Any] = {
        "grasp_qpos": mounts[0].astype(np.float32),
        "obj_pose": np.array([0.0, 0.0, 0.0, *NO_TURN], dtype=np.float32),
        "obj_scale": np.array(SCALE) if kind == "arrays" else np.float64(SCALE),
        "obj_path": np.array(code) if kind == "arrays" else code,
        "succ_flag": np.True_,
        "evaluation": {"pene_depth": [0.1], "contact": None},
    }
    fields = {name.encode(): value for name, value in fields.items()} if kind == "bytes" else fields
    path = tmp_path / "graspdata" / "a" / "0.npy"
    save(path, fields)
    if kind == "one dict in an array":
        np.save(path, np.array([fields], dtype=object), allow_pickle=True)
    reader = DexGraspBench(tmp_path / "graspdata", meshes)
    assert DexGraspBench.fits(tmp_path / "graspdata")
    read = read_grasps([entry for unit in reader.units() for entry in reader.read(unit)], hand)
    assert (len(read), read.bad) == (1, ())


def test_files_of_numpy_1(tmp_path: Path, example: Example) -> None:
    fields = {"qpos": keys_of(example), "scale": np.float32(SCALE), "grasp": np.arange(3.0)}
    entries = np.array([fields, fields], dtype=object)
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(entries))
    path = tmp_path / "old.npy"
    path.write_bytes(stream.getvalue() + as_numpy_1(pickle.dumps(entries, protocol=2)))
    [first, _] = load_npy(path)
    assert first["qpos"] == fields["qpos"]
    assert first["scale"] == fields["scale"]
    np.testing.assert_array_equal(first["grasp"], [0.0, 1.0, 2.0])


def test_torch_archives_of_numpy_1(tmp_path: Path) -> None:
    stream, path = io.BytesIO(), tmp_path / "old.pth"
    torch.save({"bottle": np.arange(3.0), "scale": np.float64(0.5)}, stream)
    with zipfile.ZipFile(stream) as made, zipfile.ZipFile(path, "w") as old:
        for name in made.namelist():
            content = made.read(name)
            old.writestr(name, as_numpy_1(content) if name.endswith("data.pkl") else content)
    found = load_pth(path)
    np.testing.assert_array_equal(found["bottle"], [0.0, 1.0, 2.0])
    assert found["scale"] == 0.5


def test_arrays_of_python_2(tmp_path: Path) -> None:
    """By hand: protocol 2, the numbers as a text of bytes (``U``), as Python 2 wrote them."""
    numbers = np.array([1.5, -2.0])
    made = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR"
    dtype = b"cnumpy\ndtype\n(U\x02f8K\x00K\x01tR(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    state = b"(K\x01K\x02\x85" + dtype + b"\x89U\x10" + numbers.tobytes() + b"tb."
    path = tmp_path / "old.pkl"
    path.write_bytes(b"\x80\x02" + made + state)
    np.testing.assert_array_equal(load_plain_pickle(path), numbers)


def test_a_field_that_would_unfold_to_gigabytes_is_refused(
    unidexgrasp: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain_files, "MAX_FIELD_BYTES", 1_000_000)
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, scale=np.zeros(200_000))
    assert path.stat().st_size < 10_000
    with pytest.raises(ValueError, match=r"bomb\.npz, field scale: 2 MB, allowed up to 1; it is no grasp"):
        plain_files.load_npz(path, ("scale",))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"WRJTx": 1e308}, "the palm is 1e+308 m from the object, allowed 10"),
        ({"robot0:FFJ3": 45.0}, "joint FFJ3 is at 45, allowed up to 6.28 rad; are these degrees?"),
    ],
)
def test_numbers_beyond_all_measure_cost_their_own_grasp_alone(
    dexgraspnet: Writer, example: Example, hand: Hand, change: dict[str, float], words: str
) -> None:
    assert change.keys() <= set(KEYS)
    source = dexgraspnet({}, {"qpos": keys_of(example) | change})
    read = read_grasps(
        [entry for unit in DexGraspNet(source).units() for entry in DexGraspNet(source).read(unit)], hand
    )
    assert len(read) == 1
    assert words in read.bad[0].cause


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64
PAGE = b"<!DOCTYPE html><html><body>sign in</body></html>"


@pytest.mark.parametrize(("content", "words"), [(LFS, "it is a Git LFS pointer"), (PAGE, "it is a web page")])
@pytest.mark.parametrize(
    ("name", "load"),
    [
        ("a.npz", lambda path: plain_files.load_npz(path, ("qpos",))),
        ("a.npy", load_npy),
        ("a.pth", load_pth),
        ("a.npy", load_patterns),
        ("pose.npz", lambda path: read_poses(path, {"pose_y": 7})),
        ("a.npz", lambda path: open_source(path.parent)),
    ],
    ids=["npz", "npy", "pth", "wrists", "poses", "source"],
)
def test_what_stands_in_place_of_a_file_is_told(
    name: str, load: Callable[[Path], object], content: bytes, words: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"{re.escape(name)}.*{words}"):
        load(path)


def test_an_archive_under_the_name_of_an_array_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    with path.open("wb") as file:
        np.savez(file, qpos=np.zeros(3))
    with pytest.raises(ValueError, match=r"a\.npy is an \.npz archive under the name \.npy; rename it$"):
        load_npy(path)


def of_another_shape(*shape: int) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return stream.getvalue() + bytes(8)


LOADERS: dict[str, Callable[[Path], object]] = {
    "a.npy": load_npy,
    "a.npz": lambda path: plain_files.load_npz(path, ("pose",)),
    "pose.npz": lambda path: read_poses(path, {"pose": 1}),
}


def write_array(path: Path, content: bytes) -> Path:
    if path.suffix == ".npy":
        path.write_bytes(content)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("pose.npy", content)
    return path


@pytest.mark.parametrize("name", LOADERS)
def test_a_damaged_header_is_no_want_of_memory(name: str, tmp_path: Path) -> None:
    path = write_array(tmp_path / name, of_another_shape(10**6, 10**6, 10**6))
    with pytest.raises(ValueError, match=rf"{re.escape(name)}.*its header tells of 8{18 * '0'} bytes"):
        LOADERS[name](path)


@pytest.mark.parametrize("name", LOADERS)
def test_want_of_memory_is_no_damaged_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def take(*_: object, **__: object) -> None:
        raise MemoryError("out of it")

    path = write_array(tmp_path / name, of_another_shape(1, 1, 1))
    LOADERS[name](path)
    monkeypatch.setattr(np.lib.format, "read_array", take)
    with pytest.raises(MemoryError, match="out of it"):
        LOADERS[name](path)
