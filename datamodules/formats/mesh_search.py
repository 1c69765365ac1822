"""Where the mesh of an object lies: data sets put them beside their grasps, each in a folder of its own."""

import os
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

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
    "mesh", "meshes", "coacd", "urdf", "floating", "decomposed", "simplified", "raw", "model", "object", "textured",
    "textured_simple", "visual", "collision",
}  # fmt: skip
"""Names of folders and files, without the ending, that every object has one of: they do not tell whose they are."""

_ALIKE_NUMBERED = re.compile(r"tabletop.*|scale\d.*|convex[_-].*")
"""Further ones, with numbers."""


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
    return [folder / end for end in dict.fromkeys(ends) if (folder / end).is_dir()]


def object_part(code: str) -> str:
    """The path of an object's folder or of a file in it, up to the last part that tells it from other objects."""
    parts = Path(code).parts
    tells = [place for place, part in enumerate(parts) if not _is_alike(part)]
    return str(Path(*parts[: tells[-1] + 1])) if tells else code


def _is_alike(part: str) -> bool:
    name = part.rsplit(".", 1)[0]
    return name in _ALIKE or _ALIKE_NUMBERED.fullmatch(name) is not None


class MeshSearch:
    """Finds meshes by what the source calls the object.

    Args:
        folders: folders of meshes, the likeliest first.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = tuple(folders)
        self._find = lru_cache(maxsize=4096)(self._look)

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

    def places(self, code: str) -> Iterator[Path]:
        """Every file or folder that ``code`` may mean, the likeliest first.

        That is the one whose path has most of the code's; it has what tells the object from others in any case.
        """
        parts = [part for part in Path(os.path.normpath(code)).parts if part not in ("..", "/")]
        most = max(1, len(Path(object_part(str(Path(*parts)))).parts)) if parts else 0
        homes = [home for folder in self.folders for home in (folder, *_folders_in(folder))]
        for begin in range(most):
            tail = Path(*parts[begin:])
            for place in (home / name / tail for home in homes for name in ("", _PROCESSED)):
                if place.exists():
                    yield place

    def _look(self, code: str) -> Path | None:
        for place in self.places(code):
            if place.is_file():
                return place
            if (mesh := _mesh_in(place)) is not None:
                return mesh
        return None


@lru_cache(maxsize=64)
def _folders_in(folder: Path) -> tuple[Path, ...]:
    """Folders directly below, where these are few (sets of objects, not objects)."""
    below = tuple(sorted(path for path in folder.iterdir() if path.is_dir())) if folder.is_dir() else ()
    return below if len(below) <= 64 else ()


def _mesh_in(folder: Path) -> Path | None:
    for name in _INSIDE:
        if (folder / name).is_file():
            return folder / name
    single = sorted(folder.glob("*.obj"))
    return single[0] if len(single) == 1 else None
