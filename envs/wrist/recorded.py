"""Recorded wrist movements in the format of the released `human_traj_200_all.npy`, read as wrist patterns."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from envs.wrist.patterns import CROP_DISTANCE, NUM_SAMPLES, WristPatterns
from envs.wrist.plain_pickle import load_plain_object

Array = NDArray[np.float64]

POSITION_AXES = ("x_pos", "y_pos", "z_pos")
ROTATION_AXES = ("roll_pos", "pitch_pos", "yaw_pos")

MIN_SAMPLES = 10
"""Samples that a recording needs within its last 0.175 m: fewer do not show how the wrist moved."""

MIN_DISTANCE = 0.01
"""Metres from start to end below which a recording shows no reach."""

MAX_DISTANCE = 5.0
"""Metres from start to end beyond which the file is not in metres."""


def load_recorded_patterns(path: str | Path) -> WristPatterns:
    """Patterns of recorded movements, in the order of the file (the first three quarters train).

    The file is a pickled dict, name -> {x_pos, y_pos, z_pos (m), roll_pos, pitch_pos, yaw_pos (rad)}, arrays of one
    length. Each recording is cropped to its last 0.175 m, normalised per axis and resampled to 102 samples.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a file that is something else, or a recording with a missing axis, values that are not finite,
            unequal lengths, too few samples or no movement; names file, recording and axis.
    """
    content = load_plain_object(path)
    if not isinstance(content, Mapping) or not content:
        raise ValueError(f"{path} holds a {type(content).__name__}, expected a dict of recordings that is not empty")
    positions, turns = [], []
    for name, recording in content.items():
        position, rotation = _axes(f"{path}, recording {name!r}", recording)
        first = _crop(f"{path}, recording {name!r}", position)
        positions.append(_normalise(position[first:]))
        turns.append(rotation[-1] - rotation[first])
    return WristPatterns(np.stack(positions), np.stack(turns))


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
    except (TypeError, ValueError) as error:
        raise ValueError(f"{source} holds no numbers: {error}") from error
    if column.ndim != 1:
        raise ValueError(f"{source} has shape {column.shape}, expected one value a sample")
    is_finite = np.isfinite(column)
    if not is_finite.all():
        raise ValueError(f"{source} is not finite at sample {np.argmin(is_finite)}; leave this recording out")
    return column


def _crop(source: str, position: Array) -> int:
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


def _normalise(position: Array) -> Array:
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
