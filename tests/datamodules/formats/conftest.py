"""Small sources in the published layouts, written of five shipped grasps of a box."""

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from datamodules.formats.dexgraspbench import PALM_OFFSET
from datamodules.formats.joint_maps import JOINTS, to_menagerie
from datamodules.formats.openai_keys import write_keys
from datamodules.formats.surface import fingertips
from datamodules.grasps.grasp_file import load_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from datamodules.grasps.poses import absolute_pose
from envs.hand.hand import Hand
from envs.hand.registry import load_hand
from envs.objects.library import ObjectLibrary

SCALE = 0.08
OFFSET = np.array([0.01, 0.004, -0.006])
"""Metres from the mesh files' origin to the centre of mass."""

BOTTLE = "bottle-1a2b"
NO_TURN = [1.0, 0.0, 0.0, 0.0]

BOX = "box_00000"
GRASPS = Path(__file__).resolve().parents[3] / "data" / "grasps_small.npz"


@dataclass(frozen=True)
class Example:
    """A grasp that holds, of the box in the frame of its mesh file: what files of every format are written of.

    Attributes:
        joints: the 22 joints by name, rad; the last joints of the fingers follow as ours do.
        wrist_pose_m: palm in the frame of the mesh at true scale (7,).
        plane_m: the table (4,).
    """

    joints: dict[str, float]
    wrist_pose_m: NDArray[np.float64]
    plane_m: NDArray[np.float64]


@pytest.fixture
def hand() -> Hand:
    return load_hand("shadow")


@pytest.fixture(scope="session")
def known() -> GraspSet:
    """Five grasps of the box."""
    return load_grasp_set(GRASPS).of_object(BOX)


@pytest.fixture(scope="session")
def block() -> trimesh.Trimesh:
    """The box in units of SCALE, its centre of mass off the origin."""
    box = ObjectLibrary("small").get(BOX)
    return trimesh.Trimesh((box.vertices + OFFSET) / SCALE, box.faces, process=False)


@pytest.fixture(scope="session")
def examples(known: GraspSet) -> list[Example]:
    hand, found = known.hand, []
    for row in range(len(known)):
        joint_pos = known.joint_pos[row].astype(np.float64)
        both = np.concatenate([joint_pos, hand.coupled_from_actuated(joint_pos)])
        joints = dict(zip(hand.all_joints, both.tolist(), strict=True))
        wrist_m = known.wrist_pose_o[row].astype(np.float64)
        wrist_m[:3] += OFFSET
        object_w = known.object_pose_w[row].astype(np.float64)
        up = Rotation.from_quat(object_w[3:], scalar_first=True).inv().apply([0.0, 0.0, 1.0])
        corners = ObjectLibrary("small").get(BOX).vertices + OFFSET
        found.append(Example({name: joints[name] for name in JOINTS}, wrist_m, np.append(up, -(corners @ up).min())))
    return found


@pytest.fixture(scope="session")
def example(examples: list[Example]) -> Example:
    return examples[0]


@pytest.fixture
def unidexgrasp(tmp_path: Path, block: trimesh.Trimesh, examples: list[Example]) -> Callable[..., Path]:
    """Writes one more grasp of an object and returns the source."""
    root = tmp_path / "unidexgrasp"

    def write(number: int = 0, code: str = "core/bottle-1a2b", **changed: object) -> Path:
        mesh = root / "meshdatav3_scaled" / code / "coacd" / "decomposed.obj"
        if not mesh.is_file():
            mesh.parent.mkdir(parents=True)
            block.export(mesh)
        folder = root / "datasetv4.1" / code
        folder.mkdir(parents=True, exist_ok=True)
        example = examples[number % len(examples)]
        keys = write_keys(example.joints, example.wrist_pose_m)
        fields = {"qpos": keys, "scale": np.float32(1.0 / SCALE), "plane": example.plane_m.astype(np.float32)}
        fields |= changed
        kept = {name: value for name, value in fields.items() if value is not None}
        np.savez(folder / f"{number:05d}.npz", **kept)  # type: ignore[arg-type]
        return root / "datasetv4.1"

    return write


@pytest.fixture
def dexgraspnet(tmp_path: Path, block: trimesh.Trimesh, example: Example) -> Callable[..., Path]:
    """Writes the grasps of an object, dicts that the given ones change, and returns the source."""
    root = tmp_path / "dexgraspnet"

    def write(*changes: object, code: str = "core-bottle-1a2b", with_plane: bool = False) -> Path:
        mesh = root / "meshdata" / code / "coacd" / "decomposed.obj"
        mesh.parent.mkdir(parents=True, exist_ok=True)
        block.export(mesh)
        (root / "dataset").mkdir(exist_ok=True)
        plain = {"qpos": write_keys(example.joints, example.wrist_pose_m), "scale": SCALE}
        plain |= {"plane": example.plane_m} if with_plane else {}
        entries = np.empty(len(changes), dtype=object)
        entries[:] = [plain | change if isinstance(change, dict) else change for change in changes]
        np.save(root / "dataset" / f"{code}.npy", entries, allow_pickle=True)
        return root / "dataset"

    return write


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
    """Writes rows of the GraspGF release and their list of objects and returns the folder."""
    folder = tmp_path / "grasp_data"

    def write(rows: Any, dump: Callable[[Any, Any], None] = pickle.dump, numbers: dict[str, int] | None = None) -> Path:
        for code in numbers or {BOTTLE: 7}:
            mesh = folder / "meshdata" / code / "coacd" / "decomposed.obj"
            mesh.parent.mkdir(parents=True, exist_ok=True)
            block.export(mesh)
        with (folder / "train_rc.pth").open("wb") as file:
            dump(rows, file)
        with (folder / "train_oti.pth").open("wb") as file:
            pickle.dump(numbers or {BOTTLE: 7}, file)
        return folder

    return write


@pytest.fixture
def mounts(examples: list[Example]) -> NDArray[np.float64]:
    """The grasps (5, 29) of an object at the origin: pose of the mount, joints in Menagerie's order."""
    wrists = np.array([example.wrist_pose_m for example in examples])
    poses = absolute_pose(wrists, np.tile([0.0, 0.0, -PALM_OFFSET, *NO_TURN], (len(wrists), 1)))
    return np.concatenate([poses, [to_menagerie(example.joints) for example in examples]], axis=1)


def write_scene(root: Path, name: str, block: trimesh.Trimesh) -> str:
    """An object as BODex and Dexonomy lay it out, floating; returns the path by which their files name its scene."""
    mesh = root / "assets" / "object" / "DGN_2k" / "processed_data" / name / "mesh" / "simplified.obj"
    mesh.parent.mkdir(parents=True, exist_ok=True)
    block.export(mesh)
    thing = {
        "type": "rigid_object",
        "file_path": f"../../../processed_data/{name}/mesh/simplified.obj",
        "scale": np.full(3, SCALE, dtype=np.float32),
        "pose": np.array([0.0, 0.0, 0.0, *NO_TURN]),
    }
    task = {"type": "force_closure", "obj_name": name}
    scene = f"assets/object/DGN_2k/scene_cfg/{name}/floating/scale008.npy"
    save(root / scene, {"scene_id": f"{name}/floating/scale008", "scene": {name: thing}, "task": task})
    return scene


def save(path: Path, content: dict[str, Any]) -> None:
    """A file of one pickled dict."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, content, allow_pickle=True)  # type: ignore[arg-type]
