"""Grasps of other hands: joints where the project has the hand, else wrist and contacts, and it says so."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from datamodules.convert import main
from datamodules.formats.dexgraspbench import DexGraspBench
from datamodules.formats.foreign import ForeignGrasp
from datamodules.formats.openai_keys import ROTATION, TRANSLATION, read_keys
from datamodules.formats.reading import ReadGrasps, load_read, read_grasps, save_read
from datamodules.formats.wrists import is_of_hand
from envs.hand.hand import Hand
from tests.datamodules.formats.conftest import NO_TURN, OFFSET, SCALE, save, write_scene

NAME = "core_bottle_1a2b"
CONTACTS_W = np.array([[0.02, 0.0, 0.0], [-0.02, 0.01, 0.0]])


@pytest.fixture
def allegro(tmp_path: Path, block: trimesh.Trimesh, mounts: NDArray[np.float64]) -> Callable[..., Path]:
    """Writes a file of one grasp of a hand of 16 joints, with contacts as Dexonomy has them, and returns the source."""
    scene = write_scene(tmp_path, NAME, block)

    def write(**more: Any) -> Path:
        normals = np.tile([1.0, 0.0, 0.0], (2, 1))
        content = {
            "grasp_qpos": np.concatenate([mounts[0, :7], np.full(16, 0.3)])[None],
            "hand_worldframe_contacts": np.concatenate([CONTACTS_W, normals], axis=1),
            "scene_path": scene,
        }
        save(tmp_path / "graspdata" / NAME / "a.npy", content | more)
        return tmp_path / "graspdata"

    return write


def read_of(source: Path, hand: Any) -> ReadGrasps:
    reader = DexGraspBench(source)
    return read_grasps((entry for unit in reader.units() for entry in reader.read(unit)), hand)


def test_wrist_and_contacts_are_taken(allegro: Callable[..., Path], mounts: NDArray[np.float64], hand: Hand) -> None:
    read = read_of(allegro(), hand)
    assert (len(read), len(read.bad), len(read.wrists)) == (0, 0, 1)
    np.testing.assert_allclose(read.wrists.wrist_pose_m[0, :3], mounts[0, :3], atol=1e-9)  # as the file has it
    np.testing.assert_allclose(read.wrists.contacts_m[0], CONTACTS_W, atol=1e-9)


def test_contacts_of_every_row_of_raw_files(allegro: Callable[..., Path], hand: Hand) -> None:
    rows = np.tile(np.concatenate([[0.0, 0.0, 0.1], NO_TURN, np.full(16, 0.3)]), (1, 3, 3, 1))
    points = np.arange(3 * 2 * 3).reshape(1, 3, 2, 3) / 100.0
    source = allegro(robot_pose=rows, contact_point=points)
    content = np.load(source / NAME / "a.npy", allow_pickle=True).item()
    del content["grasp_qpos"], content["hand_worldframe_contacts"]
    save(source / NAME / "a.npy", content)
    read = read_of(source, hand)
    np.testing.assert_allclose(read.wrists.contacts_m, points[0], atol=1e-9)


def test_parts_keep_wrists(allegro: Callable[..., Path], hand: Hand, tmp_path: Path) -> None:
    read = read_of(allegro(), hand)
    save_read(read, tmp_path / "part.npz", "stamp")
    again = load_read(tmp_path / "part.npz").wrists
    np.testing.assert_array_equal(again.contacts_m, read.wrists.contacts_m)
    np.testing.assert_array_equal(again.object_index, [0])


def test_joints_of_a_hand_that_the_project_has_are_kept(allegro: Callable[..., Path]) -> None:
    names = [f"joint_{number}" for number in range(16)]
    reader = DexGraspBench(allegro(joint_names=names))
    [grasp] = [entry for unit in reader.units() for entry in reader.read(unit)]
    assert isinstance(grasp, ForeignGrasp)
    assert grasp.joints == dict.fromkeys(names, pytest.approx(0.3))
    ours: Any = SimpleNamespace(joints=tuple(names))
    assert is_of_hand(grasp, ours)


def test_other_keys_of_dexgraspnet() -> None:
    """Its Allegro branch: ``joint_0.0`` to ``joint_15.0`` beside the same six keys of the wrist."""
    keys = {f"joint_{number}.0": 0.1 * number for number in range(16)} | dict.fromkeys(ROTATION + TRANSLATION, 0.0)
    joints, wrist = read_keys("file", keys | {"WRJTz": 0.2})
    assert joints["joint_3.0"] == pytest.approx(0.3)
    np.testing.assert_allclose(wrist, [0.0, 0.0, 0.2, *NO_TURN])


def test_what_was_taken_is_written_and_said(
    allegro: Callable[..., Path], mounts: NDArray[np.float64], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = allegro()
    own = np.load(source / NAME / "a.npy", allow_pickle=True).item() | {"grasp_qpos": mounts[:1]}
    save(source / NAME / "b.npy", own)
    output = tmp_path / "out.npz"
    with caplog.at_level(logging.WARNING, "convert"):
        main([str(source), "--output", str(output), "--split_file", str(tmp_path / "out.json"), "--num_workers", "1"])
    assert "of 1 grasps of hands other than shadow only wrists and contacts were taken" in caplog.text
    told = json.loads((tmp_path / "out_summary.json").read_text())
    assert (told["entries"], told["read"], told["of_other_hands"]) == (2, 1, 1)
    with np.load(tmp_path / "out_wrists.npz", allow_pickle=False) as taken:
        # our objects have their origin in the centre of mass, which lies OFFSET from that of the mesh file
        np.testing.assert_allclose(taken["contacts_o"][0], CONTACTS_W - OFFSET, atol=1e-4)
        np.testing.assert_allclose(taken["wrist_pose_o"][0, :3], mounts[0, :3] - OFFSET, atol=1e-4)
        assert taken["objects"][taken["object_index"][0]] in told_objects(tmp_path / "out.json")


def told_objects(split_file: Path) -> list[str]:
    return [name for names in json.loads(split_file.read_text())["splits"].values() for name in names]


def test_a_source_of_other_hands_alone_says_what_to_do(allegro: Callable[..., Path], tmp_path: Path) -> None:
    arguments = [
        "--output",
        str(tmp_path / "out.npz"),
        "--split_file",
        str(tmp_path / "out.json"),
        "--num_workers",
        "1",
    ]
    with pytest.raises(SystemExit, match=r"no grasp with the joints of shadow: give the hand as --hand"):
        main([str(allegro()), *arguments])
    assert (tmp_path / "out_wrists.npz").is_file()


def test_scale_is_that_of_the_scene(allegro: Callable[..., Path], hand: Hand) -> None:
    assert read_of(allegro(), hand).meshes[0][1] == pytest.approx(SCALE)
