"""UniDexGrasp: ``SET/CATEGORY-HASH/00000.npz``, a grasp each, of objects on a table."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from datamodules.formats.files import first_files, units_of, walk
from datamodules.formats.foreign import BadEntry, ForeignGrasp, Unit
from datamodules.formats.mesh_search import MeshSearch, given_or_near
from datamodules.formats.openai_keys import OpenAIHand, check_plane, read_keys
from datamodules.formats.plain_files import load_npz, number, vector

MESH_FOLDERS = ("meshdatav3_scaled", "meshdatav3", "meshdata", "meshes")
_FIELDS = ("qpos", "scale", "plane")


class UniDexGrasp(OpenAIHand):
    """Reads ``datasetv4.1``; see `Format`. ``scale`` is the reciprocal of the true scale."""

    name: ClassVar[str] = "unidexgrasp"
    layout: ClassVar[str] = "SET/CATEGORY-HASH/00000.npz with qpos, scale and plane"

    def __init__(self, source: Path, meshes: Path | None = None) -> None:
        self.source = source
        self._meshes = MeshSearch(given_or_near(source, meshes, MESH_FOLDERS))

    @classmethod
    def fits(cls, source: Path) -> bool:
        """See `Format.fits`."""
        return any(map(_is_of_this_kind, first_files(source, ".npz")))

    def units(self) -> Sequence[Unit]:
        """See `Format.units`."""
        found = walk(self.source, ".npz")
        groups = [(_place(self.source, folder), _code(folder), files) for folder, files in found]
        return units_of(self.source, groups, "file .npz below it")

    def _read(self, unit: Unit) -> Iterator[ForeignGrasp | BadEntry]:
        for path in unit.files:
            try:
                yield self._grasp(path, unit.code)
            except (ValueError, OSError) as error:
                yield BadEntry(str(path), str(error))

    def _grasp(self, path: Path, code: str) -> ForeignGrasp:
        fields = load_npz(path, _FIELDS)
        scale = number(str(path), fields, "scale")
        if not scale > 1.0:
            raise ValueError(
                f"{path}, field scale: {scale:g}; in this format it is the reciprocal of the true scale, such as 12.5 "
                "for 0.08; files with the true scale are read by --format dexgraspnet"
            )
        plane = check_plane(str(path), vector(str(path), fields, "plane", 4))
        if "qpos" not in fields:
            raise ValueError(f"{path} lacks the field 'qpos'; it has {', '.join(fields) or 'none'}")
        joints, wrist_m = read_keys(str(path), fields["qpos"].item() if fields["qpos"].size == 1 else fields["qpos"])
        family = Path(code).name.rsplit("-", 1)[0]
        return ForeignGrasp(joints, wrist_m, self._meshes.find(code), 1.0 / scale, code, family, plane, str(path))


def _is_of_this_kind(file: Path) -> bool:
    try:
        return len(load_npz(file, _FIELDS)) == len(_FIELDS)
    except ValueError:
        return False


def _place(source: Path, folder: Path) -> str:
    return str(folder.relative_to(source)) if source.is_dir() else folder.name


def _code(folder: Path) -> str:
    """Set and object, as the folders of meshes are named."""
    return f"{folder.parent.name}/{folder.name}"
