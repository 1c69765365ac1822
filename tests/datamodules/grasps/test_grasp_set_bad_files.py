"""Grasp set files that are refused: the message names file, field, what was given and what is allowed."""

import io
import json
import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from datamodules.grasps.grasp_file import load_grasp_set, save_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from envs.hand.shadow import shadow_hand
from tests.datamodules.grasps.examples import two_objects

HAND = shadow_hand()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    target = tmp_path / "grasps.npz"
    save_grasp_set(two_objects(), target)
    return target


def test_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    message = r"nowhere.npz does not exist; make one with: python -m datamodules.synthesize"
    with pytest.raises(FileNotFoundError, match=message):
        load_grasp_set(tmp_path / "nowhere.npz")


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9, 0.999])
def test_truncated_file(path: Path, kept: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(ValueError, match=r"grasps.npz cannot be read .*: truncated, or not a grasp set; restore it"):
        load_grasp_set(path)


def test_damaged_file(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for place in range(len(content) // 3, len(content) // 3 + 40):
        content[place] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"grasps.npz cannot be read"):
        load_grasp_set(path)


def _foreign_npz() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, qpos=np.zeros((3, 28)))
    return buffer.getvalue()


def _npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((3, 28)))
    return buffer.getvalue()


def _npz_with_objects() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, header=np.array([{"schema": "graspgf.grasp_set"}], dtype=object))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content", [_foreign_npz(), _npy(), b"hello", _npz_with_objects()], ids=["npz", "npy", "text", "npz of objects"]
)
def test_foreign_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "foreign.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"foreign.npz cannot be read .*not a grasp set; restore it or make it anew"):
        load_grasp_set(tmp_path / "foreign.npz")


class _Trap:
    """Unpickling it would make a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.folder),)


def test_a_pickle_is_refused_and_never_run(tmp_path: Path) -> None:
    (tmp_path / "trap.npz").write_bytes(pickle.dumps(_Trap(tmp_path / "sprung")))
    with pytest.raises(ValueError, match=r"trap.npz cannot be read"):
        load_grasp_set(tmp_path / "trap.npz")
    assert not (tmp_path / "sprung").exists()


def _rewrite_header(path: Path, **changes: Any) -> None:
    with np.load(path) as archive:
        content = {name: archive[name] for name in archive.files}
    header = json.loads(content.pop("header").tobytes())
    header.update(changes)
    header = {name: value for name, value in header.items() if value is not None}
    np.savez(path, header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8), **content)


def _rewrite(path: Path, field: str, change: Callable[[NDArray[Any]], NDArray[Any] | None]) -> None:
    with np.load(path) as archive:
        content = {name: archive[name].copy() for name in archive.files}
    changed = change(content.pop(field))
    if changed is not None:
        content[field] = changed
    np.savez(path, **content)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": "rollouts"}, r"field schema: given 'rollouts', expected 'graspgf.grasp_set'; not a grasp set"),
        ({"version": 1}, r"field version: given 1, this code reads 2; upgrade the file with: .*datamodules.settle"),
        ({"version": 3}, r"field version: given 3, this code reads 2; make it anew with: python -m datamodules"),
        ({"version": None}, r"field version: given None, this code reads 2"),
        ({"joint_order": ["FFJ4"]}, r"field joint_order: given \['FFJ4'\], expected \['FFJ3', 'FFJ2'"),
        ({"grasp_types": ["hook"]}, r"field grasp_types: given \['hook'\], expected \['lateral', 'wrap'"),
        ({"links": ["palm"]}, r"field links: given \['palm'\], expected \['palm', 'ffknuckle'"),
        ({"objects": None}, r"field objects: given None, expected a list of names"),
        ({"object_splits": ["train", "test"]}, r"field object_splits: 'test', allowed train, development, unseen"),
        ({"object_splits": ["train"]}, r"field object_splits: 1 entries for 2 objects"),
        ({"objects": ["box_00000"], "object_splits": ["train"]}, r"field object_index: spans 0\.\.1, allowed 0\.\.0"),
    ],
)
def test_bad_header(path: Path, changes: dict[str, Any], message: str) -> None:
    _rewrite_header(path, **changes)
    with pytest.raises(ValueError, match=f"grasp set .*grasps.npz, {message}"):
        load_grasp_set(path)


def _with(index: tuple[int, ...], value: float) -> Callable[[NDArray[Any]], NDArray[Any]]:
    def change(column: NDArray[Any]) -> NDArray[Any]:
        column[index] = value
        return column

    return change


@pytest.mark.parametrize(
    ("field", "change", "message"),
    [
        (
            "joint_pos",
            lambda joints: np.concatenate([joints, joints[:, :7]], axis=1),
            r"field joint_pos: 25 joint columns, expected 18 \(actuated joints.*drop coupled and wrist joints",
        ),
        ("preshape", lambda joints: joints[:, :17], r"field preshape: 17 joint columns, expected 18"),
        (
            "joint_pos",
            _with((3, 4), 2.5),
            r"field joint_pos: joint MFJ2 is 2.5000 rad at index \(3,\), allowed: 0.0000 to 1.5710 rad; clamp it",
        ),
        ("joint_pos", _with((1, 0), np.nan), r"field joint_pos: joint FFJ3 is nan rad at index \(1,\)"),
        ("preshape", _with((0, 13), -3.0), r"field preshape: joint THJ4 is -3.0000 rad"),
        (
            "wrist_pose_o",
            lambda poses: poses * np.array([1, 1, 1, 1.1, 1.1, 1.1, 1.1], dtype=np.float32),
            r"field wrist_pose_o: row \d has a quaternion of length 1.1000, expected 1 \+- 0.001; normalise it",
        ),
        ("wrist_pose_o", _with((2, 1), np.nan), r"field wrist_pose_o: row 2 holds NaN or infinity"),
        ("object_pose_w", _with((4, 0), np.inf), r"field object_pose_w: row 4 holds NaN or infinity"),
        ("rest_pose_w", _with((3, 2), np.nan), r"field rest_pose_w: row 3 holds NaN or infinity"),
        ("object_pose_w", lambda poses: poses[:, :6], r"field object_pose_w: has shape \(5, 6\), expected \(5, 7\)"),
        ("aperture", _with((0,), np.nan), r"field aperture: NaN or infinity; expected metres"),
        ("aperture", lambda width: width[:4], r"field aperture: 4 rows, expected 5"),
        ("type_index", _with((0,), 9), r"field type_index: spans \d\.\.9, allowed 0\.\.8"),
        ("object_index", _with((0,), -1), r"field object_index: spans -1\.\.1, allowed 0\.\.1"),
        ("links", lambda links: links[:, :2], r"field links: uint8 of shape \(5, 2\), expected uint8 \(G, 3\)"),
    ],
)
def test_bad_column(path: Path, field: str, change: Callable[[NDArray[Any]], NDArray[Any]], message: str) -> None:
    _rewrite(path, field, change)
    with pytest.raises(ValueError, match=f"grasp set .*grasps.npz, {message}"):
        load_grasp_set(path)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (np.zeros(4, dtype=bool), r"field is_easy: 4 rows, expected 5"),
        (
            np.zeros(5, dtype=np.uint8),
            r"field is_easy: uint8 of shape \(5,\), expected bool \(5,\); make it again with",
        ),
        (np.zeros((5, 2), dtype=bool), r"field is_easy: bool of shape \(5, 2\), expected bool \(5,\)"),
    ],
)
def test_bad_flags_of_easy_grasps(path: Path, column: NDArray[Any], message: str) -> None:
    with np.load(path) as archive:
        np.savez(path, is_easy=column, **{name: archive[name] for name in archive.files})
    with pytest.raises(ValueError, match=f"grasp set .*grasps.npz, {message}"):
        load_grasp_set(path)


def test_missing_column(path: Path) -> None:
    _rewrite(path, "preshape", lambda _: None)
    with pytest.raises(
        ValueError, match=r"grasps.npz lacks the field 'preshape'; expected object_index, object_pose_w"
    ):
        load_grasp_set(path)


def test_joints_a_rounding_beyond_the_limits_are_accepted(path: Path) -> None:
    grasps = load_grasp_set(path)
    joints = grasps.joint_pos.copy()
    joints[0, 1] = HAND.limits.high[1] + 5e-4
    save_grasp_set(replace(grasps, joint_pos=joints), path)
    assert isinstance(load_grasp_set(path), GraspSet)
