"""Recorded wrist movements, read as wrist patterns: the released `human_traj_200_all.npy`, HandoverSim, DexYCB."""

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from envs.files import write_atomically
from envs.wrist.dex_ycb import DEX_YCB_FILES, read_dex_ycb
from envs.wrist.handover_sim import HANDOVER_SIM_FILES, read_handover_sim
from envs.wrist.pattern_ranges import CROP_DISTANCE, load_ranges
from envs.wrist.patterns import NUM_SAMPLES, WristPatterns, generate_patterns
from envs.wrist.plain_pickle import load_plain_object
from envs.wrist.recording import Recordings, WristRecording

_LOG = logging.getLogger(__name__)

Array = NDArray[np.float64]

POSITION_AXES = ("x_pos", "y_pos", "z_pos")
ROTATION_AXES = ("roll_pos", "pitch_pos", "yaw_pos")
PERIOD = "period_s"
"""Seconds between two samples of a recording in a file; the release does not tell it."""

MIN_SAMPLES = 10
"""Samples that a recording needs within its last 0.175 m: fewer do not show how the wrist moved."""

MIN_DISTANCE = 0.01
"""Metres from start to end below which a recording shows no reach."""

MAX_DISTANCE = 5.0
"""Metres from start to end beyond which the file is not in metres."""


@dataclass(frozen=True)
class RecordingFormat:
    """How recordings of a data set are found in a folder and read.

    Attributes:
        files: name of the files that describe one recording each, with ``*`` for what differs.
        layout: the same in words.
        read: reads the recording that a file describes.
    """

    files: str
    layout: str
    read: Callable[[Path], WristRecording]


RECORDING_FORMATS = {
    "handoversim": RecordingFormat(HANDOVER_SIM_FILES, "meta_000.json beside pose_000.npz", read_handover_sim),
    "dexycb": RecordingFormat(DEX_YCB_FILES, "meta.yml beside pose.npz", read_dex_ycb),
}
"""Formats of folders of recordings, by name."""


def recordings_in(folder: Path) -> str | None:
    """Name of the format of the recordings in a folder or in those below it; None where there are none."""
    return next((name for name, each in RECORDING_FORMATS.items() if any(folder.rglob(each.files))), None)


def load_patterns(path: str | Path) -> WristPatterns:
    """Patterns that a user names: recordings, or ranges that were fitted to some (.json), of which they are drawn.

    Raises:
        FileNotFoundError, ValueError: as `load_ranges` and `load_recorded_patterns`.
    """
    if Path(path).suffix == ".json":
        return generate_patterns(ranges=load_ranges(path))
    return load_recorded_patterns(path)


def load_recorded_patterns(path: str | Path) -> WristPatterns:
    """Patterns of recorded movements, in the order of the files (the first three quarters train).

    Each recording is cropped to its last 0.175 m, normalised per axis and resampled to 102 samples. Those of a folder
    that cannot be used are left out, which is logged.

    Raises:
        FileNotFoundError: no such file.
        ValueError: see `load_recordings`, or a recording of a file with too few samples, no movement, or angles beyond
            all measure; names it.
    """
    read = usable_recordings(path)
    positions, turns = [], []
    for recording in read.found:
        first = crop_start(recording.name, recording.position_w)
        positions.append(pattern_of(recording.position_w[first:]))
        turns.append(recording.angles[-1] - recording.angles[first])
    _tell(path, len(positions), read.rejected)
    try:
        return WristPatterns(np.stack(positions), np.stack(turns))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def usable_recordings(path: str | Path) -> Recordings:
    """Those of `load_recordings` of which patterns can be made; others of a folder are told in ``rejected``.

    Raises:
        FileNotFoundError: no such file.
        ValueError: see `load_recorded_patterns`, or a folder of which no recording is left.
    """
    read = load_recordings(path)
    found, rejected = [], dict(read.rejected)
    for recording in read.found:
        try:
            crop_start(f"{path}, recording {recording.name!r}", recording.position_w)
        except ValueError as error:
            if not Path(path).is_dir():
                raise
            rejected[recording.name] = str(error)
        else:
            found.append(recording)
    if not found:
        name, cause = next(iter(rejected.items()))
        raise ValueError(f"none of the {len(rejected)} recordings of {path} can be used; e.g. {name}: {cause}")
    return Recordings(tuple(found), rejected)


def load_recordings(path: str | Path) -> Recordings:
    """The recordings of a file or folder.

    A file is a pickled dict, name -> {x_pos, y_pos, z_pos (m), roll_pos, pitch_pos, yaw_pos (rad)}, arrays of one
    length. A folder is the cache of HandoverSim (``meta_*.json``) or holds recordings of DexYCB (``meta.yml``), with
    all folders below it; what cannot be used of it is told in ``rejected``.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a file that is something else, or a recording in it with a missing axis, values that are not finite
            or unequal lengths; a folder of neither kind, or without a usable recording; names it.
    """
    folder = Path(path)
    if not folder.exists():
        raise FileNotFoundError(
            f"{path} does not exist; give a folder of HandoverSim or DexYCB, or an .npy file of recorded wrists "
            "(docs/wrist.md; to train and test: --data.init_args.patterns)"
        )
    if not folder.is_dir():
        return _of_file(path)
    kind = recordings_in(folder)
    if kind is not None:
        shown = RECORDING_FORMATS[kind]
        return _of_folder(folder, sorted(folder.rglob(shown.files)), shown.read)
    raise ValueError(
        f"{path} holds no recordings: neither meta_*.json of HandoverSim's cache nor meta.yml of DexYCB stands in it "
        "or in a folder below; give their folder, or an .npy file"
    )


def _of_folder(folder: Path, files: Sequence[Path], read: Callable[[Path], WristRecording]) -> Recordings:
    found, rejected = [], {}
    for file in tqdm(files, desc="recordings", unit="recording", disable=len(files) < 100):
        name = file.relative_to(folder).as_posix()  # of one name there may be several in folders beside each other
        try:
            found.append(replace(read(file), name=name))
        except (ValueError, OSError) as error:
            rejected[name] = str(error)
    if not found:
        name, cause = next(iter(rejected.items()))
        raise ValueError(f"none of the {len(files)} recordings of {folder} can be used; e.g. {name}: {cause}")
    return Recordings(tuple(found), rejected)


def _of_file(path: str | Path) -> Recordings:
    content = load_plain_object(path)
    if not isinstance(content, Mapping) or not content:
        raise ValueError(f"{path} holds a {type(content).__name__}, expected a dict of recordings that is not empty")
    return Recordings(tuple(_of_entry(path, name, recording) for name, recording in content.items()))


def _of_entry(path: str | Path, name: object, recording: object) -> WristRecording:
    source = f"{path}, recording {name!r}"
    position_w, angles = _axes(source, recording)
    period_s = recording.get(PERIOD) if isinstance(recording, Mapping) else None
    if period_s is not None and not (isinstance(period_s, int | float) and 0.0 < period_s <= sys.float_info.max):
        raise ValueError(f"{source}, {PERIOD}: {period_s!r}, expected a positive number of seconds, or nothing")
    return WristRecording(str(name), position_w, angles, period_s)


def save_recordings(recordings: Sequence[WristRecording], path: Path) -> None:
    """Write recordings as a file that `load_recordings` reads, in the layout of GraspGF's release; whole or not at all.

    Beside the six axes a recording has `PERIOD` where it is known. Of those of one name the later ones get a number.
    """
    content: dict[str, dict[str, Any]] = {}
    for each in recordings:
        columns = (*each.position_w.T, *each.angles.T)
        entry: dict[str, Any] = dict(zip((*POSITION_AXES, *ROTATION_AXES), columns, strict=True))
        name = each.name if each.name not in content else f"{each.name} ({len(content)})"
        content[name] = entry if each.period_s is None else entry | {PERIOD: float(each.period_s)}
    buffer = BytesIO()
    np.save(buffer, np.array(content, dtype=object), allow_pickle=True)
    write_atomically(path, buffer.getvalue())


def _tell(path: str | Path, used: int, rejected: Mapping[str, str]) -> None:
    """Log what was left out."""
    if rejected:
        name, cause = next(iter(rejected.items()))
        _LOG.warning("%s: %d recordings, %d left out, e.g. %s: %s", path, used, len(rejected), name, cause)


def _axes(source: str, recording: object) -> tuple[Array, Array]:
    """Positions (N, 3), m, and angles without jumps of 2 pi (N, 3), rad."""
    if not isinstance(recording, Mapping):
        raise ValueError(f"{source} is a {type(recording).__name__}, expected a dict of axes")
    missing = [axis for axis in (*POSITION_AXES, *ROTATION_AXES) if axis not in recording]
    if missing:
        raise ValueError(
            f"{source} lacks {', '.join(missing)}; it has {', '.join(map(str, recording)) or 'nothing'}, expected "
            f"{', '.join((*POSITION_AXES, *ROTATION_AXES))}"
        )
    columns = [_column(f"{source}, axis {axis}", recording[axis]) for axis in (*POSITION_AXES, *ROTATION_AXES)]
    lengths = {len(column) for column in columns}
    if len(lengths) > 1:
        raise ValueError(f"{source} has axes of {' and '.join(map(str, sorted(lengths)))} samples, expected one length")
    values = np.stack(columns, axis=1)
    return values[:, :3], np.unwrap(values[:, 3:], axis=0)


def _column(source: str, values: object) -> Array:
    try:
        column = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{source} holds no numbers: {error}") from error
    if column.ndim != 1:
        raise ValueError(f"{source} has shape {column.shape}, expected one value a sample")
    is_finite = np.isfinite(column)
    if not is_finite.all():
        raise ValueError(f"{source} is not finite at sample {np.argmin(is_finite)}; leave this recording out")
    return column


def crop_start(source: str, position: Array) -> int:
    """First sample of the last 0.175 m: the last one that is so far from the end, or 0 if none is."""
    if len(position) < MIN_SAMPLES:
        raise ValueError(f"{source} has {len(position)} samples, at least {MIN_SAMPLES} are needed")
    distance = np.linalg.norm(position - position[-1], axis=1)
    is_far = np.flatnonzero(distance >= CROP_DISTANCE)
    first = int(is_far[-1]) if len(is_far) else 0
    if len(position) - first < MIN_SAMPLES:
        raise ValueError(
            f"{source} has {len(position) - first} samples in its last {CROP_DISTANCE} m, at least {MIN_SAMPLES} are "
            "needed; record at a higher rate"
        )
    if not MIN_DISTANCE <= distance[first] <= MAX_DISTANCE:
        raise ValueError(
            f"{source} ends {distance[first]:.3g} m from where it starts, allowed {MIN_DISTANCE}..{MAX_DISTANCE}; "
            "positions are expected in metres"
        )
    return first


def pattern_of(position: Array) -> Array:
    """Share of the way (102, 3), exactly 0 at the start and exactly 1 at the end.

    Per axis (x - x_first) / (max - min), signed so that it rises (App. A.2). An axis that turns back does not reach 1
    that way; what it lacks is added in proportion to the approach to the end. For an axis that only rises or only
    falls, nothing is lacking.
    """
    distance = np.linalg.norm(position - position[-1], axis=1)
    approach = (1.0 - distance / distance[0])[:, None]
    way = position - position[0]
    span = np.ptp(position, axis=0)
    share = np.sign(way[-1]) * way / np.maximum(span, 1e-9)
    share += (1.0 - share[-1]) * approach
    index = np.linspace(0.0, len(share) - 1.0, NUM_SAMPLES)
    progress = np.stack([np.interp(index, np.arange(len(share)), share[:, axis]) for axis in range(3)], axis=1)
    progress[-1] = 1.0
    return progress
