"""A folder of meshes as a source of objects."""

import hashlib
import logging
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path, PurePath

import numpy as np

from envs.folders import FolderWalk, matches
from envs.objects.families import FAMILIES
from envs.objects.meshes.mesh_content import mesh_digest
from envs.objects.meshes.mesh_files import FOREIGN_SUFFIXES, SUFFIXES, load_mesh
from envs.objects.meshes.mesh_object import make_mesh_object
from envs.objects.meshes.mesh_settings import UNITS, MeshSettings
from envs.objects.source import BuildTask
from envs.objects.store.content_key import mesh_key
from envs.objects.store.guarded import Limits, guarded_calls

TYPICAL_EXTENT = 0.1
"""Metres; the unit is guessed that brings the middle one of the largest extents nearest to it."""

SAMPLE = 25
"""Meshes that the unit is guessed from: the smallest files, which are read fastest."""

SAMPLE_BYTES = 50_000_000
"""Larger files are not read for it."""

SAMPLE_S = 30.0
"""Seconds that reading one of them may take; the others tell the unit without it."""

_ADVICE = (
    "meshes do that whose surface overlaps itself or that have very many parts; make it one simple closed surface "
    "(Blender: modifier Remesh), decimate it, or allow more when importing it (--timeout, --memory of import_meshes or "
    "of convert), after which it is kept"
)

_METADATA_FOLDERS = ("__MACOSX", ".git", ".svn", ".hg", ".AppleDouble", ".Trashes", "@eaDir", ".ipynb_checkpoints")

_logger = logging.getLogger(__name__)


class MeshFolder:
    """The meshes of a folder by object name (an `ObjectSource`).

    The name is the family and the path below the folder, in lower-case letters, digits and underscores:
    ``crate/Blue one.obj`` becomes ``crate_blue_one``, ``scan.stl`` becomes ``mesh_scan``; of a name in another script
    eight digits of its hash stand for what is lost. A family that bears the name of a parametric one gets ``_mesh``
    appended, so that no mesh has the name of another object. Of files that differ in other signs alone (``part+1.stl``,
    ``part-1.stl``) the first has the name, the others with eight digits of their paths' hashes; of those that differ in
    their suffix alone the first is the object.

    Args:
        settings: folder, units and decomposition.
        relative_to: what a relative folder is relative to.
    Raises:
        FileNotFoundError: no such folder.
        ValueError: no mesh in it.
    """

    def __init__(self, settings: MeshSettings, relative_to: Path = Path()) -> None:
        self.folder = settings.find_folder(relative_to)
        self._given, self._relative_to = settings, relative_to
        self._families: dict[str, str] = {}
        self._files: dict[str, Path] = {}
        self._others: dict[str, list[Path]] = {}
        self.rejected: dict[Path, str] = {}
        """Files that cannot be objects, with the cause: another of the same name, a suffix that is not read. So are
        folders that may not be looked into."""
        self._list_files()
        if not self._files:
            raise ValueError(
                f"mesh folder {self.folder} has no usable mesh (pattern {settings.pattern!r}); read are "
                f"{', '.join(SUFFIXES)}{_first_of(self.rejected)}"
            )

    @property
    def names(self) -> list[str]:
        """Names of all objects, sorted by file."""
        return list(self._files)

    def path(self, name: str) -> Path:
        """File of the object of that name."""
        return self._files[name]

    def family(self, name: str) -> str:
        """Family of the object of that name."""
        return self._families[name]

    def key(self, name: str) -> str:
        """What the object depends on: its name, family, settings, and all files of its mesh."""
        settings = {
            **asdict(self.settings),
            "folder": "",
            "pattern": "",
            "leave_out": (),
            "name": name,
            "family": self.family(name),
        }
        return mesh_key(settings, mesh_digest(self._files[name]))

    def task(self, name: str) -> BuildTask:
        """How the object is made, in a guarded worker."""
        args = (self._files[name], name, self.family(name), self.settings)
        return BuildTask(make_mesh_object, args, may_crash=True, advice=_ADVICE)

    def __contains__(self, name: object) -> bool:
        return name in self._files

    @cached_property
    def settings(self) -> MeshSettings:
        """The settings, with the unit guessed if it was not given.

        Raises:
            ValueError: a unit that cannot be guessed.
        """
        given = self._given
        if given.unit is not None or given.scale is not None or given.size is not None:
            return given
        sizes = {path: path.stat().st_size for path in self._files.values()}
        smallest = sorted((path for path in sizes if sizes[path] <= SAMPLE_BYTES), key=lambda path: sizes[path])
        largest = _largest_extents(smallest[:SAMPLE])
        unit = guess_unit(largest, self.folder)
        _logger.warning(
            "mesh folder %s: no unit is given; the meshes are about %.4g units large, taken for %s; write "
            '"unit": "%s" (or the right one) to settle it',
            self.folder, float(np.median(largest)), unit, unit,
        )  # fmt: skip
        return replace(given, unit=unit)

    def alternatives(self, name: str) -> list[Path]:
        """Files that would have the object's name, if its own were not there."""
        return self._others.get(name, [])

    def without(self, names: Sequence[str]) -> "MeshFolder":
        """The folder without the files of these objects, whose names go to the next files that have them."""
        files = [self._files[name].relative_to(self.folder).as_posix() for name in names]
        settings = replace(self.settings, leave_out=(*self.settings.leave_out, *files))
        return MeshFolder(settings, self._relative_to)

    @cached_property
    def skipped(self) -> dict[Path, str]:
        """Every other file below the folder, with the cause why it is no object; links that lead to nothing else."""
        known, walked = {*self._files.values(), *self.rejected}, FolderWalk(self.folder)
        causes = {path: self._cause(path) for _, files in walked for path in files if path not in known}
        causes |= dict.fromkeys(walked.repeated, "link to a folder that is looked into already, or holds it")
        return {path: f"{path}: {causes[path]}" for path in sorted(causes)}

    def _cause(self, path: Path) -> str:
        """Why a file below the folder is not even tried."""
        below = path.relative_to(self.folder)
        if is_metadata(below):
            return "metadata of another program"
        if below.as_posix() in self._given.leave_out:
            return "left out (leave_out)"
        if path.suffix.lower() not in (*SUFFIXES, *FOREIGN_SUFFIXES):
            return f"no mesh (suffix {path.suffix!r})"
        return "does not match the pattern" if _is_file(path) else "no regular file, or one that may not be looked at"

    def _list_files(self) -> None:
        candidates: dict[str, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
        walked, pattern = FolderWalk(self.folder), PurePath(self._given.pattern).parts
        for path in sorted(path for _, files in walked for path in files):
            below = path.relative_to(self.folder)
            is_wanted = matches(below.parts, pattern) and below.as_posix() not in self._given.leave_out
            if not is_wanted or is_metadata(below):
                continue
            if path.suffix.lower() in FOREIGN_SUFFIXES:
                self.rejected[path] = (
                    f"{path}: suffix {path.suffix!r} is not supported; allowed: {', '.join(SUFFIXES)}; export it as one"
                )
            elif path.suffix.lower() in SUFFIXES and _is_file(path):
                candidates[self._spelt(below)[1]][_composed(below.with_suffix("").as_posix())].append(path)
        forbidden = (path for path in walked.unreadable if not is_metadata(path.relative_to(self.folder)))
        self.rejected |= {path: f"{path}: {walked.unreadable[path]}" for path in forbidden}
        for name, (first, *_) in candidates.items():
            self._name(name, candidates[name].pop(first))
        for name, clashing in candidates.items():
            for spelling, paths in clashing.items():
                self._name(f"{name}_{_hash_of(spelling)}", paths)
        self._files = dict(sorted(self._files.items(), key=lambda item: item[1]))

    def _name(self, name: str, paths: list[Path]) -> None:
        """Give a name to the first of these files; it may be taken by a file that is called like another's hash."""
        self._files.setdefault(name, paths[0])
        self._families.setdefault(name, self._spelt(self._files[name].relative_to(self.folder))[0])
        others = [path for path in paths if path != self._files[name]]
        self._others.setdefault(name, []).extend(others)
        for path in others:
            self.rejected[path] = (
                f"{path}: its object name {name!r} is that of {self._files[name]} too; names keep only letters, digits "
                "and underscores of the path without suffix: rename or remove one of the files"
            )

    def _spelt(self, below: Path) -> tuple[str, str]:
        """Family and object name of a file at that path below the folder."""
        parts = [_word(part) for part in (*below.parts[:-1], below.stem)]
        family = self._given.family or (parts[0] if len(parts) > 1 else "mesh")
        own_folder = self._given.family is None and len(parts) > 1
        family = _word(family) or "mesh"
        if not family[0].isalpha():
            family = f"mesh_{family}"
        if family in FAMILIES:
            family = f"{family}_mesh"
        rest = parts[1:] if own_folder else parts
        if not parts[-1]:
            rest[-1] = _hash_of(below.stem)  # of signs alone
        kept = [part for k, part in enumerate(rest) if part and part != (rest[k - 1] if k else None)]
        return family, "_".join([family, *kept])


def guess_unit(largest_extents: Sequence[float], folder: Path) -> str:
    """The unit that makes the middle one of these extents most like an object's: m, cm or mm.

    Args:
        largest_extents: largest extent of each mesh in file units.
        folder: for the message.
    Raises:
        ValueError: no mesh that can be read, or meshes of unit size, which says nothing about the unit.
    """
    if not len(largest_extents):
        raise ValueError(f"mesh folder {folder}: the unit cannot be guessed, none of the meshes looked at can be read")
    middle = float(np.median(largest_extents))
    if 0.6 < middle < 2.2:
        raise ValueError(
            f"mesh folder {folder}: no unit is given and the meshes are about {middle:.3g} units large, as meshes that "
            "were scaled to unit size are; give 'size' (metres of the largest extent), 'scale' or 'unit'"
        )
    return min(("m", "cm", "mm"), key=lambda unit: abs(np.log(middle * UNITS[unit] / TYPICAL_EXTENT)))


def _largest_extents(paths: Sequence[Path]) -> list[float]:
    """Of the meshes that can be read; the others are told when they are built."""
    found = []
    with guarded_calls(1, Limits(SAMPLE_S)) as calls:
        for path in paths:
            try:
                found.append(calls.result(calls.submit(_largest_extent, (path,)), ""))
            except (ValueError, OSError, MemoryError, RuntimeError):
                continue
    return found


def _largest_extent(path: Path) -> float:
    return float(load_mesh(path).extents.max())


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # in a folder that may be listed, not looked into
        return False


def is_metadata(below: Path) -> bool:
    """Whether a file is what a system or program keeps about others: ``._NAME`` of macOS, ``__MACOSX`` and the like."""
    return below.name.startswith("._") or any(part in _METADATA_FOLDERS for part in below.parts)


def _word(text: str) -> str:
    """Lower-case letters, digits and underscores of a text; where letters of other scripts are lost, with a hash."""
    composed = _composed(text)
    word = re.sub(r"[^a-z0-9]+", "_", composed.lower()).strip("_")
    return word if composed.isascii() else f"{word}_{_hash_of(composed)}".strip("_")


def _composed(text: str) -> str:
    """The text with accents as parts of their letters; macOS writes them as letters of their own."""
    return unicodedata.normalize("NFC", text)


def _hash_of(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def _first_of(rejected: dict[Path, str]) -> str:
    return f"; {len(rejected)} files are not, e.g. {next(iter(rejected.values()))}" if rejected else ""
