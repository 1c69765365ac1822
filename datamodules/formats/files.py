"""Files of a source, and units made of them."""

import json
import os
import re
import stat
from collections.abc import Collection, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any
from zlib import crc32

from datamodules.formats.foreign import Unit
from envs.files import write_atomically

MOST_FILES = 1000
"""Files of a unit: one folder with all of a source's files is read part by part."""

_LONGEST = 150
"""Characters of a path that stay in the name of its unit."""

_FIRST = 20
"""Files that are looked at to find out what a source is."""


def walk(source: Path, suffix: str, skipped: Collection[str] = ()) -> Iterator[tuple[Path, list[Path]]]:
    """Every folder below the source with its files of that suffix, in alphabetical order; a file stands for itself.

    Links to folders are followed, each folder once; those of the names ``skipped`` are left out.
    """
    if source.is_file():
        yield source.parent, [source]
        return
    seen: set[str] = set()
    for folder, below, names in os.walk(source, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            below.clear()
            continue
        seen.add(real)
        below[:] = sorted(name for name in below if not name.startswith(("__MACOSX", ".")) and name not in skipped)
        files = [Path(folder, name) for name in sorted(names) if name.endswith(suffix) and not name.startswith(".")]
        if files:
            yield Path(folder), files


def unreadable_folders(source: Path) -> dict[str, str]:
    """Folders at or below the source whose files nobody sees, with the cause: they may not be read, or are gone."""
    found: dict[str, str] = {}

    def note(error: OSError) -> None:
        found[str(error.filename)] = f"folder cannot be read ({error.strerror}); allow reading it, or leave it out"

    for _ in os.walk(source, onerror=note):  # links to folders are left to `walk`, which goes round in no circles
        pass
    return found


def state_of(path: Path) -> tuple[int, int] | None:
    """Size and time (ns) of a file as it is now; None where there is none."""
    try:
        now = path.stat()
    except OSError:  # it may go at any moment
        return None
    return (now.st_size, now.st_mtime_ns) if stat.S_ISREG(now.st_mode) else None


def first_files(source: Path, suffix: str, skipped: Collection[str] = ()) -> list[Path]:
    """The first few files of that suffix: one may be damaged or empty, and the source is of its format all the same."""
    files = chain.from_iterable(files for _, files in walk(source, suffix, skipped))
    return [file for file in islice(files, _FIRST) if file.name.endswith(suffix)]


def units_of(source: Path, groups: Sequence[tuple[str, str, list[Path]]], wanted: str) -> list[Unit]:
    """Units of groups of files (path below the source, code of the object, files), none larger than MOST_FILES.

    Raises:
        ValueError: there are none; says what was looked for.
    """
    units = []
    for place, code, files in groups:
        name = re.sub(r"[^A-Za-z0-9.-]+", "_", place) or "_"
        if len(name) > _LONGEST:  # of a file's name 255 bytes are allowed
            name = f"{name[-_LONGEST:]}.{crc32(place.encode()):08x}"
        for begin in range(0, len(files), MOST_FILES):
            part = f"{name}.{begin // MOST_FILES}" if len(files) > MOST_FILES else name
            units.append(Unit(part, tuple(files[begin : begin + MOST_FILES]), code))
    if not units:
        raise ValueError(f"source {source} has no {wanted}; give the folder that holds them, or another --format")
    if len({unit.name for unit in units}) < len(units):  # paths that only differ in signs
        units = [Unit(f"{unit.name}.{row}", unit.files, unit.code) for row, unit in enumerate(units)]
    return units


def beside(output: Path, what: str) -> Path:
    """``OUT_rejected.json`` and the like, beside what a conversion writes."""
    return output.with_name(f"{output.stem}_{what}.json")


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write fields for people to read, whole or not at all."""
    write_atomically(path, (json.dumps(content, indent=1) + "\n").encode())
