"""Ranges that generated wrist patterns are drawn from; reasons and sources in docs/wrist.md."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from envs.field_files import read_json
from envs.files import write_atomically
from envs.ranges import reversed_note

Range = tuple[float, float]

SCHEMA = "graspgf.wrist_ranges"
VERSION = 1

CROP_DISTANCE = 0.175
"""Metres before the end at which a pattern begins (released code)."""

OF_STEPS = 50
"""Control steps of an episode, of 25 ms, in which arrivals are counted."""


@dataclass(frozen=True)
class PatternRanges:
    """What a generated movement is drawn from; pairs are the ends of uniform distributions.

    Args:
        arrival_steps: when the wrist has practically arrived, of OF_STEPS control steps.
        reach: the whole movement, m, of which the last CROP_DISTANCE is the pattern.
        skew: of a minimum-jerk stroke: peak of the speed at 50..35 % of its time.
        sigma: of a lognormal stroke: peak of the speed at 42..28 % of its time.
        hesitation_share: patterns with a second stroke.
        second_amplitude: of it, as a share of the way.
        second_duration: of it, in durations of the first.
        second_lag: from the end of the first to its start, in durations of the first.
        correction_share: patterns with a small last correction.
        correction_amplitude: of it, as a share of the way.
        correction_duration: of it, in durations of the first.
        correction_lag: from the end of the stroke before to its start, in durations of the first.
        axis_amplitude: factor of an axis on the later strokes.
        axis_duration: factor of an axis on a stroke's duration.
        axis_start: standard deviation of an axis' start of a stroke, in durations of the first.
        turn_shape: of the gamma distribution of the rotation change of an axis.
        turn_scale: of the same, rad.

    Raises:
        ValueError: names the field that is out of its bounds.
    """

    arrival_steps: Range = (20.0, 44.0)
    reach: Range = (0.175, 0.26)
    skew: Range = (1.0, 1.6)
    sigma: Range = (0.08, 0.25)
    hesitation_share: float = 0.5
    second_amplitude: Range = (0.12, 0.45)
    second_duration: Range = (0.5, 1.0)
    second_lag: Range = (-0.3, 0.25)
    correction_share: float = 0.3
    correction_amplitude: Range = (0.02, 0.06)
    correction_duration: Range = (0.4, 0.7)
    correction_lag: Range = (-0.3, 0.0)
    axis_amplitude: Range = (0.75, 1.25)
    axis_duration: Range = (0.95, 1.05)
    axis_start: float = 0.03
    turn_shape: float = 2.0
    turn_scale: float = 0.35

    def __post_init__(self) -> None:
        for name, (lowest, highest) in _BOUNDS.items():
            value = getattr(self, name)
            low, high = value if isinstance(value, tuple) else (value, value)
            if not lowest <= low <= high <= highest:
                raise ValueError(
                    f"{name} is {value}{reversed_note(low, high)}, allowed within {lowest:g} to {highest:g}"
                )


_SHARE, _DURATION = (0.0, 1.0), (0.05, 5.0)
_BOUNDS: dict[str, Range] = {
    "arrival_steps": (2.0, OF_STEPS - 1.0),
    "reach": (CROP_DISTANCE, 1.5),
    "skew": (1.0, 4.0),
    "sigma": (0.02, 0.6),
    "hesitation_share": _SHARE,
    "second_amplitude": (0.0, 0.6),
    "second_duration": _DURATION,
    "second_lag": (-1.0, 2.0),
    "correction_share": _SHARE,
    "correction_amplitude": (0.0, 0.2),
    "correction_duration": _DURATION,
    "correction_lag": (-1.0, 2.0),
    "axis_amplitude": (0.0, 2.0),
    "axis_duration": (0.5, 2.0),
    "axis_start": (0.0, 0.2),
    "turn_shape": (0.05, 100.0),
    "turn_scale": (1e-4, 2.0),
}


def save_ranges(ranges: PatternRanges, path: Path, about: Mapping[str, Any]) -> None:
    """Write ranges, and what they were fitted to, as JSON."""
    content = {"schema": SCHEMA, "version": VERSION, "ranges": asdict(ranges), "about": dict(about)}
    write_atomically(path, (json.dumps(content, indent=1) + "\n").encode())


def load_ranges(path: str | Path) -> PatternRanges:
    """Ranges that `save_ranges` wrote.

    Raises:
        FileNotFoundError: no such file.
        ValueError: something else, an unknown range, or one out of its bounds; names file and field.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; python -m envs.wrist.compare RECORDINGS --fit {path} makes it")
    kind = read_json(path, "write it with python -m envs.wrist.compare --fit")
    if kind.get("schema") != SCHEMA or kind.get("version") != VERSION or not isinstance(kind.get("ranges"), dict):
        raise ValueError(
            f"{path} is {kind.get('schema')!r} of version {kind.get('version')!r}, expected {SCHEMA!r} of version "
            f"{VERSION} with a field ranges; write it with python -m envs.wrist.compare --fit"
        )
    given = kind["ranges"]
    known = {item.name: item.default for item in fields(PatternRanges)}
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ValueError(f"{path} has unknown ranges {', '.join(unknown)}; allowed: {', '.join(known)}")
    for name, value in given.items():
        is_pair = isinstance(known[name], tuple)
        numbers = value if isinstance(value, list) else [value]
        if isinstance(value, list) != is_pair or len(numbers) != 1 + is_pair or not all(map(_is_number, numbers)):
            raise ValueError(f"{path}: {name} is {value!r}, expected {'two numbers' if is_pair else 'a number'}")
    settings: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in given.items()
    }
    try:
        return PatternRanges(**settings)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
