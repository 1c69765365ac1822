"""DexGraspNet: ``SOURCE-CATEGORY-CODE.npy``, all grasps of an object, floating or, in the table variant, on a table."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from datamodules.formats.files import first_files, units_of, walk
from datamodules.formats.foreign import BadEntry, ForeignGrasp, Unit
from datamodules.formats.mesh_search import MeshSearch, given_or_near
from datamodules.formats.openai_keys import OpenAIHand, check_plane, read_keys
from datamodules.formats.plain_files import load_npy, number, text_keys, vector

_POSES = ("poses",)
"""Folders of the table variant with how objects lie."""


class DexGraspNet(OpenAIHand):
    """Reads ``dataset``; see `Format`. ``scale`` is the true scale; ``plane``, where there is one, the table."""

    name: ClassVar[str] = "dexgraspnet"
    layout: ClassVar[str] = "SOURCE-CATEGORY-CODE.npy with an array of dicts of qpos and scale"

    def __init__(self, source: Path, meshes: Path | None = None) -> None:
        self.source = source
        self._meshes = MeshSearch(given_or_near(source, meshes, ("meshdata",)))

    @classmethod
    def fits(cls, source: Path) -> bool:
        """See `Format.fits`."""
        return any(map(_is_of_this_kind, first_files(source, ".npy", _POSES)))

    def units(self) -> Sequence[Unit]:
        """See `Format.units`."""
        files = [file for _, files in walk(self.source, ".npy", _POSES) for file in files]
        return units_of(self.source, [(file.stem, file.stem, [file]) for file in files], "file .npy below it")

    def _read(self, unit: Unit) -> Iterator[ForeignGrasp | BadEntry]:
        [path] = unit.files
        try:
            entries = load_npy(path)
            if not entries.size:
                return  # an object of which no grasp was validated
            mesh = self._meshes.find(unit.code)
            if entries.ndim != 1 or not entries.dtype.hasobject:
                raise ValueError(
                    f"{path} holds an array of {entries.dtype} of shape {entries.shape}, expected one of dicts, (N,)"
                )
        except (ValueError, OSError) as error:
            yield BadEntry(str(path), str(error))
            return
        for row, entry in enumerate(entries):
            try:
                yield _grasp(f"{path}, row {row}", entry, unit.code, mesh)
            except ValueError as error:
                yield BadEntry(f"{path}, row {row}", str(error))


def _is_of_this_kind(file: Path) -> bool:
    try:
        array = load_npy(file)
    except (ValueError, OSError):
        return False
    if not array.dtype.hasobject or array.ndim != 1 or not len(array):
        return False
    return isinstance(array[0], Mapping) and "qpos" in text_keys(array[0])


def _grasp(source: str, entry: Any, code: str, mesh: Path) -> ForeignGrasp:
    if not isinstance(entry, Mapping):
        raise ValueError(f"{source} is a {type(entry).__name__}, expected a dict of qpos and scale")
    entry = text_keys(entry)
    scale = number(source, entry, "scale")
    if not 0.0 < scale <= 1.0:
        raise ValueError(
            f"{source}, field scale: {scale:g}; in this format it is the true scale, such as 0.08, in (0, 1]; files "
            "with its reciprocal are read by --format unidexgrasp"
        )
    plane = check_plane(source, vector(source, entry, "plane", 4)) if "plane" in entry else None
    joints, wrist_m = read_keys(source, entry.get("qpos"))
    parts = code.split("-")
    return ForeignGrasp(joints, wrist_m, mesh, scale, code, parts[1] if len(parts) > 2 else parts[0], plane, source)
