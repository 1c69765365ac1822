"""Files of a source, and units made of them."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from datamodules.formats.foreign import Unit

MOST_FILES = 1000
"""Files of a unit: one folder with all of a source's files is read part by part."""


def walk(source: Path, suffix: str) -> Iterator[tuple[Path, list[Path]]]:
    """Every folder below the source with its files of that suffix, in alphabetical order; a file stands for itself."""
    if source.is_file():
        yield source.parent, [source]
        return
    for folder, below, names in os.walk(source):
        below[:] = sorted(name for name in below if not name.startswith(("__MACOSX", ".")))
        files = [Path(folder, name) for name in sorted(names) if name.endswith(suffix) and not name.startswith("._")]
        if files:
            yield Path(folder), files


def first_file(source: Path, suffix: str) -> Path | None:
    """The first file of that suffix, None when there is none."""
    found = next(walk(source, suffix), None)
    return None if found is None or not found[1][0].name.endswith(suffix) else found[1][0]


def units_of(source: Path, groups: Sequence[tuple[str, str, list[Path]]], wanted: str) -> list[Unit]:
    """Units of groups of files (path below the source, code of the object, files), none larger than MOST_FILES.

    Raises:
        ValueError: there are none; says what was looked for.
    """
    units = []
    for place, code, files in groups:
        name = re.sub(r"[^A-Za-z0-9.-]+", "_", place) or "_"
        for begin in range(0, len(files), MOST_FILES):
            part = f"{name}.{begin // MOST_FILES}" if len(files) > MOST_FILES else name
            units.append(Unit(part, tuple(files[begin : begin + MOST_FILES]), code))
    if not units:
        raise ValueError(f"source {source} has no {wanted}; give the folder that holds them, or another --format")
    if len({unit.name for unit in units}) < len(units):  # paths that only differ in signs
        units = [Unit(f"{unit.name}.{row}", unit.files, unit.code) for row, unit in enumerate(units)]
    return units
