"""Files of a source, and units made of them."""

import json
import re
import stat
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any
from zlib import crc32

from datamodules.formats.foreign import Unit
from envs.files import write_atomically
from envs.folders import FolderWalk
from envs.objects.meshes.mesh_content import mesh_digest

MOST_FILES = 1000
"""Files of a unit: one folder with all of a source's files is read part by part."""

_LONGEST = 150
"""Characters of a path that stay in the name of its unit."""

_FIRST = 20
"""Files that are looked at to find out what a source is."""


def walk(source: Path, suffix: str, skipped: Collection[str] = ()) -> Iterator[tuple[Path, list[Path]]]:
    """Every folder below the source with its files of that suffix (`FolderWalk`); a file stands for itself.

    Folders of the names ``skipped``, and hidden ones, are left out.
    """
    if source.is_file():
        yield source.parent, [source]
        return
    for folder, below in FolderWalk(source, lambda name: _is_hidden(name) or name in skipped):
        files = [file for file in below if file.name.endswith(suffix) and not file.name.startswith(".")]
        if files:
            yield folder, files


def unreadable_folders(source: Path) -> dict[str, str]:
    """Folders at or below the source whose files nobody sees, with the cause."""
    if source.is_file():
        return {}
    walked = FolderWalk(source, _is_hidden)
    for _ in walked:
        pass
    return {str(folder): cause for folder, cause in walked.unreadable.items()}


def _is_hidden(name: str) -> bool:
    return name.startswith(("__MACOSX", "."))


def state_of(path: Path) -> tuple[int, int] | None:
    """Size and time (ns) of a file as it is now; None where there is none."""
    try:
        now = path.stat()
    except OSError:  # it may go at any moment
        return None
    return (now.st_size, now.st_mtime_ns) if stat.S_ISREG(now.st_mode) else None


def mesh_state(path: Path) -> str:
    """What a mesh is now, as `mesh_digest` in hexadecimal digits; empty where there is none.

    Times and sizes do not tell it: two folders of meshes may have the same ones, and a .gltf has its numbers elsewhere.
    """
    try:
        return mesh_digest(path).hex()
    except OSError:  # it may go at any moment
        return ""


def mesh_states(paths: Iterable[str]) -> list[str]:
    """What each of these meshes is now; each is read once."""
    listed = list(paths)
    states = {path: mesh_state(Path(path)) for path in set(listed)}
    return [states[path] for path in listed]


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
