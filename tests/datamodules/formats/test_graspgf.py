"""The GraspGF release: pickles of protocol 2 and 4 and torch archives, lists of objects, clouds, absent rows."""

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from datamodules.formats import rows_on_disk
from datamodules.formats.foreign import BadEntry, ForeignGrasp
from datamodules.formats.graspgf import GraspGFRelease
from datamodules.formats.joint_maps import NEGATED
from datamodules.formats.plain_files import load_pth
from datamodules.formats.reading import read_grasps
from datamodules.formats.registry import open_source
from datamodules.grasps.grasp_set import GraspSet
from tests.datamodules.formats.conftest import BOTTLE, OFFSET, SCALE


def entries_of(source: Path) -> list[ForeignGrasp | BadEntry]:
    reader = GraspGFRelease(source)
    return [entry for unit in reader.units() for entry in reader.read(unit)]


def check(entries: list[ForeignGrasp | BadEntry], known: GraspSet) -> None:
    grasps = [entry for entry in entries if isinstance(entry, ForeignGrasp)]
    joints = np.array([[grasp.joints[name] for name in known.hand.joints] for grasp in grasps])
    wrists = np.array([grasp.wrist_pose_m[:3] for grasp in grasps])
    np.testing.assert_allclose(joints, known.joint_pos, atol=1e-5)  # columns are of single precision
    np.testing.assert_allclose(wrists, known.wrist_pose_o[:, :3] + OFFSET, atol=1e-6)
    assert len(read_grasps(grasps, known.hand)) == 5


@pytest.mark.parametrize("protocol", [2, 4])
def test_pickles(release: Callable[..., Path], rows: NDArray[np.float32], known: GraspSet, protocol: int) -> None:
    source = release(rows, lambda content, file: pickle.dump(content, file, protocol))
    assert isinstance(open_source(source), GraspGFRelease)
    entries = entries_of(source)
    check(entries, known)
    [bad] = [entry for entry in entries if isinstance(entry, BadEntry)]
    assert "row 5: all numbers are zero" in bad.cause


@pytest.mark.parametrize("protocol", range(3, pickle.HIGHEST_PROTOCOL + 1))
def test_large_pickles_stay_on_the_disk(
    release: Callable[..., Path],
    rows: NDArray[np.float32],
    known: GraspSet,
    monkeypatch: pytest.MonkeyPatch,
    protocol: int,
) -> None:
    monkeypatch.setattr(rows_on_disk, "LARGE", rows.nbytes)
    source = release(rows.astype(np.float64), lambda content, file: pickle.dump(content, file, protocol))
    found = rows_on_disk.pickled_rows(source / "train_rc.pth")
    assert found is not None
    np.testing.assert_array_equal(found.column(3104), rows[:, 3104])
    monkeypatch.setattr("datamodules.formats.graspgf.load_pth", lambda path: pytest.fail("read whole"), raising=True)
    monkeypatch.setattr("datamodules.formats.graspgf._names", lambda path: {7: BOTTLE})
    check(entries_of(source), known)


@pytest.mark.parametrize("content", [{"a": np.ones((100, 100))}, np.ones(10_000), b"a" * 80_000, Path("x" * 80_000)])
def test_other_large_pickles_are_left_to_the_reader_of_all_kinds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any
) -> None:
    monkeypatch.setattr(rows_on_disk, "LARGE", 70_000)
    (tmp_path / "x.pth").write_bytes(pickle.dumps(content))
    assert rows_on_disk.pickled_rows(tmp_path / "x.pth") is None


@pytest.mark.parametrize("convert", [np.asarray, torch.as_tensor])
def test_torch_archives(
    release: Callable[..., Path], rows: NDArray[np.float32], known: GraspSet, convert: Callable[[Any], Any]
) -> None:
    check(entries_of(release(convert(rows), torch.save)), known)


def test_torch_archive_that_names_code_is_refused(tmp_path: Path) -> None:
    torch.save(Path("anything"), tmp_path / "x.pth")
    with pytest.raises(ValueError, match=r"x\.pth was not read"):
        load_pth(tmp_path / "x.pth")


def test_axes_the_other_way_round_are_found_by_the_fingertips(
    release: Callable[..., Path], rows: NDArray[np.float32], known: GraspSet
) -> None:
    rows[:, :18] *= [-1.0 if name in NEGATED else 1.0 for name in known.hand.joints]
    check(entries_of(release(rows)), known)


@pytest.mark.parametrize("given", [None, "ConDexEnv/assets", "ConDexEnv/assets/dexgraspnet_dataset"])
def test_meshes_are_found_where_the_released_code_has_them(
    release: Callable[..., Path], rows: NDArray[np.float32], tmp_path: Path, known: GraspSet, given: str | None
) -> None:
    root = tmp_path / "code"
    source = root / "ExpertDatasets" / "grasp_data" / "ground"
    shutil.copytree(release(rows[:5]), source)
    shutil.move(source / "meshdata", root / "ConDexEnv" / "assets" / "dexgraspnet_dataset" / "meshdata" / "train")
    reader = GraspGFRelease(source, root / given if given else None)
    check([entry for unit in reader.units() for entry in reader.read(unit)], known)


def test_wrong_scale_shows_in_the_cloud(release: Callable[..., Path], rows: NDArray[np.float32]) -> None:
    rows[0, 3120] = 2 * SCALE
    entry = entries_of(release(rows[:1]))[0]
    assert isinstance(entry, BadEntry)
    assert "row 0, cloud: its points lie" in entry.cause


def test_unnamed_object_is_told(release: Callable[..., Path], rows: NDArray[np.float32]) -> None:
    rows[0, 3104] = 8
    entry = entries_of(release(rows[:1]))[0]
    assert isinstance(entry, BadEntry)
    assert "object id: 8 has no name" in entry.cause


def test_other_widths_are_refused(release: Callable[..., Path]) -> None:
    with pytest.raises(ValueError, match=r"shape \(3, 100\), expected numbers \(N, 3121\)"):
        entries_of(release(np.zeros((3, 100))))


LISTS: dict[str, tuple[str, Any]] = {
    "names as bytes": ("oti", {b"bottle-1a2b": 7}),
    "arrays without axes": ("oti", {BOTTLE: np.array(7)}),
    "arrays of one number": ("oti", {np.str_(BOTTLE): np.array([7.0])}),
    "tensors": ("oti", {BOTTLE: torch.tensor(7)}),
    "list": ("rc_ot", [*"0123456", BOTTLE]),
    "list of bytes": ("rc_ot", [*"0123456", b"bottle-1a2b"]),
    "array": ("rc_ot", np.array([*"0123456", BOTTLE])),
}


@pytest.mark.parametrize("kind", LISTS)
def test_lists_of_objects_of_every_kind(release: Callable[..., Path], rows: NDArray[np.float32], kind: str) -> None:
    source, (name, content) = release(rows[:1]), LISTS[kind]
    (source / "train_oti.pth").unlink()
    torch.save(content, source / f"train_{name}.pth")
    assert [unit.code for unit in GraspGFRelease(source).units()] == [BOTTLE]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("oti", {BOTTLE: 7, b"can": 1.5, "mug": None}, r"object 'can': 1\.5, expected a whole number"),
        ("oti", {BOTTLE: [7, [8]]}, r"object 'bottle-1a2b': \[7, \[8\]\], expected a whole number"),
        ("oti", [BOTTLE], r"holds a list, expected a dict of names and whole numbers"),
        ("rc_ot", np.array(7), r"holds a ndarray without axes, expected a list of names"),
        ("rc_ot", BOTTLE, r"holds a str, expected a list of names"),
    ],
)
def test_what_is_no_list_of_objects_is_told(
    release: Callable[..., Path], rows: NDArray[np.float32], name: str, content: Any, words: str
) -> None:
    source = release(rows[:1])
    (source / "train_oti.pth").unlink()
    (source / f"train_{name}.pth").write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match=rf"train_{name}\.pth.* {words}; fetch the file again"):
        GraspGFRelease(source).units()
