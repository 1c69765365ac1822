"""Grasps of other projects: every file gives the grasps that it tells, or entries that say what is wrong."""

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh

from datamodules.formats.foreign import BadEntry, ForeignGrasp, Format
from datamodules.formats.joint_maps import JOINTS
from datamodules.formats.openai_keys import KEYS
from datamodules.formats.plain_files import load_pth
from datamodules.formats.reading import read_grasps
from datamodules.formats.registry import FORMATS, open_source
from envs.hand.registry import load_hand
from tests.fuzz.inputs import Trap, as_array, changed, check_clear, edited, given, many, strategies

CODE = "core-bottle-1a2b"
PALM = [0.0, 0.0, -0.12]
"""Metres: the fingertips are in the box, of 80 mm, whose middle is the origin."""

QPOS = dict.fromkeys(KEYS, 0.0) | {"WRJTz": PALM[2]}
TREES: dict[str, dict[str, Any]] = {
    "unidexgrasp": {"qpos": QPOS, "scale": 12.5, "plane": [0.0, 0.0, 1.0, 0.04]},
    "dexgraspnet": {"qpos": QPOS, "scale": 0.08, "energy": 0.3},
    "dexgraspbench": {
        "grasp_qpos": [*PALM, 1.0, *[0.0] * 25],
        "obj_pose": [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0],
        "obj_scale": 0.08,
        "obj_path": CODE,
    },
}
FILES = {
    "unidexgrasp": f"core/{CODE}/00000.npz",
    "dexgraspnet": f"{CODE}.npy",
    "dexgraspbench": f"{CODE}/0.npy",
    "graspgf": "train_rc.pth",
}


MARKERS = {"dexgraspnet": "qpos", "dexgraspbench": "grasp_qpos"}
"""Fields by which a format is known, whatever stands beside them."""


def stored(name: str, tree: Any) -> bytes:
    """A file of that format with these fields; what is no plain array is pickled."""
    stream = io.BytesIO()
    if name == "graspgf":
        return pickle.dumps(tree)
    if name == "unidexgrasp":
        np.savez(
            stream, **{field: as_array(value) for field, value in tree.items() if isinstance(field, str) and field}
        )
    elif name == "dexgraspnet":
        np.save(stream, np.array([tree, tree], dtype=object), allow_pickle=True)
    else:
        np.save(stream, np.array(tree, dtype=object), allow_pickle=True)
    return stream.getvalue()


def as_archive(content: Any) -> bytes:
    """As ``torch.save`` writes it."""
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


def release_rows(block: trimesh.Trimesh) -> np.ndarray:
    """Two grasps in the columns of the release."""
    rows = np.zeros((2, 3121), dtype=np.float32)
    rows[:, 18:21], rows[:, 24], rows[:, 3103] = PALM, 1.0, 1.0
    rows[:, 25:3097] = 0.08 * np.asarray(trimesh.sample.sample_surface(block, 1024, seed=0)[0]).ravel()
    rows[:, 3104], rows[:, 3120] = 7, 0.08
    return rows


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    return release_rows(trimesh.creation.box((1.0, 1.0, 1.0)))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source of each format, and the mesh where all of them look for it."""
    root = tmp_path_factory.mktemp("foreign")
    for mesh in (root / "meshdata" / CODE, root / "meshdata" / "core" / CODE):
        (mesh / "coacd").mkdir(parents=True)
        trimesh.creation.box((1.0, 1.0, 1.0)).export(mesh / "coacd" / "decomposed.obj")
    for name, file in FILES.items():
        (root / name / file).parent.mkdir(parents=True)
    (root / "graspgf" / "train_oti.pth").write_bytes(pickle.dumps({CODE: 7}))
    return root


def entries_of(reader: Format) -> list[ForeignGrasp | BadEntry]:
    return [entry for unit in reader.units() for entry in reader.read(unit)]


def check_told(name: str, grasp: ForeignGrasp, tree: dict[str, Any]) -> None:
    """The grasp is the one that the fields tell."""
    if name == "dexgraspbench":
        assert grasp.scale == pytest.approx(float(np.ravel(tree["obj_scale"])[0]))
        assert len(np.ravel(tree["grasp_qpos"])) > 7
        return
    qpos = tree["qpos"]
    told = {key.removeprefix("robot0:"): value for key, value in qpos.items()}
    assert grasp.joints == pytest.approx({joint: float(np.ravel(told[joint])[0]) for joint in JOINTS})
    position = [float(np.ravel(told[f"WRJT{axis}"])[0]) for axis in "xyz"]
    assert grasp.wrist_pose_m[:3] == pytest.approx(position)
    scale = float(np.ravel(tree["scale"])[0])
    assert grasp.scale == pytest.approx(1.0 / scale if name == "unidexgrasp" else scale)


@pytest.mark.parametrize("name", FILES)
def test_the_originals_are_grasps(name: str, root: Path, rows: np.ndarray) -> None:
    (root / name / FILES[name]).write_bytes(stored(name, rows if name == "graspgf" else TREES[name]))
    assert open_source(root / name).name == name
    read = read_grasps(entries_of(FORMATS[name](root / name, root / "meshdata")), load_hand("shadow"))
    assert (len(read), read.bad) == ((1 if name.startswith(("uni", "dexgraspb")) else 2), ())


@given(data=strategies.data(), name=strategies.sampled_from(sorted(FILES)))
@many(0.15)
def test_a_malformed_source_gives_what_it_tells_or_says_what_is_wrong(
    data: Any, name: str, root: Path, rows: np.ndarray
) -> None:
    path, trapped = root / name / FILES[name], root / "run_by_grasps"
    kind = data.draw(strategies.sampled_from(["bytes", "fields", "fields", "trap", "list"]))
    tree: Any = rows.copy() if name == "graspgf" else TREES[name]
    if kind == "list" and name == "graspgf":
        path.write_bytes(stored(name, tree))
        path, tree = root / name / "train_oti.pth", data.draw(changed({CODE: 7, "other": 8}))
    elif kind == "trap" and name == "graspgf":
        tree = Trap(trapped)
    elif kind == "trap":
        tree = tree | {data.draw(strategies.sampled_from(list(tree))): Trap(trapped)}
    elif kind == "fields" and name == "graspgf":
        column = data.draw(strategies.sampled_from([0, 17, 18, 24, 25, 3097, 3103, 3104, 3120]))
        tree[0, column] = data.draw(strategies.floats(width=32))
    elif kind == "fields":
        tree = data.draw(changed(tree))
    is_archive = name == "graspgf" and data.draw(strategies.booleans())
    raw = as_archive(tree) if is_archive else stored(name, tree)
    path.write_bytes(data.draw(edited([raw])) if kind == "bytes" else raw)
    fits, marker = FORMATS[name].fits(root / name), MARKERS.get(name)
    if kind == "fields" and isinstance(tree, dict) and marker and tree.get(marker) == TREES[name][marker]:
        assert fits
    entries: list[ForeignGrasp | BadEntry] = []
    try:
        entries = entries_of(FORMATS[name](root / name, root / "meshdata"))
    except ValueError as error:
        check_clear(error, path)
    (root / "graspgf" / "train_oti.pth").write_bytes(pickle.dumps({CODE: 7}))
    for entry in entries:
        if isinstance(entry, BadEntry):
            check_clear(ValueError(f"{entry.origin}: {entry.cause}"), root / name / FILES[name])
        elif kind == "fields" and name != "graspgf":
            check_told(name, entry, tree)
    read = read_grasps(entries, load_hand("shadow"))
    assert len(read) + len(read.bad) + len(read.wrists) == len(entries)
    for values in (read.wrist_pose_m, read.joint_pos, read.preshape, read.target, read.tip_distance):
        assert np.isfinite(values).all()
    for bad in read.bad:
        check_clear(ValueError(f"{bad.origin}: {bad.cause}"), root / name / FILES[name])
    assert not trapped.exists()


@pytest.mark.parametrize("dump", [pickle.dumps, as_archive])
def test_lists_of_objects_run_nothing(dump: Callable[[Any], bytes], root: Path) -> None:
    path, trapped = root / "list.pth", root / "run_by_a_list"
    path.write_bytes(dump({CODE: Trap(trapped)}))
    with pytest.raises(ValueError, match=r"list\.pth was not read"):
        load_pth(path)
    assert not trapped.exists()
