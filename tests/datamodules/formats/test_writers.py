"""Round trips: what is written in another layout is read back to 1e-6."""

import errno
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from datamodules.export_grasps import export_grasps
from datamodules.formats.dexgraspbench import PALM_OFFSET, DexGraspBench
from datamodules.formats.foreign import BadEntry, ForeignGrasp
from datamodules.formats.reading import read_grasps
from datamodules.formats.registry import open_source
from datamodules.grasps.grasp_file import save_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from envs.objects.library import ObjectLibrary
from envs.objects.meshes.mesh_files import load_mesh
from tests.datamodules.formats.conftest import BOX


def read_back(source: Path) -> list[ForeignGrasp]:
    reader = open_source(source)
    entries = [entry for unit in reader.units() for entry in reader.read(unit)]
    return [entry for entry in entries if isinstance(entry, ForeignGrasp)]


@pytest.fixture
def path(known: GraspSet, tmp_path: Path) -> Path:
    save_grasp_set(known, tmp_path / "known.npz")
    return tmp_path / "known.npz"


@pytest.mark.parametrize(("name", "below"), [("unidexgrasp", "datasetv4.1"), ("dexgraspbench", "graspdata")])
def test_round_trip(name: str, below: str, path: Path, known: GraspSet, tmp_path: Path) -> None:
    export_grasps(path, tmp_path / name, name, "small")
    grasps = read_back(tmp_path / name / below)
    assert len(grasps) == len(known) == 5
    wrist = np.array([grasp.wrist_pose_m for grasp in grasps])
    joints = np.array([[grasp.joints[joint] for joint in known.hand.joints] for grasp in grasps])
    np.testing.assert_allclose(joints, known.joint_pos, atol=1e-6)
    np.testing.assert_allclose(wrist[:, :3], known.wrist_pose_o[:, :3], atol=1e-6)
    # of a unit quaternion and its negative the sign is free; stored ones are of single precision
    np.testing.assert_allclose(np.abs((wrist[:, 3:] * known.wrist_pose_o[:, 3:]).sum(axis=1)), 1.0, atol=1e-6)
    mesh = load_mesh(grasps[0].mesh)
    np.testing.assert_allclose(mesh.vertices * grasps[0].scale, ObjectLibrary("small").get(BOX).vertices, atol=1e-6)
    assert len(read_grasps(grasps, known.hand)) == 5  # on the table, fingertips near


def test_benchmark_gives_the_mount_and_three_stages(path: Path, known: GraspSet, tmp_path: Path) -> None:
    export_grasps(path, tmp_path / "bench", "dexgraspbench", "small")
    reader = DexGraspBench(tmp_path / "bench" / "graspdata")
    assert reader.palm_offset == PALM_OFFSET
    [unit] = reader.units()
    first = next(iter(reader.read(unit)))
    assert isinstance(first, ForeignGrasp)
    assert first.pregrasp is not None
    assert first.squeeze is not None
    preshape = [first.pregrasp[name] for name in known.hand.joints]
    np.testing.assert_allclose(preshape, known.preshape[0], atol=1e-6)
    assert first.squeeze["FFJ2"] == pytest.approx(min(first.joints["FFJ2"] + 0.1, 1.571), abs=1e-3)


def test_stacked_rows_and_other_hands(path: Path, tmp_path: Path) -> None:
    export_grasps(path, tmp_path / "bench", "dexgraspbench", "small")
    folder = tmp_path / "bench" / "graspdata" / BOX
    first = np.load(folder / "00000.npy", allow_pickle=True).item()
    for file in folder.iterdir():
        file.unlink()
    stacked = {name: np.stack([value] * 3) for name, value in first.items() if name.endswith("_qpos")}
    np.save(folder / "dexonomy.npy", np.array(first | stacked, dtype=object), allow_pickle=True)
    allegro = first | {"grasp_qpos": np.zeros(23)}
    np.save(folder / "z_allegro.npy", np.array(allegro, dtype=object), allow_pickle=True)
    absent = first | {"grasp_qpos": np.zeros(29)}
    np.save(folder / "z_zero.npy", np.array(absent, dtype=object), allow_pickle=True)
    reader = DexGraspBench(folder.parent)
    entries = [entry for unit in reader.units() for entry in reader.read(unit)]
    assert [type(entry) for entry in entries] == [ForeignGrasp] * 3 + [BadEntry] * 2
    causes = [entry.cause for entry in entries if isinstance(entry, BadEntry)]
    assert "quaternion of length 0" in causes[0]  # of another hand
    assert "quaternion of length 0" in causes[1]  # an absent row


@pytest.mark.parametrize("name", ["unidexgrasp", "dexgraspbench"])
def test_a_full_disk_leaves_no_half_of_a_file(
    name: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = iter((True, True, False))  # for a mesh and a grasp

    def sync(_: int) -> None:
        if not next(room):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", sync)
    with pytest.raises(OSError, match=r"00001\.np. was not written: No space left on device"):
        export_grasps(path, tmp_path / name, name, "small")
    written = [file for file in (tmp_path / name).rglob("*") if file.is_file()]
    assert sorted(file.suffix for file in written) == sorted([".obj", ".npz" if name == "unidexgrasp" else ".npy"])


@pytest.mark.parametrize(("name", "below"), [("unidexgrasp", "datasetv4.1/graspgf"), ("dexgraspbench", "graspdata")])
def test_grasps_of_two_exports_do_not_mix(name: str, below: str, path: Path, known: GraspSet, tmp_path: Path) -> None:
    """Of a smaller set the last grasps would be those of the export before."""
    output, fewer = tmp_path / "out", tmp_path / "fewer.npz"
    save_grasp_set(known.rows(np.arange(3)), fewer)
    export_grasps(fewer, output, name, "small")
    (output / below / ".00000.x.tmp").write_bytes(b"")  # what a killed one leaves
    export_grasps(path, output, name, "small")  # all files of before are written over
    files = {file: file.read_bytes() for file in output.rglob("*") if file.is_file()}
    with pytest.raises(
        ValueError, match=rf"{below} holds 2 files of another export, such as .*00003\.np.*another folder"
    ):
        export_grasps(fewer, output, name, "small")
    assert {file: file.read_bytes() for file in output.rglob("*") if file.is_file()} == files


def test_a_folder_that_cannot_be_written_to_is_told_before_the_work(path: Path) -> None:
    with pytest.raises(ValueError, match=r"nothing can be written into the folder .*known\.npz/there"):
        export_grasps(path, path / "there", "dexgraspbench", "small")


def test_unknown_layout_lists_those_written(path: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--format is 'ply'; layouts that are written: unidexgrasp, dexgraspbench"):
        export_grasps(path, tmp_path / "x", "ply")


def test_objects_held_above_the_table_stand_on_it(path: Path, known: GraspSet, tmp_path: Path) -> None:
    raised = known.object_pose_w + np.array([0, 0, 0.004, 0, 0, 0, 0], dtype=np.float32)
    save_grasp_set(replace(known, object_pose_w=raised), path)
    for name, below in (("unidexgrasp", "datasetv4.1"), ("dexgraspbench", "graspdata")):
        export_grasps(path, tmp_path / name, name, "small")
        read = read_grasps(read_back(tmp_path / name / below), known.hand)
        corners = ObjectLibrary("small").get(BOX).vertices
        lowest = (corners @ read.plane_m[:, :3].T).min(axis=0) + read.plane_m[:, 3]
        assert len(read) == 5
        np.testing.assert_allclose(lowest, 0.0, atol=1e-6)
