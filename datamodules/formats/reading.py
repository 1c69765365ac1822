"""Reading one object's foreign grasps: checked against its mesh and the table, in joints and limits of our hand."""

import json
import logging
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from io import BytesIO
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from datamodules.formats.beyond_measure import beyond_measure
from datamodules.formats.files import mesh_states
from datamodules.formats.foreign import BadEntry, ForeignGrasp
from datamodules.formats.own_joints import own_joints
from datamodules.formats.surface import mesh_surface, tip_distances
from datamodules.formats.wrists import Wrists, is_of_hand, wrists_of
from envs.files import write_atomically
from envs.hand.hand import Hand
from envs.objects.store.guarded import Limits
from envs.workers import error_text

_LOG = logging.getLogger(__name__)

Array = NDArray[np.float64]

MAX_TABLE_GAP = 0.002
"""Metres between the lowest vertex of an object and its table: a wrong scale makes centimetres."""

MAX_LEAN_GAP = 0.01
"""Metres likewise in a world in which objects may float as well: a hand may have lifted it a little on one side."""

MAX_TIP_DISTANCE = 0.06
"""Metres from the nearest fingertip to the surface: a hand further away was read in a wrong frame or scale."""

_AT_ONCE = 1000
"""Grasps whose kinematics are computed together."""

OPENING = 0.2
"""Radians by which the flexing joints are opened where a source has no pre-grasp."""


@dataclass(frozen=True)
class ReadGrasps:
    """K grasps of one unit in numbers of our hand, and what was wrong with the others.

    Attributes:
        meshes: mesh file, scale, code and family of each object.
        object_index: (K,) into these.
        wrist_pose_m: palm in the mesh frame (K, 7).
        joint_pos: joints within limits (K, J), rad.
        preshape: joints to close from (K, J), rad.
        target: joints to close towards (K, J), rad.
        plane_m: the table (K, 4); NaN where the object floats.
        tip_distance: fingertips from the surface as the source has them (K, F), m.
        num_clamped: grasps of which a joint exceeded its limits, by joint.
        bad: entries that are no grasps.
        wrists: grasps of other hands.
    """

    meshes: tuple[tuple[str, float, str, str], ...]
    object_index: NDArray[np.int64]
    wrist_pose_m: Array
    joint_pos: Array
    preshape: Array
    target: Array
    plane_m: Array
    tip_distance: Array
    num_clamped: dict[str, int]
    bad: tuple[BadEntry, ...]
    wrists: Wrists

    def __len__(self) -> int:
        return len(self.object_index)


_COLUMNS = ("object_index", "wrist_pose_m", "joint_pos", "preshape", "target", "plane_m", "tip_distance")


def read_grasps(entries: Iterable[ForeignGrasp | BadEntry], hand: Hand, most: int | None = None) -> ReadGrasps:
    """Read, check and convert the entries of one unit.

    Args:
        entries: as a `Format` gives them.
        hand: the hand that they are for.
        most: only the first so many of each object; all when None.
    """
    bad: list[BadEntry] = []
    groups: dict[tuple[str, float, str, str], list[ForeignGrasp]] = {}
    counts: Counter[tuple[str, float, str, str]] = Counter()
    parts, others, of_object = [], [], []
    for entry in entries:
        if isinstance(entry, BadEntry):
            bad.append(entry)
            continue
        if cause := beyond_measure(entry):
            bad.append(BadEntry(entry.origin, cause))
            continue
        key = (str(entry.mesh), round(entry.scale, 6), entry.code, entry.family)
        group = groups.setdefault(key, [])
        counts[key] += 1
        if most is not None and counts[key] > most:
            continue
        if is_of_hand(entry, hand):
            group.append(entry)
        else:
            others.append(entry)
            of_object.append(list(groups).index(key))
        if len(group) == _AT_ONCE:  # so that memory does not grow with the number of grasps
            parts.append(_checked(group, hand, list(groups).index(key), bad))
            group.clear()
    parts += [_checked(group, hand, index, bad) for index, group in enumerate(groups.values()) if group]
    return _joined(parts, tuple(groups), hand, tuple(bad), wrists_of(others, of_object))


def _checked(grasps: Sequence[ForeignGrasp], hand: Hand, index: int, bad: list[BadEntry]) -> dict[str, Array]:
    """Columns of the good ones among grasps of one object; the others go to ``bad``."""
    mesh, scale = grasps[0].mesh, grasps[0].scale
    joints = np.array([_all_joints(hand, grasp) for grasp in grasps])
    wrist_m = np.array([grasp.wrist_pose_m for grasp in grasps])
    plane_m = np.array([np.full(4, np.nan) if one.plane_m is None else one.plane_m for one in grasps])
    try:
        gap = (scale * mesh_surface(mesh).corners @ plane_m[:, :3].T).min(axis=0) + plane_m[:, 3]
        tips = tip_distances(hand, mesh, scale, joints, wrist_m)
    except (ValueError, OSError) as error:  # a mesh that is none, or that may not be read
        bad += [BadEntry(grasp.origin, str(error)) for grasp in grasps]
        return _columns(hand, [], index, joints[:0], wrist_m[:0], plane_m[:0], np.zeros((0, len(hand.fingers))))
    off_table = np.abs(gap) > MAX_TABLE_GAP  # False for NaN
    good = []
    for row, grasp in enumerate(grasps):
        if off_table[row] and not grasp.is_plane_sure:
            stands = abs(gap[row]) <= MAX_LEAN_GAP
            plane_m[row] = np.append(plane_m[row, :3], plane_m[row, 3] - gap[row]) if stands else np.nan
        elif off_table[row]:
            cause = (
                f"lowest vertex of {mesh} at scale {scale:g} is {1e3 * gap[row]:.1f} mm above the table, allowed "
                f"{1e3 * MAX_TABLE_GAP:g}; scale (true or reciprocal), plane or mesh are not those of the grasp"
            )
            bad.append(BadEntry(grasp.origin, cause))
            continue
        if tips[row].min() > MAX_TIP_DISTANCE:
            cause = (
                f"the nearest fingertip is {1e3 * tips[row].min():.0f} mm from the surface of {mesh}, allowed "
                f"{1e3 * MAX_TIP_DISTANCE:g}; scale, wrist pose or joints are not those of the format"
            )
            bad.append(BadEntry(grasp.origin, cause))
            continue
        good.append(row)
    return _columns(hand, [grasps[row] for row in good], index, joints[good], wrist_m[good], plane_m[good], tips[good])


def _all_joints(hand: Hand, grasp: ForeignGrasp) -> list[float]:
    """Angles in the order of `Hand.all_joints`; coupled ones that the source does not tell follow."""
    actuated = [grasp.joints[name] for name in hand.joints]
    coupled = hand.all_joints[len(actuated) :]
    if all(name in grasp.joints for name in coupled):
        return actuated + [grasp.joints[name] for name in coupled]
    return actuated + hand.coupled_from_actuated(np.array(actuated)).tolist()


def _columns(
    hand: Hand,
    grasps: Sequence[ForeignGrasp],
    index: int,
    joints: Array,
    wrist_pose_m: Array,
    plane_m: Array,
    tips: Array,
) -> dict[str, Array]:
    count, actuated = len(grasps), joints[:, : hand.num_joints]
    joint_pos = own_joints(hand, joints) if count else actuated
    preshape, target = joint_pos - OPENING * hand.closing, joint_pos.copy()
    for row, grasp in enumerate(grasps):
        if grasp.pregrasp is not None:
            preshape[row] = [grasp.pregrasp[name] for name in hand.joints]
        if grasp.squeeze is not None:
            target[row] = [grasp.squeeze[name] for name in hand.joints]
    return {
        "object_index": np.full(count, index),
        "wrist_pose_m": wrist_pose_m,
        "joint_pos": joint_pos,
        "preshape": hand.clamp(preshape),
        "target": hand.clamp(target),
        "plane_m": plane_m,
        "tip_distance": tips,
        "clamped": np.abs(hand.clamp(actuated) - actuated) > 1e-6,
    }


def _joined(
    parts: Sequence[dict[str, Array]],
    meshes: tuple[tuple[str, float, str, str], ...],
    hand: Hand,
    bad: tuple[BadEntry, ...],
    wrists: Wrists,
) -> ReadGrasps:
    fingers, joints = len(hand.fingers), hand.num_joints
    widths = dict(zip(_COLUMNS, (None, 7, joints, joints, joints, 4, fingers), strict=True)) | {"clamped": joints}
    columns = {
        name: np.concatenate([np.zeros((0, width) if width else 0), *(part[name] for part in parts)])
        for name, width in widths.items()
    }
    counts = columns.pop("clamped").sum(axis=0).astype(int)
    clamped = {name: int(count) for name, count in zip(hand.joints, counts, strict=True) if count}
    columns["object_index"] = columns["object_index"].astype(np.int64)
    return ReadGrasps(meshes=meshes, num_clamped=clamped, bad=bad, wrists=wrists, **columns)


def mesh_name(code: str, scale: float) -> str:
    """File name of an object's mesh at its true size: what the source calls it, a hash of that, scale in millionths.

    The hash keeps objects apart whose names differ in other signs than letters and digits.
    """
    word = re.sub(r"[^A-Za-z0-9]+", "_", "_".join(Path(code).parts[-2:])).strip("_")
    return f"{word}_{crc32(code.encode()):08x}_{round(1e6 * scale)}.ply"


def save_read(read: ReadGrasps, path: Path, stamp: str, limits: Limits | None = None) -> None:
    """Write what was read of a unit, whole or not at all.

    ``stamp`` tells what it was read from, ``limits`` which ones a mesh of it was cut off by.
    """
    header = {
        "stamp": stamp,
        "limits": limits and [limits.seconds, limits.gigabytes],
        "files": mesh_states(mesh[0] for mesh in read.meshes),
        "meshes": read.meshes,
        "num_clamped": read.num_clamped,
        "bad": [asdict(entry) for entry in read.bad],
    }
    buffer = BytesIO()
    content = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    wrists = {f"other_{field.name}": getattr(read.wrists, field.name) for field in fields(Wrists)}
    np.savez(buffer, header=content, **{name: getattr(read, name) for name in _COLUMNS}, **wrists)
    write_atomically(path, buffer.getvalue())


def is_read(path: Path, stamp: str, limits: Limits) -> bool:
    """Whether a file of `save_read` with this stamp is there, of meshes as they are now.

    A unit of which nothing was usable is read again: its meshes may have been put where they are looked for. So is one
    of which a mesh was cut off by ``limits`` below those of now.
    """
    if not path.is_file():
        return False
    with np.load(path, allow_pickle=False) as archive:
        header = _header(archive)
        seconds, gigabytes = header["limits"] or (np.inf, np.inf)
        if header["stamp"] != stamp or limits.seconds > seconds or limits.gigabytes > gigabytes:
            return False
        is_empty = not (len(archive["object_index"]) or len(archive["other_object_index"]))
    return not (is_empty and header["bad"]) and bool(
        header["files"] == mesh_states(mesh[0] for mesh in header["meshes"])
    )


def kept_read(path: Path, stamp: str, limits: Limits) -> ReadGrasps | None:
    """What was read before, see `is_read`; None where it has to be read again. A damaged file is told."""
    try:
        return load_read(path) if is_read(path, stamp, limits) else None
    except Exception as error:  # zip, npz and JSON raise many types for a damaged file
        _LOG.warning("part %s cannot be used (%s); it is made again", path, error_text(error))
        return None


def _header(archive: Any) -> dict[str, Any]:
    header: dict[str, Any] = json.loads(archive["header"].tobytes().decode())
    return header


def load_read(path: Path) -> ReadGrasps:
    """What `save_read` wrote.

    Raises:
        FileNotFoundError: no such file.
    """
    with np.load(path, allow_pickle=False) as archive:
        header = _header(archive)
        columns = {name: archive[name] for name in _COLUMNS}
        wrists = Wrists(**{field.name: archive[f"other_{field.name}"] for field in fields(Wrists)})
    return ReadGrasps(
        meshes=tuple(
            (str(mesh), float(scale), str(code), str(family)) for mesh, scale, code, family in header["meshes"]
        ),
        num_clamped=header["num_clamped"],
        bad=tuple(BadEntry(**entry) for entry in header["bad"]),
        wrists=wrists,
        **columns,
    )
