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
        leave_out: files, by their path below `folder`, that are no objects and give their names to others.
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
    leave_out: tuple[str, ...] = ()
    threshold: float = 0.08
    max_pieces: int = 16

    def __post_init__(self) -> None:
        self._check_texts()
        given = [name for name in ("unit", "scale", "size") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"meshes: {' and '.join(given)} are given; at most one of unit, scale and size is allowed")
        if self.unit is not None and self.unit not in UNITS:
            raise ValueError(f"meshes: unit is {self.unit!r}; allowed: {', '.join(UNITS)}. Other units: give 'scale'")
        for name in ("scale", "size", "max_width"):
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and 0 < value < math.inf):
                raise ValueError(f"meshes: {name} is {value!r}; expected a positive number (metres)")
        if not self.pattern or self.pattern.startswith("/") or ".." in Path(self.pattern).parts:
            raise ValueError(f"meshes: pattern is {self.pattern!r}; expected one relative to folder, e.g. '*/mesh.obj'")
        if not (_is_number(self.threshold) and 0.01 <= self.threshold <= 1):
            raise ValueError(f"meshes: threshold is {self.threshold!r}; allowed: 0.01 (fine) to 1 (coarse)")
        if not (type(self.max_pieces) is int and 1 <= self.max_pieces <= 64):
            raise ValueError(f"meshes: max_pieces is {self.max_pieces!r}; allowed: 1 to 64")

    def _check_texts(self) -> None:
        """ValueError for a field that is no text where one is expected."""
        for name in ("folder", "unit", "family", "pattern"):
            value = getattr(self, name)
            is_text = isinstance(value, str) and "\0" not in value
            if not (is_text or (value is None and name in ("unit", "family"))):
                raise ValueError(f"meshes: {name} is {str(value)[:60]!r}; expected a text")
        if not (isinstance(self.leave_out, tuple) and all(isinstance(one, str) for one in self.leave_out)):
            raise ValueError(
                f"meshes: leave_out is {str(self.leave_out)[:60]!r}; expected a list of paths below folder"
            )

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
        given = field.get("leave_out", ())
        return cls(**field | {"leave_out": tuple(given) if isinstance(given, list) else given})

    def to_field(self) -> dict[str, Any]:
        """What to write into a split file: all that differs from the defaults."""
        defaults = {one.name: one.default for one in fields(self)}
        return {name: value for name, value in asdict(self).items() if value != defaults[name]}

    def find_folder(self, relative_to: Path) -> Path:
        """The folder on this machine.

        Raises:
            FileNotFoundError, NotADirectoryError: no such folder or package; says how to get it.
            ValueError: a package that is no plain name.
        """
        if not self.folder.startswith(_PACKAGE):
            try:
                folder = relative_to / Path(self.folder).expanduser()
            except RuntimeError as error:  # ~ of a user who has no home
                raise FileNotFoundError(f"mesh folder {self.folder}: {error}; give the whole path") from error
            if folder.is_file():
                raise NotADirectoryError(
                    f"mesh folder {folder} is a file; give the folder that it lies in, and its name as 'pattern'"
                )
            if not folder.is_dir():
                raise FileNotFoundError(f"mesh folder {folder} does not exist; correct 'folder' (relative to the file)")
            return folder
        package, _, inside = self.folder[len(_PACKAGE) :].partition("/")
        if not package.isidentifier() or ".." in Path(inside).parts:  # finding a.b would run the code of a
            raise ValueError(f"meshes: folder is {self.folder!r}; expected package:NAME/PATH with a plain NAME")
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise FileNotFoundError(
                f"mesh folder {self.folder!r} lies in the Python package {package}, which is not installed; "
                "pip install -e '.[objects]' brings the packages of the shipped split files"
            )
        folder = Path(next(iter(spec.submodule_search_locations))) / inside
        if not folder.is_dir():
            raise FileNotFoundError(f"mesh folder {self.folder!r}: the package {package} has no folder {inside!r}")
        return folder


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
