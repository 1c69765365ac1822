"""How a folder of meshes becomes objects: the field ``meshes`` of a split file."""

import math
from dataclasses import asdict, dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "inch": 0.0254}
"""Metres in one unit of a mesh file."""

MIN_EXTENT, MAX_EXTENT = 0.015, 0.60
"""Metres that the largest extent of an object may have: from a dice to a long tool."""

_PACKAGE = "package:"


@dataclass(frozen=True)
class MeshSettings:
    """What a split file says about its meshes. Of `unit`, `scale` and `size` at most one is given.

    Attributes:
        folder: with the meshes, searched with all folders below it; relative to the split file, or
            ``package:NAME/PATH`` inside an installed Python package.
        unit: of the files' coordinates: m, cm, mm or inch; guessed for the whole folder, with a warning, when neither
            this nor scale nor size is given.
        scale: metres in one unit of the files.
        size: every mesh is scaled to this largest extent, metres.
        max_width: meshes whose smallest extent is larger are scaled down to it, metres; never when None.
        family: of all meshes; when None that of each is its folder below `folder`, or ``mesh`` for files in `folder`.
        pattern: only files whose path below `folder` matches, e.g. ``*/textured.obj``.
        threshold: concavity that the convex decomposition leaves (CoACD; 0.01 fine to 1 coarse).
        max_pieces: most convex pieces of an object; more of them make physics slower.
    """

    folder: str
    unit: str | None = None
    scale: float | None = None
    size: float | None = None
    max_width: float | None = None
    family: str | None = None
    pattern: str = "**/*"
    threshold: float = 0.08
    max_pieces: int = 16

    def __post_init__(self) -> None:
        given = [name for name in ("unit", "scale", "size") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"meshes: {' and '.join(given)} are given; at most one of unit, scale and size is allowed")
        if self.unit is not None and self.unit not in UNITS:
            raise ValueError(f"meshes: unit is {self.unit!r}; allowed: {', '.join(UNITS)}. Other units: give 'scale'")
        for name in ("scale", "size", "max_width"):
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and 0 < value < math.inf):
                raise ValueError(f"meshes: {name} is {value!r}; expected a positive number (metres)")
        if not self.pattern or self.pattern.startswith("/"):
            raise ValueError(f"meshes: pattern is {self.pattern!r}; expected one relative to folder, e.g. '*/mesh.obj'")
        if not (_is_number(self.threshold) and 0.01 <= self.threshold <= 1):
            raise ValueError(f"meshes: threshold is {self.threshold!r}; allowed: 0.01 (fine) to 1 (coarse)")
        if not (isinstance(self.max_pieces, int) and 1 <= self.max_pieces <= 64):
            raise ValueError(f"meshes: max_pieces is {self.max_pieces!r}; allowed: 1 to 64")

    @classmethod
    def from_field(cls, field: Any) -> "MeshSettings":
        """The settings that a split file's field ``meshes`` spells.

        Raises:
            ValueError: not an object with a folder, an unknown entry, or a value outside what is allowed.
        """
        known = [one.name for one in fields(cls)]
        if not isinstance(field, dict) or not isinstance(field.get("folder"), str):
            raise ValueError(f"meshes: {str(field)[:60]!r} is given; expected an object with at least a 'folder'")
        unknown = sorted(set(field) - set(known))
        if unknown:
            raise ValueError(f"meshes: unknown entries {', '.join(unknown)}; allowed: {', '.join(known)}")
        return cls(**field)

    def to_field(self) -> dict[str, Any]:
        """What to write into a split file: all that differs from the defaults."""
        defaults = {one.name: one.default for one in fields(self)}
        return {name: value for name, value in asdict(self).items() if value != defaults[name]}

    def find_folder(self, relative_to: Path) -> Path:
        """The folder on this machine.

        Raises:
            FileNotFoundError: no such folder or package; says how to get it.
        """
        if not self.folder.startswith(_PACKAGE):
            folder = relative_to / Path(self.folder).expanduser()
            if not folder.is_dir():
                raise FileNotFoundError(f"mesh folder {folder} does not exist; correct 'folder' (relative to the file)")
            return folder
        package, _, inside = self.folder[len(_PACKAGE) :].partition("/")
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise FileNotFoundError(
                f"mesh folder {self.folder!r} lies in the Python package {package}, which is not installed; "
                "pip install -e '.[objects]' brings the packages of the shipped split files"
            )
        return Path(next(iter(spec.submodule_search_locations))) / inside


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
