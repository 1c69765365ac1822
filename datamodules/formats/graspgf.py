"""The GraspGF release: ``NAME_rc.pth``, a pickled array with a grasp a row, and the lists that name its objects."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from datamodules.formats.files import units_of
from datamodules.formats.foreign import Array, BadEntry, ForeignGrasp, Unit
from datamodules.formats.joint_maps import NEGATED
from datamodules.formats.mesh_search import MeshSearch, given_or_near
from datamodules.formats.plain_files import load_pth, word
from datamodules.formats.rows_on_disk import Rows, RowsInMemory, pickled_rows
from datamodules.formats.surface import fingertips, mesh_surface
from datamodules.formats.world_poses import table_plane_m, unit_pose
from datamodules.grasps.poses import relative_pose
from envs.hand.registry import load_hand

WIDTH = 3121
"""Columns of a row, see FIELDS."""

FIELDS = {
    "joints": slice(0, 18), "wrist position": slice(18, 21), "wrist quaternion": slice(21, 25),
    "cloud": slice(25, 3097), "object position": slice(3097, 3100), "object quaternion": slice(3100, 3104),
    "object id": slice(3104, 3105), "fingertips": slice(3105, 3120), "scale": slice(3120, 3121),
}  # fmt: skip
"""Columns: joints in [-1, 1] by their limits, positions in the world, m, quaternions xyzw, the true scale."""

SUFFIX = "_rc.pth"

MESH_FOLDERS = ("meshdatav3_scaled", "meshdata", "ConDexEnv/assets/dexgraspnet_dataset/meshdata", "dexgraspnet_dataset")
"""Of these the last but one is where the released code has them."""

_CLOUD_APART = 0.005
"""Metres that the points of a row's cloud may lie from its object's mesh, in the median."""


class GraspGFRelease:
    """Reads ``ExpertDatasets/grasp_data``; see `Format`. A torch archive is held in memory whole."""

    name: ClassVar[str] = "graspgf"
    layout: ClassVar[str] = "NAME_rc.pth with an array (N, 3121), beside NAME_rc_ot.pth or NAME_oti.pth"

    def __init__(self, source: Path, meshes: Path | None = None) -> None:
        self.source = source
        self._meshes = MeshSearch(given_or_near(source, meshes, MESH_FOLDERS))
        self._loaded: tuple[Path, Rows] | None = None

    @classmethod
    def fits(cls, source: Path) -> bool:
        """See `Format.fits`."""
        return any(True for _ in _files(source))

    def units(self) -> Sequence[Unit]:
        """See `Format.units`."""
        units: list[Unit] = []
        for path in _files(self.source):
            names = _names(path)
            ids = self._rows(path).column(3104)
            for number in np.unique(ids):
                code = names.get(int(number), "") if float(number).is_integer() else ""
                unit = Unit(
                    f"{path.name.removesuffix(SUFFIX)}.{number:g}", (path,), code, np.flatnonzero(ids == number)
                )
                units.append(unit)
        return units or units_of(self.source, [], f"file *{SUFFIX}")

    def read(self, unit: Unit) -> Iterator[ForeignGrasp | BadEntry]:
        """See `Format.read`."""
        [path] = unit.files
        rows = self._rows(path)
        for row in unit.rows if unit.rows is not None else ():
            origin = f"{path}, row {row}"
            try:
                yield self._grasp(origin, rows.row(row), unit.code)
            except (ValueError, OSError) as error:
                yield BadEntry(origin, str(error))

    @cached_property
    def has_other_axes(self) -> bool:
        """Whether the axes of NEGATED are the other way round: then the fingertips of the rows fit better so."""
        path = next(_files(self.source))
        rows = self._rows(path)
        count = rows.shape[0]
        few = np.array([rows.row(int(row)) for row in np.linspace(0, count - 1, min(count, 100))]).reshape(-1, WIDTH)
        few = few[np.isfinite(few).all(axis=1) & (np.abs(few[:, FIELDS["wrist quaternion"]]).sum(axis=1) > 0.5)]
        if not len(few):
            return False
        errors = []
        for signs in (np.ones(18), _signs()):
            tips = fingertips(load_hand("shadow"), _angles(signs * few[:, :18]), _wrists(few))
            errors.append(float(np.linalg.norm(tips - few[:, FIELDS["fingertips"]].reshape(-1, 5, 3), axis=2).mean()))
        return errors[1] < errors[0]

    def _rows(self, path: Path) -> Rows:
        if self._loaded is None or self._loaded[0] != path:
            rows: Rows = pickled_rows(path) or RowsInMemory(np.asarray(load_pth(path)))
            if len(rows.shape) != 2 or rows.shape[1] != WIDTH or rows.dtype.kind != "f":
                raise ValueError(
                    f"{path} holds an array of {rows.dtype} of shape {rows.shape}, expected numbers (N, {WIDTH})"
                )
            self._loaded = path, rows
        return self._loaded[1]

    def _grasp(self, origin: str, row: Array, code: str) -> ForeignGrasp:
        if not np.isfinite(row).all():
            name = next(name for name, columns in FIELDS.items() if not np.isfinite(row[columns]).all())
            raise ValueError(f"{origin}, {name}: NaN or infinity, expected finite numbers; leave this row out")
        if not row.any():
            raise ValueError(f"{origin}: all numbers are zero, which stands for no grasp; leave this row out")
        if not code:
            raise ValueError(
                f"{origin}, object id: {row[3104]:g} has no name in the lists of objects (*_rc_ot.pth, *_oti.pth); put "
                "them beside the file"
            )
        if np.abs(row[:18]).max() > 1.05:
            raise ValueError(
                f"{origin}, joints: {np.abs(row[:18]).max():.3g} at most, allowed -1 to 1 (by the limits of each joint)"
            )
        scale = float(row[3120])
        if not 0.0 < scale <= 1.0:
            raise ValueError(f"{origin}, scale: {scale:g}; it is the true scale, such as 0.08, in (0, 1]")
        object_w = unit_pose(origin, "object pose", _wxyz(row[3097:3104]))
        wrist_w = unit_pose(origin, "wrist pose", _wxyz(row[18:25]))
        mesh = self._meshes.find(code)
        self._check_cloud(origin, row, mesh, scale, object_w)
        hand = load_hand("shadow")
        angles = _angles((_signs() if self.has_other_axes else 1.0) * row[None, :18])[0]
        return ForeignGrasp(
            joints=dict(zip(hand.all_joints, angles.tolist(), strict=True)),
            wrist_pose_m=relative_pose(object_w[None], wrist_w[None])[0],
            mesh=mesh,
            scale=scale,
            code=code,
            family=Path(code).name.rsplit("-", 1)[0],
            plane_m=table_plane_m(object_w),
            origin=origin,
            is_plane_sure=False,
        )

    def _check_cloud(self, origin: str, row: Array, mesh: Path, scale: float, object_w: Array) -> None:
        """ValueError where the row's own cloud does not lie on the mesh: another mesh, scale or pose."""
        points_w = row[FIELDS["cloud"]].reshape(-1, 3)[::16]
        poses = np.concatenate([points_w, np.tile([1.0, 0.0, 0.0, 0.0], (len(points_w), 1))], axis=1)
        points_m = relative_pose(np.tile(object_w, (len(points_w), 1)), poses)[:, :3]
        apart = float(np.median(scale * mesh_surface(mesh).distance(points_m / scale)))
        if apart > _CLOUD_APART:
            raise ValueError(
                f"{origin}, cloud: its points lie {1e3 * apart:.0f} mm from the surface of {mesh} in the median, "
                f"allowed {1e3 * _CLOUD_APART:g}; scale, pose or mesh are not those of the row"
            )


def _files(source: Path) -> Iterator[Path]:
    if source.is_file():
        if source.name.endswith(SUFFIX):
            yield source
    else:
        yield from sorted(source.rglob(f"*{SUFFIX}"))


def _names(path: Path) -> dict[int, str]:
    """Names of the objects by id: of the list of ids where there is one, else of the list of objects."""
    stem = path.name.removesuffix(SUFFIX)
    for name in (f"{stem}_oti.pth", f"{stem}_rc_oti.pth"):
        if path.with_name(name).is_file():
            return _names_by_id(path.with_name(name))
    listed = path.with_name(f"{stem}_rc_ot.pth")
    if not listed.is_file():
        raise ValueError(f"{path} has no list of objects beside it; put {listed.name} or {stem}_oti.pth there")
    names = load_pth(listed)
    is_one = isinstance(names, str | bytes | Mapping) or getattr(names, "ndim", 1) == 0
    if is_one or not isinstance(names, Iterable):
        raise ValueError(f"{listed} holds {_kind(names)}, expected a list of names; fetch the file again")
    return dict(enumerate(map(word, names)))


def _names_by_id(path: Path) -> dict[int, str]:
    content = load_pth(path)
    if not isinstance(content, Mapping):
        raise ValueError(
            f"{path} holds {_kind(content)}, expected a dict of names and whole numbers; fetch the file again"
        )
    names = {}
    for code, given in content.items():
        number = _whole(given)
        if number is None:
            raise ValueError(
                f"{path}, object {word(code)!r}: {given!r:.100}, expected a whole number; fetch the file again"
            )
        names[number] = word(code)
    return names


def _kind(content: Any) -> str:
    """What a file holds, for messages; ``np.ndim`` would try to make an array of it."""
    return f"a {type(content).__name__}{' without axes' if getattr(content, 'ndim', None) == 0 else ''}"


def _whole(given: Any) -> int | None:
    """A whole number, which may be held by an array or a tensor; None for anything else."""
    try:
        held = np.asarray(given)
    except (TypeError, ValueError, RuntimeError):  # what is ragged, and tensors that numpy does not know
        return None
    number = held.item() if held.size == 1 else None
    return int(number) if isinstance(number, int) or (isinstance(number, float) and number.is_integer()) else None


def _signs() -> Array:
    return np.array([-1.0 if name in NEGATED else 1.0 for name in load_hand("shadow").joints])


def _angles(normalised: Array) -> Array:
    """Angles (K, 22) of all joints, rad, of actuated ones (K, 18) in [-1, 1]; coupled ones follow."""
    hand = load_hand("shadow")
    joint_pos = hand.clamp(hand.denormalise(torch.as_tensor(normalised)).numpy())
    return np.concatenate([joint_pos, hand.coupled_from_actuated(joint_pos)], axis=1)


def _wxyz(pose: Array) -> Array:
    return pose[..., [0, 1, 2, 6, 3, 4, 5]]


def _wrists(rows: Array) -> Array:
    return _wxyz(rows[:, 18:25])
