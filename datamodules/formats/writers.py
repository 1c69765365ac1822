"""Our grasp sets in other projects' layouts, with the meshes of their objects scaled to unit spheres."""

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from scipy.spatial.transform import Rotation

from datamodules.formats.dexgraspbench import PALM_OFFSET
from datamodules.formats.foreign import Array
from datamodules.formats.joint_maps import to_menagerie
from datamodules.formats.openai_keys import write_keys
from datamodules.grasps.grasp_set import GraspSet
from datamodules.grasps.poses import absolute_pose
from envs.files import write_atomically
from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.trials.lift import CLOSE_ANGLE


@dataclass(frozen=True)
class _Row:
    """One grasp in double precision; frames and names as in `GraspSet`."""

    number: int
    object_pose_w: Array
    wrist_pose_o: Array
    joint_pos: Array
    preshape: Array


def _rows(grasps: GraspSet) -> Iterator[_Row]:
    for number in range(len(grasps)):
        columns = (grasps.object_pose_w, grasps.wrist_pose_o, grasps.joint_pos, grasps.preshape)
        yield _Row(number, *(column[number].astype(np.float64) for column in columns))


def write_unidexgrasp(grasps: GraspSet, thing: GraspObject, folder: Path) -> None:
    """The grasps of one object as ``datasetv4.1/graspgf/FAMILY-NAME/*.npz``, its mesh in ``meshdatav3_scaled``."""
    code = Path("graspgf") / _with_dash(thing.family, thing.name)
    scale = _write_mesh(thing, folder / "meshdatav3_scaled" / code / "coacd" / "decomposed.obj")
    for row in _rows(grasps):
        keys = write_keys(_all_joints(grasps.hand, row.joint_pos), row.wrist_pose_o)
        up_o = Rotation.from_quat(row.object_pose_w[3:], scalar_first=True).inv().apply([0.0, 0.0, 1.0])
        # the closed hand may hold the object a little above the table: there its lowest vertex has the height 0
        plane = np.append(up_o, -(thing.vertices @ up_o).min()).astype(np.float32)
        fields: dict[str, Any] = {
            "qpos": np.array(keys, dtype=object),
            "scale": np.float32(1.0 / scale),
            "plane": plane,
        }
        content = io.BytesIO()
        np.savez(content, **fields)
        write_atomically(folder / UNIDEXGRASP.path(thing.family, thing.name, row.number), content.getvalue())


def write_dexgraspbench(grasps: GraspSet, thing: GraspObject, folder: Path) -> None:
    """The grasps of one object as ``graspdata/NAME/*.npy``, its mesh in ``assets/object/NAME``.

    The hand's pose is that of the mount in Menagerie's model, 34 mm behind the palm body, as that benchmark has it; the
    squeeze closes as far as our lift does.
    """
    asset = Path("assets") / "object" / thing.name
    scale = _write_mesh(thing, folder / asset / "mesh" / "simplified.obj")
    hand = grasps.hand
    for row in _rows(grasps):
        behind = np.array([[0.0, 0.0, -PALM_OFFSET, 1.0, 0.0, 0.0, 0.0]])
        mount_w = absolute_pose(absolute_pose(row.object_pose_w[None], row.wrist_pose_o[None]), behind)[0]
        stages = {
            "pregrasp_qpos": row.preshape,
            "grasp_qpos": row.joint_pos,
            "squeeze_qpos": hand.clamp(row.joint_pos + CLOSE_ANGLE * hand.closing),
        }
        fields: dict[str, Any] = {"obj_pose": row.object_pose_w, "obj_scale": scale, "obj_path": str(asset)}
        for name, joint_pos in stages.items():
            fields[name] = np.concatenate([mount_w, to_menagerie(_all_joints(hand, joint_pos))])
        content = io.BytesIO()
        np.save(content, np.array(fields, dtype=object), allow_pickle=True)
        write_atomically(folder / DEXGRASPBENCH.path(thing.family, thing.name, row.number), content.getvalue())


@dataclass(frozen=True)
class Layout:
    """Where another project keeps grasps.

    Attributes:
        write: writes the grasps of one object below a folder.
        grasps: folder of all grasps below that one.
        path: the file of a grasp there, by family and name of its object and its number.
    """

    write: Callable[[GraspSet, GraspObject, Path], None]
    grasps: Path
    path: Callable[[str, str, int], Path]

    def check_folder(self, folder: Path, counts: Mapping[tuple[str, str], int]) -> None:
        """Refuse a folder with grasps that would stay beside these, as those of a larger set of before would.

        Args:
            folder: to write into.
            counts: grasps by family and name of their object.
        Raises:
            ValueError: names one of the files, and the remedy. Files that will be written over are none.
        """
        ours = {folder / self.path(*thing, number) for thing, count in counts.items() for number in range(count)}
        there = (path for path in (folder / self.grasps).rglob("*") if path.is_file() and path.suffix != ".tmp")
        others = sorted(path for path in there if path not in ours)
        if others:
            raise ValueError(
                f"{folder / self.grasps} holds {len(others)} files of another export, such as {others[0]}, which would "
                "stand among the grasps of this one; name another folder, or remove that one first"
            )


UNIDEXGRASP = Layout(
    write_unidexgrasp,
    Path("datasetv4.1", "graspgf"),
    lambda family, name, number: Path("datasetv4.1", "graspgf", _with_dash(family, name), f"{number:05d}.npz"),
)
DEXGRASPBENCH = Layout(
    write_dexgraspbench,
    Path("graspdata"),
    lambda _, name, number: Path("graspdata", name, f"{number:05d}.npy"),
)
LAYOUTS = {"unidexgrasp": UNIDEXGRASP, "dexgraspbench": DEXGRASPBENCH}


def _all_joints(hand: Hand, joint_pos: Array) -> dict[str, float]:
    both = np.concatenate([joint_pos, hand.coupled_from_actuated(joint_pos)])
    return dict(zip(hand.all_joints, both.tolist(), strict=True))


def _with_dash(family: str, name: str) -> str:
    """The name as UniDexGrasp spells it: category, dash, the rest."""
    return f"{family}-{name.removeprefix(family + '_')}"


def _write_mesh(thing: GraspObject, path: Path) -> float:
    """Write the mesh as large as the unit sphere; return its true scale."""
    scale = float(np.linalg.norm(thing.vertices, axis=1).max())
    mesh = trimesh.Trimesh(thing.vertices / scale, thing.faces, process=False)
    write_atomically(path, trimesh.exchange.obj.export_obj(mesh, digits=12).encode())
    return scale
