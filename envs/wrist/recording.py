"""Recorded wrist movements, whatever file they come from."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class WristRecording:
    """The way of a wrist to an object, which it has when the recording ends; N samples at equal times.

    Attributes:
        name: of the recording, for messages; of one in a folder the path of its description from there.
        position_w: of the wrist (N, 3), m.
        angles: roll, pitch and yaw of the hand base frame about the world's x, y and z, without jumps of 2 pi (N, 3),
            rad.
        period_s: seconds between two samples; None where the file does not tell.
    """

    name: str
    position_w: Array
    angles: Array
    period_s: float | None


@dataclass(frozen=True)
class Recordings:
    """What was read of a file or folder: the recordings in its order, and why others are none, by name."""

    found: tuple[WristRecording, ...]
    rejected: dict[str, str] = field(default_factory=dict)
