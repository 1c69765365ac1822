"""The GraspGF release: pickles of protocol 2 and 4 and torch archives, lists of objects, clouds, absent rows."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from numpy.typing import NDArray

from datamodules.formats.foreign import BadEntry, ForeignGrasp
from datamodules.formats.graspgf import GraspGFRelease, load_cloud_buffer
from datamodules.formats.joint_maps import NEGATED
from datamodules.formats.plain_files import load_pth
from datamodules.formats.reading import read_grasps
from datamodules.formats.registry import open_source
from datamodules.formats.surface import fingertips
from datamodules.grasps.grasp_set import GraspSet
from datamodules.grasps.poses import absolute_pose
from tests.datamodules.formats.conftest import OFFSET, SCALE

CODE = "bottle-1a2b"
NO_TURN = [1.0, 0.0, 0.0, 0.0]


@pytest.fixture
def rows(known: GraspSet, block: trimesh.Trimesh) -> NDArray[np.float32]:
    """The five grasps in the columns of the release; a sixth row is absent."""
    hand, rows = known.hand, np.zeros((len(known) + 1, 3121))
    cloud = np.asarray(trimesh.sample.sample_surface(block, 1024, seed=0)[0]) * SCALE
    to_mesh = np.array([[*-OFFSET, *NO_TURN]])
    for row in range(len(known)):
        joint_pos = known.joint_pos[row : row + 1].astype(np.float64)
        mesh_w = absolute_pose(known.object_pose_w[row : row + 1].astype(np.float64), to_mesh)
        wrist_w = absolute_pose(
            known.object_pose_w[row : row + 1].astype(np.float64), known.wrist_pose_o[row : row + 1].astype(np.float64)
        )
        both = np.concatenate([joint_pos, hand.coupled_from_actuated(joint_pos)], axis=1)
        points = np.concatenate([cloud, np.tile(NO_TURN, (1024, 1))], axis=1)
        rows[row, :18] = hand.normalise(torch.as_tensor(joint_pos)).numpy()[0]
        rows[row, 18:25] = wrist_w[0, [0, 1, 2, 4, 5, 6, 3]]
        rows[row, 25:3097] = absolute_pose(np.tile(mesh_w, (1024, 1)), points)[:, :3].ravel()
        rows[row, 3097:3104] = mesh_w[0, [0, 1, 2, 4, 5, 6, 3]]
        rows[row, 3104] = 7
        rows[row, 3105:3120] = fingertips(hand, both, wrist_w).ravel()
        rows[row, 3120] = SCALE
    return rows.astype(np.float32)


@pytest.fixture
def release(tmp_path: Path, block: trimesh.Trimesh) -> Callable[..., Path]:
    """Writes rows and their list of objects and returns the folder."""
    folder = tmp_path / "release"
    mesh = folder / "meshdata" / CODE / "coacd" / "decomposed.obj"
    mesh.parent.mkdir(parents=True)
    block.export(mesh)

    def write(rows: Any, dump: Callable[[Any, Any], None] = pickle.dump) -> Path:
        with (folder / "train_rc.pth").open("wb") as file:
            dump(rows, file)
        with (folder / "train_oti.pth").open("wb") as file:
            pickle.dump({CODE: 7}, file)
        return folder

    return write


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


def test_cloud_buffer(tmp_path: Path) -> None:
    path = tmp_path / "pcl_buffer_4096_train.pkl"
    path.write_bytes(pickle.dumps({CODE: np.ones((4096, 3), dtype=np.float32)}))
    assert load_cloud_buffer(path)[CODE].shape == (4096, 3)
    path.write_bytes(pickle.dumps({CODE: np.ones(4)}))
    with pytest.raises(ValueError, match=r"object 'bottle-1a2b': float64 of shape \(4,\)"):
        load_cloud_buffer(path)
