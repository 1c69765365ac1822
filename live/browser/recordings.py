"""A wrist's movement out of a log, the page's own or one that a visitor brings: what can be played once more.

Of a stranger's file only arrays of a few fields are read, each of a bounded size, without pickles: it needs no process
of its own.
"""

import io
import re
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from live.browser.ways import Way
from live.browser.wrist import HIGH, LOW, within_reach
from live.poses import Array, rotation_matrix
from live.tracks import PoseLimits, unit_pose

MAX_S = 120.0
"""Seconds that a movement may last: what the page records."""

MIN_STEPS = 8
"""Control steps below which there is nothing to follow."""

_MAX_BYTES = 2_000_000
"""Of one array, unpacked: ten minutes of poses, as long as a log lasts, take 1.3 MB."""

_OUTSIDE = 0.1
"""Metres that a noisy tracker may see the wrist outside of where it may be."""

_ON_TABLE = 0.01
"""Metres that an object's lowest point may be off the table where it begins."""

_EXPECTED = "expected the log.npz of a recording of this page"


@dataclass(frozen=True)
class Recording:
    """Where a wrist went.

    Attributes:
        object_name, object_start_w: the object that it went to, and where it stood (7,); empty and None where not
            told.
        wrist_pose_w: one pose of the hand base a control step (T, 7), world.
    """

    object_name: str
    object_start_w: Array | None
    wrist_pose_w: Array

    def past(self, thing: GraspObject, object_w: Array) -> Way:
        """The movement as a way to follow, past an object that stands as it did, or at ``object_w`` (7,) if not told.

        Raises:
            ValueError: the object would hang in the air or be in the table.
        """
        if self.object_start_w is not None and self.object_name == thing.name:
            object_w = self.object_start_w
        low = float((thing.vertices @ rotation_matrix(object_w[3:])[2]).min()) + float(object_w[2])
        if abs(low) > _ON_TABLE or (object_w[:2] < LOW[:2]).any() or (object_w[:2] > HIGH[:2]).any():
            place = np.round(100.0 * object_w[:2], 1).tolist()
            raise ValueError(
                f"object_start_w puts {thing.name} {100.0 * low:.1f} cm above the table at {place} cm; it has to stand "
                f"on the table; {_EXPECTED}"
            )
        lowest = len(self.wrist_pose_w) - 1 - int(self.wrist_pose_w[::-1, 2].argmin())
        return Way(object_w, self.wrist_pose_w, lowest)


def read_recording(content: bytes, hand: Hand, period_s: float) -> Recording:
    """The movement in a log: from when its time last began anew, sampled once a control period.

    Args:
        content: of a file of `ControllerLog`, from anyone.
        hand: that it has to be of, and that is kept out of the table.
        period_s: the control period.

    Raises:
        ValueError: no such file, fields missing or of other shapes, another hand, numbers that are not finite, a
            movement that is too short or long, jumps, or leaves the table.
    """
    with _opened(content) as archive:
        name = _text(archive, "hand")
        if name != hand.name:
            raise ValueError(f"hand is {name!r}, the page shows {hand.name!r}; give a recording of this hand")
        time_s = _numbers(archive, "time_s", ())
        wrist_w = _numbers(archive, "wrist_pose_w", (7,))
        # empty in logs of live.run, and older logs have none
        object_name = _text(archive, "object_name") if "object_name.npy" in archive.namelist() else ""
        start_w = _start(archive) if object_name else None
    if len(time_s) != len(wrist_w):
        raise ValueError(f"time_s has {len(time_s)} steps, wrist_pose_w {len(wrist_w)}; {_EXPECTED}")
    if not np.isfinite(time_s).all():
        raise ValueError(f"time_s is not finite at step {int(np.argmin(np.isfinite(time_s)))}; {_EXPECTED}")
    begins = np.flatnonzero(np.diff(time_s) <= 0.0)
    last = int(begins[-1]) + 1 if len(begins) else 0
    seen = last + np.flatnonzero(~np.isnan(wrist_w[last:]).all(axis=1))
    _check_poses(wrist_w, seen)
    sampled = _sampled(time_s[seen], wrist_w[seen], period_s)
    _check_steps(sampled, period_s)
    return Recording(object_name, start_w, within_reach(hand, sampled))


def _opened(content: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(content))
    except Exception as error:  # zipfile raises whatever a broken directory leads to
        raise ValueError(f"it is no npz file ({error}); {_EXPECTED}") from error


def _array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """One array, read only if it is small and packed as numpy packs."""
    try:
        info = archive.getinfo(f"{name}.npy")
    except KeyError:
        raise ValueError(f"it has no field {name}; {_EXPECTED}") from None
    if info.file_size > _MAX_BYTES or info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise ValueError(
            f"{name} takes {info.file_size} bytes unpacked (method {info.compress_type}); allowed are {_MAX_BYTES}, "
            f"deflated; {_EXPECTED}"
        )
    try:
        with archive.open(info) as file:
            raw = file.read(_MAX_BYTES)  # without a number all is unpacked, whatever size the directory claims
        return np.lib.format.read_array(io.BytesIO(raw), allow_pickle=False)
    except Exception as error:  # of zlib, zipfile and numpy, and of sizes that a header claims
        raise ValueError(f"{name} cannot be read ({type(error).__name__}: {error}); {_EXPECTED}") from error


def _numbers(archive: zipfile.ZipFile, name: str, each: tuple[int, ...]) -> Array:
    """An array of floats (T, *each)."""
    found = _array(archive, name)
    if found.dtype.kind != "f" or found.shape[1:] != each or found.ndim != 1 + len(each):
        wanted = ", ".join(["T", *map(str, each)])
        raise ValueError(f"{name} is {found.dtype} of shape {found.shape}, expected floats ({wanted}); {_EXPECTED}")
    return found.astype(np.float64)


def _text(archive: zipfile.ZipFile, name: str) -> str:
    found = _array(archive, name)
    if found.dtype.kind != "U" or found.shape or not re.fullmatch(r"\w{0,60}", str(found), re.ASCII):
        raise ValueError(f"{name} is {found.dtype} of shape {found.shape}, expected up to 60 letters; {_EXPECTED}")
    return str(found)


def _start(archive: zipfile.ZipFile) -> Array:
    found = _array(archive, "object_start_w")
    start_w = unit_pose(found)
    if start_w is None:
        raise ValueError(f"object_start_w is no pose: {found.dtype} of shape {found.shape}; {_EXPECTED}")
    return start_w


def _check_poses(wrist_w: Array, seen: NDArray[np.int64]) -> None:
    """Accept poses in the steps in which the wrist was seen; the others are NaN in all numbers."""
    if not len(seen):
        raise ValueError("the wrist was never seen; move it while it is recorded")
    poses = wrist_w[seen]
    lengths = np.linalg.norm(poses[:, 3:], axis=1)
    with np.errstate(invalid="ignore"):
        rules = {
            "is not finite": np.isfinite(poses).all(axis=1),
            "has no orientation": (lengths > 0.9) & (lengths < 1.1),
            f"is not within {LOW.tolist()} and {HIGH.tolist()} m": (
                (poses[:, :3] > LOW - _OUTSIDE) & (poses[:, :3] < HIGH + _OUTSIDE)
            ).all(axis=1),
        }
    for what, fits in rules.items():
        if not fits.all():
            row = int(np.argmin(fits))
            raise ValueError(
                f"wrist_pose_w {what} at step {int(seen[row])}: {np.round(poses[row], 3).tolist()}; {_EXPECTED}"
            )


def _sampled(time_s: Array, pose_w: Array, period_s: float) -> Array:
    """Poses (T, 7) once a period, between those of the times (N,)."""
    lasts = float(time_s[-1] - time_s[0])
    if not (MIN_STEPS - 1) * period_s <= lasts + 1e-6 <= MAX_S + 1e-3:
        raise ValueError(f"the movement lasts {lasts:.2f} s; expected {(MIN_STEPS - 1) * period_s:.2f} to {MAX_S:g} s")
    times = time_s[0] + period_s * np.arange(int(lasts / period_s + 1e-6) + 1)
    times = np.minimum(times, time_s[-1])
    turns = Slerp(time_s, Rotation.from_quat(pose_w[:, 3:], scalar_first=True))(times).as_quat(scalar_first=True)
    places = [np.interp(times, time_s, column) for column in pose_w[:, :3].T]
    return np.column_stack([*places, turns])


def _check_steps(pose_w: Array, period_s: float) -> None:
    """Accept poses (T, 7) between which the wrist is no faster than a tracker believes it to be."""
    limits = PoseLimits()
    ways = np.linalg.norm(np.diff(pose_w[:, :3], axis=0), axis=1)
    cosines = np.abs((pose_w[1:, 3:] * pose_w[:-1, 3:]).sum(axis=1))
    turns = 2.0 * np.arccos(np.minimum(1.0, cosines))
    way, turn = limits.slack_m + limits.speed * period_s, limits.slack_rad + limits.turn * period_s
    if ways.max() > way or turns.max() > turn:
        row = int(np.maximum(ways / way, turns / turn).argmax())
        raise ValueError(
            f"the wrist jumps by {ways[row]:.2f} m and {turns[row]:.2f} rad after {row * period_s:.2f} s; allowed in a "
            f"control step are {way:.2f} m and {turn:.2f} rad"
        )
