"""DexGraspBench, BODex, Dexonomy: ``.npy`` files of one dict, with pre-grasp, grasp and squeeze of one or N grasps."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from datamodules.formats.files import first_file, units_of, walk
from datamodules.formats.foreign import Array, BadEntry, ForeignGrasp, Unit
from datamodules.formats.joint_maps import JOINTS, MENAGERIE, from_menagerie
from datamodules.formats.mesh_search import MeshSearch, near
from datamodules.formats.plain_files import load_npy, number, vector
from datamodules.formats.surface import tip_distances
from datamodules.formats.world_poses import table_plane_m, unit_pose
from datamodules.grasps.poses import absolute_pose, relative_pose
from envs.hand.registry import load_hand

WIDTH = 7 + len(MENAGERIE)
STAGES = ("pregrasp_qpos", "grasp_qpos", "squeeze_qpos")
PALM_OFFSET = 0.034
"""Metres along the fingers from the hand's mount to the palm body in Menagerie's model. Files give the pose of one or
of the other; which of the two, the distances of fingertips from the object's surface tell."""

_LOOKED_AT = 100
"""Grasps that tell which body's pose a source gives."""

_THUMB_FIRST = [*range(7), *range(12, WIDTH), *range(7, 12)]
"""Columns of raw BODex files, which have the thumb before the fingers, in the order of MENAGERIE."""


class DexGraspBench:
    """Reads grasps of the Shadow Hand; see `Format`. Positions are of the world, ``obj_scale`` is the true scale."""

    name: ClassVar[str] = "dexgraspbench"
    layout: ClassVar[str] = "OBJECT/.../*.npy with a dict of obj_pose, obj_scale, obj_path and grasp_qpos"

    def __init__(self, source: Path, meshes: Path | None = None) -> None:
        self.source = source
        start = source if source.is_dir() else source.parent
        beside = [start, *start.resolve().parents[:4]]
        self._meshes = MeshSearch([meshes] if meshes else [*near(source, ("assets", "object", "DGNObj")), *beside])

    @classmethod
    def fits(cls, source: Path) -> bool:
        """See `Format.fits`."""
        file = first_file(source, ".npy")
        try:
            array = None if file is None else load_npy(file)
        except (ValueError, OSError):
            return False
        if array is None or not array.dtype.hasobject or array.ndim:
            return False
        return isinstance(array.item(), Mapping) and not {"grasp_qpos", "robot_pose"}.isdisjoint(array.item())

    def units(self) -> Sequence[Unit]:
        """See `Format.units`."""
        found = walk(self.source, ".npy")
        groups = [
            (str(folder.relative_to(self.source)) if self.source.is_dir() else folder.name, folder.name, files)
            for folder, files in found
        ]
        return units_of(self.source, groups, "file .npy below it")

    def read(self, unit: Unit) -> Iterator[ForeignGrasp | BadEntry]:
        """See `Format.read`."""
        offset = self.palm_offset
        for entry in self._read(unit):
            yield _moved_forward(entry, offset) if isinstance(entry, ForeignGrasp) else entry

    @cached_property
    def palm_offset(self) -> float:
        """Metres along the fingers from the poses of the files to the palm body: 0 or PALM_OFFSET."""
        entries = chain.from_iterable(self._read(unit) for unit in self.units())
        grasps = islice((entry for entry in entries if isinstance(entry, ForeignGrasp)), _LOOKED_AT)
        distances = [[_tips_apart(_moved_forward(one, offset)) for offset in (0.0, PALM_OFFSET)] for one in grasps]
        at_palm, at_mount = np.median(np.array(distances or [[0.0, 1.0]]), axis=0)
        return 0.0 if at_palm <= at_mount else PALM_OFFSET

    def _read(self, unit: Unit) -> Iterator[ForeignGrasp | BadEntry]:
        for path in unit.files:
            try:
                content = load_npy(path)
                fields = content.item() if content.shape == () else None
                if not isinstance(fields, Mapping):
                    raise ValueError(f"{path} holds an array of shape {content.shape}, expected one dict")
                yield from self._grasps(path, _spelt_alike(path, fields))
            except (ValueError, OSError) as error:
                yield BadEntry(str(path), str(error))

    def _grasps(self, path: Path, fields: Mapping[str, Any]) -> Iterator[ForeignGrasp | BadEntry]:
        code = str(fields.get("obj_path", path.parent.name))
        mesh, scale = self._meshes.find(code), _scale(str(path), fields)
        stages = {stage: _rows(str(path), fields, stage) for stage in STAGES if stage in fields}
        if "grasp_qpos" not in stages:
            raise ValueError(f"{path} lacks the field 'grasp_qpos'; it has {', '.join(map(str, fields)) or 'none'}")
        poses = np.atleast_2d(vector(str(path), fields, "obj_pose", None))
        for row, grasp in enumerate(stages["grasp_qpos"]):
            origin = f"{path}, row {row}"
            try:
                object_w = unit_pose(origin, "obj_pose", poses[min(row, len(poses) - 1)])
                wrist_w = unit_pose(origin, "grasp_qpos", grasp[:7])
                before, after = (stages[name][row] if name in stages else None for name in (STAGES[0], STAGES[2]))
                yield ForeignGrasp(
                    joints=from_menagerie(grasp[7:]),
                    wrist_pose_m=relative_pose(object_w[None], wrist_w[None])[0],
                    mesh=mesh,
                    scale=scale,
                    code=code,
                    family=Path(code).name.split("_")[0].split("-")[0],
                    plane_m=table_plane_m(object_w),
                    origin=origin,
                    pregrasp=None if before is None else from_menagerie(before[7:]),
                    squeeze=None if after is None else from_menagerie(after[7:]),
                    is_plane_sure=False,
                )
            except (ValueError, IndexError) as error:
                yield BadEntry(origin, str(error))


def _spelt_alike(path: Path, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of a raw BODex file under the names of DexGraspBench; those of other files as they are."""
    if "robot_pose" not in fields:
        return fields
    poses = vector(str(path), fields, "robot_pose", None)
    if poses.ndim != 4 or poses.shape[0] != 1 or poses.shape[2] < len(STAGES) or poses.shape[3] != WIDTH:
        raise ValueError(
            f"{path}, field robot_pose: shape {poses.shape}, expected (1, N, 3, {WIDTH}), of a Shadow Hand; grasps of "
            "other hands are not read"
        )
    stages = {stage: poses[0, :, row][:, _THUMB_FIRST] for row, stage in enumerate(STAGES)}
    return dict(fields) | stages


def _scale(source: str, fields: Mapping[str, Any]) -> float:
    scales = vector(source, fields, "obj_scale", None).ravel()
    if not len(scales) or np.ptp(scales) > 1e-6 * abs(scales[0]):
        raise ValueError(f"{source}, field obj_scale: {scales.tolist()}, expected one number for all three axes")
    scale = number(source, {"obj_scale": scales[:1]}, "obj_scale")
    if not 0.0 < scale <= 1.0:
        raise ValueError(f"{source}, field obj_scale: {scale:g}; it is the true scale, such as 0.08, in (0, 1]")
    return scale


def _rows(source: str, fields: Mapping[str, Any], stage: str) -> Array:
    rows = np.atleast_2d(vector(source, fields, stage, None))
    if rows.ndim != 2 or rows.shape[1] != WIDTH:
        raise ValueError(
            f"{source}, field {stage}: shape {rows.shape}, expected (N, {WIDTH}): position, quaternion and the "
            f"{len(JOINTS)} joints of the Shadow Hand; grasps of other hands are not read"
        )
    return rows


def _moved_forward(grasp: ForeignGrasp, offset: float) -> ForeignGrasp:
    ahead = np.array([[0.0, 0.0, offset, 1.0, 0.0, 0.0, 0.0]])
    return replace(grasp, wrist_pose_m=absolute_pose(grasp.wrist_pose_m[None], ahead)[0])


def _tips_apart(grasp: ForeignGrasp) -> float:
    """Distance, m, of the thumb's tip from the surface, or of the nearest other one where that is further.

    Every grasp has a thumb and a finger that touch; of 50 shipped grasps 48 have the smaller one with the right pose.
    """
    hand = load_hand("shadow")
    joints = np.array([[grasp.joints[name] for name in hand.all_joints]])
    distances = tip_distances(hand, grasp.mesh, grasp.scale, joints, grasp.wrist_pose_m[None])[0]
    return float(max(distances[-1], distances[:-1].min()))
