"""DexGraspBench, BODex, Dexonomy: ``.npy`` files of one dict, with pre-grasp, grasp and squeeze of one or N grasps."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from datamodules.formats.bench_scene import FOLDERS, family_of, read_contacts, read_object
from datamodules.formats.files import first_files, units_of, walk
from datamodules.formats.foreign import Array, BadEntry, ForeignGrasp, Unit
from datamodules.formats.joint_maps import MENAGERIE, from_menagerie
from datamodules.formats.mesh_search import MeshSearch, around, given_or_near
from datamodules.formats.plain_files import load_npy, text_keys, vector, word
from datamodules.formats.surface import tip_distances
from datamodules.formats.world_poses import table_plane_m, unit_pose
from datamodules.formats.wrists import is_of_hand
from datamodules.grasps.poses import absolute_pose, relative_pose
from envs.hand.registry import load_hand

_LOG = logging.getLogger(__name__)

WIDTH = 7 + len(MENAGERIE)
STAGES = ("pregrasp_qpos", "grasp_qpos", "squeeze_qpos")
PALM_OFFSET = 0.034
"""Metres along the fingers from the hand's mount to the palm body in Menagerie's model. Files give the pose of one or
of the other; which of the two, the distances of fingertips from the object's surface tell."""

_SAME_GRASPS = ("succ_collect", "succgrasp", "graspdata", "evaluation")
"""Folders of DexGraspBench's output, each with the same grasps: only those that held in its simulator first."""

_ARM_FIELD = "lift_qpos"
"""What files of a hand on an arm have beside the others; their poses are joints of the arm."""

_LOOKED_AT = 100
"""Grasps that tell which body's pose a source gives."""

_THUMB_FIRST = [*range(7), *range(12, WIDTH), *range(7, 12)]
"""Columns of raw BODex files, which have the thumb before the fingers, in the order of MENAGERIE."""


class DexGraspBench:
    """Reads grasps, of any hand; see `Format`. Positions are of the world, scales are true ones."""

    name: ClassVar[str] = "dexgraspbench"
    layout: ClassVar[str] = "OBJECT/.../*.npy with a dict of grasp_qpos and obj_pose, obj_scale, obj_path or scene_path"

    def __init__(self, source: Path, meshes: Path | None = None) -> None:
        self.source = source
        self._meshes = MeshSearch(
            given_or_near(source, meshes, ("assets/object", "assets", "DGNObj")) + ([] if meshes else around(source))
        )

    @classmethod
    def fits(cls, source: Path) -> bool:
        """See `Format.fits`."""
        return any(map(_is_of_this_kind, first_files(source, ".npy", FOLDERS)))

    def units(self) -> Sequence[Unit]:
        """See `Format.units`."""
        found = [(folder, files) for folder, files in walk(self.source, ".npy", FOLDERS) if not self._is_again(folder)]
        groups = [
            (str(folder.relative_to(self.source)) if self.source.is_dir() else folder.name, folder.name, files)
            for folder, files in found
        ]
        return units_of(self.source, groups, "file .npy below it")

    def _is_again(self, folder: Path) -> bool:
        """Whether its grasps are in another folder of the same output, too, which is read in its place."""
        below = folder.relative_to(self.source).parts if self.source.is_dir() else ()
        places = [(self.source.joinpath(*below[:depth]), name) for depth, name in enumerate(below)]
        return any(name in _SAME_GRASPS and _chosen(output) != name for output, name in places)

    def read(self, unit: Unit) -> Iterator[ForeignGrasp | BadEntry]:
        """See `Format.read`."""
        offset = self.palm_offset
        for entry in self._read(unit):
            is_ours = isinstance(entry, ForeignGrasp) and is_of_hand(entry, load_hand("shadow"))
            yield _moved_forward(entry, offset) if is_ours and isinstance(entry, ForeignGrasp) else entry

    @cached_property
    def palm_offset(self) -> float:
        """Metres along the fingers from the poses of the Shadow Hand's files to its palm body: 0 or PALM_OFFSET."""
        entries, hand = chain.from_iterable(self._read(unit) for unit in self.units()), load_hand("shadow")
        ours = (entry for entry in entries if isinstance(entry, ForeignGrasp) and is_of_hand(entry, hand))
        told = (both for one in ours if (both := _tips_at_both(one)) is not None)
        distances = list(islice(told, _LOOKED_AT))
        at_palm, at_mount = np.median(np.array(distances or [[0.0, 1.0]]), axis=0)
        return 0.0 if at_palm <= at_mount else PALM_OFFSET

    def _read(self, unit: Unit) -> Iterator[ForeignGrasp | BadEntry]:
        for path in unit.files:
            try:
                content = load_npy(path)
                fields = content.item() if content.size == 1 else None
                if not isinstance(fields, Mapping):
                    raise ValueError(f"{path} holds an array of shape {content.shape}, expected one dict")
                yield from self._grasps(path, _spelt_alike(path, text_keys(fields)))
            except (ValueError, OSError) as error:
                yield BadEntry(str(path), str(error))

    def _grasps(self, path: Path, fields: Mapping[str, Any]) -> Iterator[ForeignGrasp | BadEntry]:
        if "grasp_qpos" not in fields:
            raise ValueError(f"{path} lacks the field 'grasp_qpos'; it has {', '.join(map(str, fields)) or 'none'}")
        if _ARM_FIELD in fields:
            raise ValueError(f"{path} has the field {_ARM_FIELD!r}: of a hand on an arm, whose pose it does not tell")
        stages = {stage: _rows(str(path), fields, stage) for stage in STAGES if stage in fields}
        names = _joint_names(str(path), fields, stages["grasp_qpos"].shape[1] - 7)
        thing = read_object(path, fields, self._meshes)
        for row, grasp in enumerate(stages["grasp_qpos"]):
            origin = f"{path}, row {row}"
            try:
                _check_held(origin, fields, row)
                pose_w, scale = thing.row(row)
                object_w = unit_pose(origin, "object's pose", pose_w)
                wrist_w = unit_pose(origin, "grasp_qpos", grasp[:7])
                before, after = (_row_of(stages, name, row) for name in (STAGES[0], STAGES[2]))
                yield ForeignGrasp(
                    joints=_joints(names, grasp),
                    wrist_pose_m=relative_pose(object_w[None], wrist_w[None])[0],
                    mesh=thing.mesh,
                    scale=scale,
                    code=thing.code,
                    family=family_of(thing.code),
                    plane_m=table_plane_m(object_w),
                    origin=origin,
                    pregrasp=None if before is None else _joints(names, before),
                    squeeze=None if after is None else _joints(names, after),
                    contacts_m=read_contacts(origin, fields, row, len(stages["grasp_qpos"]), object_w),
                    is_plane_sure=False,
                )
            except (ValueError, IndexError) as error:
                yield BadEntry(origin, str(error))


def _is_of_this_kind(file: Path) -> bool:
    try:
        array = load_npy(file)
    except (ValueError, OSError):
        return False
    fields = array.item() if array.dtype.hasobject and array.size == 1 else None
    return isinstance(fields, Mapping) and not {"grasp_qpos", "robot_pose"}.isdisjoint(text_keys(fields))


@lru_cache(maxsize=256)
def _chosen(output: Path) -> str:
    """The folder of an output whose grasps are read, since the others have the same."""
    present = [name for name in _SAME_GRASPS if first_files(output / name, ".npy")]
    if len(present) > 1:
        _LOG.warning("%s has the same grasps in %s; those in %s are read", output, ", ".join(present), present[0])
    return present[0]


def _check_held(origin: str, fields: Mapping[str, Any], row: int) -> None:
    """ValueError for a grasp that the source tried in vain."""
    held = np.atleast_1d(np.asarray(fields.get("succ_flag", True))).ravel()
    if not held[row if len(held) > 1 else 0]:
        raise ValueError(f"{origin}, field succ_flag: the object did not hold where the source tried this grasp")


def _spelt_alike(path: Path, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of a raw BODex file under the names of DexGraspBench; those of other files as they are."""
    if "robot_pose" not in fields or "grasp_qpos" in fields:  # a trajectory may stand beside the grasp
        return fields
    poses = vector(str(path), fields, "robot_pose", None)
    if poses.ndim != 4 or poses.shape[0] != 1 or poses.shape[2] != len(STAGES):
        raise ValueError(
            f"{path}, field robot_pose: shape {poses.shape}, expected (1, N, 3, 7 + joints) of a hand without an arm"
        )
    stages = {stage: poses[0, :, row] for row, stage in enumerate(STAGES)}
    if "joint_names" not in fields and poses.shape[3] == WIDTH:
        stages = {stage: rows[:, _THUMB_FIRST] for stage, rows in stages.items()}
    return {name: value for name, value in fields.items() if name != "robot_pose"} | stages


def _rows(source: str, fields: Mapping[str, Any], stage: str) -> Array:
    """Rows (N, 7 + joints) of a stage: position, quaternion and joints."""
    rows = np.atleast_2d(vector(source, fields, stage, None))
    apart = f"{stage.removesuffix('_qpos')}_pose"  # files of 2024 have the pose in a field of its own
    if apart in fields:
        rows = np.concatenate([np.atleast_2d(vector(source, fields, apart, None)), rows], axis=-1)
    if rows.ndim == 3:  # several steps of each grasp, the most open hand first
        rows = rows[:, 0]
    if rows.ndim != 2 or rows.shape[1] <= 7:
        raise ValueError(
            f"{source}, field {stage}: shape {rows.shape}, expected (N, 7 + joints): position, quaternion, joints"
        )
    return rows


def _joint_names(source: str, fields: Mapping[str, Any], count: int) -> tuple[str, ...]:
    """Names of the joints of a file: its own, those of the Shadow Hand where it has as many, else none."""
    if "joint_names" not in fields:
        return MENAGERIE if count == len(MENAGERIE) else ()
    told = np.asarray(fields["joint_names"], dtype=object)
    told = told[0] if told.ndim == 2 and len(told) and (told == told[0]).all() else told  # the same of every grasp
    names = tuple(word(name) for name in told.ravel())
    if len(names) != count:
        raise ValueError(f"{source}, field joint_names: {len(names)} names, expected {count} as grasp_qpos has")
    return names


def _joints(names: tuple[str, ...], row: Array) -> dict[str, float]:
    """Joints of a row by our names where the file's are those of the Shadow Hand, else by the file's."""
    told = dict(zip(names, row[7:].tolist(), strict=True)) if names else {}
    return from_menagerie([told[name] for name in MENAGERIE]) if told.keys() == set(MENAGERIE) else told


def _row_of(stages: Mapping[str, Array], name: str, row: int) -> Array | None:
    """The stage of one grasp; the first row where a single grasp has several, which begin with the most open hand."""
    if name not in stages:
        return None
    return stages[name][0 if len(stages["grasp_qpos"]) == 1 else row]


def _moved_forward(grasp: ForeignGrasp, offset: float) -> ForeignGrasp:
    ahead = np.array([[0.0, 0.0, offset, 1.0, 0.0, 0.0, 0.0]])
    return replace(grasp, wrist_pose_m=absolute_pose(grasp.wrist_pose_m[None], ahead)[0])


def _tips_at_both(grasp: ForeignGrasp) -> list[float] | None:
    """`_tips_apart` with the pose of the palm body and of the mount; None where the mesh cannot be read."""
    try:
        return [_tips_apart(_moved_forward(grasp, offset)) for offset in (0.0, PALM_OFFSET)]
    except (ValueError, OSError):  # reading its grasps lists them with the cause
        return None


def _tips_apart(grasp: ForeignGrasp) -> float:
    """Distance, m, of the thumb's tip from the surface, or of the nearest other one where that is further.

    Every grasp has a thumb and a finger that touch; of 50 shipped grasps 48 have the smaller one with the right pose.
    """
    hand = load_hand("shadow")
    joints = np.array([[grasp.joints[name] for name in hand.all_joints]])
    distances = tip_distances(hand, grasp.mesh, grasp.scale, joints, grasp.wrist_pose_m[None])[0]
    return float(max(distances[-1], distances[:-1].min()))
