"""The 28 numbers of UniDexGrasp and DexGraspNet: joints of the OpenAI Shadow Hand and the palm's pose."""

import abc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain, islice
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from datamodules.formats.foreign import Array, BadEntry, ForeignGrasp, Unit
from datamodules.formats.joint_maps import JOINTS, flipped, is_flipped
from datamodules.formats.plain_files import text_keys

TRANSLATION = ("WRJTx", "WRJTy", "WRJTz")
ROTATION = ("WRJRx", "WRJRy", "WRJRz")
KEYS = (*(f"robot0:{name}" for name in JOINTS), *ROTATION, *TRANSLATION)

_LOOKED_AT = 200
"""Grasps that tell how the axes of the hand lie."""


def read_keys(source: str, qpos: Any) -> tuple[dict[str, float], Array]:
    """Joints by their names here, rad, and the palm's pose (7,) in the object's frame, of a dict of the 28 keys.

    Angles WRJR* are Euler angles about the fixed axes x, y and z, in that order. Files of other hands have other joints
    beside them: these keep their names.

    Raises:
        ValueError: no such dict, a key that is absent or no finite number; names source and key.
    """
    if not isinstance(qpos, Mapping):
        raise ValueError(f"{source}, field qpos: a {type(qpos).__name__}, expected a dict of {len(KEYS)} numbers")
    qpos = text_keys(qpos)
    is_other = not any(key.startswith("robot0:") for key in qpos)
    own = tuple(key for key in qpos if key not in ROTATION + TRANSLATION) if is_other else KEYS[: len(JOINTS)]
    keys = (*own, *ROTATION, *TRANSLATION)
    absent = [key for key in (keys if own else KEYS) if key not in qpos]
    if absent:
        raise ValueError(
            f"{source}, field qpos lacks {absent[0]!r} ({len(absent)} of {len(KEYS)} keys absent); expected the keys "
            "robot0:FFJ3 to robot0:THJ0, WRJRx to WRJTz; leave this entry out"
        )
    try:
        values = np.array([float(np.asarray(qpos[key]).item()) for key in keys])
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{source}, field qpos: no numbers ({error}); leave this entry out") from error
    if not np.isfinite(values).all():
        key = keys[int(np.argmin(np.isfinite(values)))]
        raise ValueError(f"{source}, field qpos: {key} is {qpos[key]}, expected a finite number; leave this entry out")
    quat = Rotation.from_euler("xyz", values[-6:-3]).as_quat(scalar_first=True, canonical=True)
    joints = dict(zip(own if is_other else JOINTS, values[:-6].tolist(), strict=True))
    return joints, np.concatenate([values[-3:], quat])


def write_keys(joints: Mapping[str, float], wrist_pose_m: Array) -> dict[str, float]:
    """The inverse of `read_keys`."""
    euler = Rotation.from_quat(wrist_pose_m[3:], scalar_first=True).as_euler("xyz")
    values = [joints[name] for name in JOINTS] + euler.tolist() + wrist_pose_m[:3].tolist()
    return {key: float(value) for key, value in zip(KEYS, values, strict=True)}


def check_plane(source: str, plane: Array) -> Array:
    """The plane (4,) with a normal of unit length.

    Raises:
        ValueError: a normal of another length; names the source.
    """
    length = float(np.linalg.norm(plane[:3]))
    if not 0.99 < length < 1.01:
        raise ValueError(
            f"{source}, field plane: its normal has the length {length:.3g}, expected 1; leave this entry out"
        )
    return plane / length


def axes_differ(entries: Iterable[ForeignGrasp | BadEntry]) -> bool:
    """See `is_flipped`; only the first 200 grasps are looked at."""
    grasps = (entry.joints for entry in entries if isinstance(entry, ForeignGrasp))
    return is_flipped(islice(grasps, _LOOKED_AT))


def with_our_axes(entries: Iterator[ForeignGrasp | BadEntry]) -> Iterator[ForeignGrasp | BadEntry]:
    """The grasps of a hand whose axes are the other way round."""
    for entry in entries:
        yield replace(entry, joints=flipped(entry.joints)) if isinstance(entry, ForeignGrasp) else entry


class OpenAIHand(abc.ABC):
    """What formats of such keys share: grasps of hands whose axes are the other way round are turned to ours."""

    @abc.abstractmethod
    def units(self) -> Sequence[Unit]:
        """See `Format.units`."""

    @abc.abstractmethod
    def _read(self, unit: Unit) -> Iterator[ForeignGrasp | BadEntry]:
        """The entries of a unit as they are in the file."""

    def read(self, unit: Unit) -> Iterator[ForeignGrasp | BadEntry]:
        """See `Format.read`."""
        return with_our_axes(self._read(unit)) if self.has_other_axes else self._read(unit)

    @cached_property
    def has_other_axes(self) -> bool:
        """See `is_flipped`; the files of the releases have ours."""
        return axes_differ(chain.from_iterable(self._read(unit) for unit in self.units()))
