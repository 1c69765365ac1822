"""Where the mesh of an object lies: data sets put them beside their grasps, each in a folder of its own."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TypeVar

Found = TypeVar("Found")

_INSIDE = (
    "coacd/decomposed.obj",
    "mesh/simplified.obj",
    "mesh/raw.obj",
    "urdf/coacd.obj",
    "decomposed.obj",
    "mesh.obj",
)
"""Files of an object's folder, in the order in which they are looked for."""

_PROCESSED = "processed_data"
"""Folder in which data sets of DexGraspBench's kind keep their objects' folders."""

_ALIKE = {
    "mesh", "meshes", "coacd", "urdf", "floating", "decomposed", "simplified", "raw", "model", "models", "object",
    "model_normalized", "textured", "textured_simple", "nontextured", "visual", "collision", "google_16k", "poisson",
    "tsdf",
}  # fmt: skip
"""Names of folders and files, without the ending, that every object has one of: they do not tell whose they are."""

_SCALED = re.compile(r"scale\d.*")
"""Files of objects of DexGraspBench's kind; folders of scenes on a table, which hold them, are none of objects."""


def near(source: Path, names: Sequence[str]) -> list[Path]:
    """Folders of these names in the source or in one of the four folders above it."""
    return [found for folder in around(source) for found in _in(folder, names)]


def around(source: Path) -> list[Path]:
    """The source's folder and the four above it."""
    start = source if source.is_dir() else source.parent
    return [start, *start.resolve().parents[:4]]


def given_or_near(source: Path, given: Path | None, names: Sequence[str]) -> list[Path]:
    """Where meshes are looked for: the folder that is given, and those of these names in it, else `near` the source."""
    return near(source, names) if given is None else [given, *_in(given, names)]


def _in(folder: Path, names: Sequence[str]) -> list[Path]:
    """Folders of these names that a folder has; of ``assets/object`` it may have the end alone."""
    ends = [Path(*Path(name).parts[begin:]) for name in names for begin in range(len(Path(name).parts))]
    return [folder / end for end in dict.fromkeys(ends) if _is_there(folder / end)]


def object_part(code: str) -> str:
    """The path of an object's folder or of a file in it, up to the last part that tells it from other objects."""
    parts = Path(code).parts
    tells = [place for place in range(len(parts)) if not _is_alike(parts, place)]
    return str(Path(*parts[: tells[-1] + 1])) if tells else code


def _is_alike(parts: Sequence[str], place: int) -> bool:
    """Whether one of the parts of a path is called so for every object."""
    name, is_last = parts[place].rsplit(".", 1)[0], place == len(parts) - 1
    if is_last:
        return name in _ALIKE or _SCALED.match(name) is not None or name.startswith(("convex_", "convex-"))
    return name in _ALIKE or (name.startswith("tabletop") and _SCALED.match(parts[place + 1]) is not None)


class MeshSearch:
    """Finds meshes by what the source calls the object.

    Args:
        folders: folders of meshes, the likeliest first.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = tuple(folders)
        self._find = lru_cache(maxsize=4096)(self._look)
        self._last: tuple[Path, int] | None = None

    def find(self, code: str) -> Path:
        """The mesh file of an object: ``code`` is its folder or file below one of the folders.

        Raises:
            ValueError: there is none; says where it was looked for.
        """
        found = self.locate(code)
        if found is None:
            where = ", ".join(map(str, self.folders)) or "no folder of meshes is known"
            raise ValueError(f"object {code!r} has no mesh (looked in: {where}); give the folder of meshes as --meshes")
        return found

    def locate(self, code: str) -> Path | None:
        """The file that `find` gives, of any kind; None where there is none."""
        return self._find(code)

    def first(self, code: str, take: Callable[[Path], Found | None]) -> Found | None:
        """What ``take`` makes of the likeliest file or folder that it takes, of those that ``code`` may mean.

        The likeliest is where the last one was found, so that a source of many files is not looked for everywhere each
        time; else the one whose path has most of the code's. It has what tells the object from others in any case.
        """
        parts = [part for part in Path(os.path.normpath(code)).parts if part not in ("..", "/")]
        most = max(1, len(Path(object_part(str(Path(*parts)))).parts)) if parts else 0
        for root, begin in self._spots(most):
            place = root.joinpath(*parts[begin:])
            if _is_there(place) and (found := take(place)) is not None:
                self._last = root, begin
                return found
        return None

    def _spots(self, most: int) -> Iterator[tuple[Path, int]]:
        if self._last is not None and self._last[1] < most:
            yield self._last
        yield from ((root, begin) for begin in range(most) for root in self._roots)

    @cached_property
    def _roots(self) -> tuple[Path, ...]:
        homes = [home for folder in self.folders for home in (folder, *_folders_in(folder))]
        roots = [root for home in homes for root in (home, home / _PROCESSED) if _is_there(root)]
        return tuple(dict.fromkeys(roots))

    def _look(self, code: str) -> Path | None:
        return self.first(code, _mesh_at)


def _is_there(path: Path) -> bool:
    """False, too, where nobody may look."""
    try:
        return path.exists()
    except OSError:
        return False


def _folders_in(folder: Path) -> list[Path]:
    """Folders directly below, where these are few (sets of objects, not objects)."""
    try:
        below = sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError:  # there is no such folder, or nobody may look
        return []
    return below if len(below) <= 64 else []


def _mesh_at(place: Path) -> Path | None:
    return place if place.is_file() else _mesh_in(place)


def _mesh_in(folder: Path) -> Path | None:
    for name in _INSIDE:
        if (folder / name).is_file():
            return folder / name
    single = sorted(folder.glob("*.obj"))
    return single[0] if len(single) == 1 else None
