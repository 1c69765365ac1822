"""Where the mesh of an object lies: data sets put them beside their grasps, each in a folder of its own."""

import os
from collections.abc import Sequence
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


def near(source: Path, names: Sequence[str]) -> list[Path]:
    """Folders of these names in the source or in one of the four folders above it."""
    start = source if source.is_dir() else source.parent
    above = [start, *start.resolve().parents[:4]]
    return [folder / name for folder in above for name in names if (folder / name).is_dir()]


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

    def _look(self, code: str) -> Path | None:
        parts = [part for part in Path(os.path.normpath(code)).parts if part not in ("..", "/")]
        tails = [Path(*parts[begin:]) for begin in range(len(parts))]
        for folder in self.folders:
            homes = [folder, *_folders_in(folder)]
            for tail in tails:
                for place in (home / name / tail for home in homes for name in ("", _PROCESSED)):
                    if place.is_file():
                        return place
                    if place.is_dir() and (mesh := _mesh_in(place)) is not None:
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
