"""Split files: which objects belong to which split, by name; the name alone suffices to rebuild an object.

A split file is JSON: ``{"schema": "object_split", "version": 1, "splits": {"train": ["mug_00000", ...], ...}}``.
Those of the package go by their bare names, ``full`` (the paper's numbers of objects) and ``small`` (a subset of it,
for trial runs); ``python -m envs.objects.split_file --output FILE --size full`` makes one again.

Seeds within a family: training objects from 0 up, unseen instances after the family's last training object,
development objects after its last unseen instance. Every list goes round the families, so that any beginning of it
holds all of them alike; the development split holds twice as many of a family of its own as of one seen in training.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.abc import Traversable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from envs.command_line import run_command
from envs.conventions import DEVELOPMENT_SPLIT, SPLITS
from envs.field_files import read_json
from envs.files import write_atomically
from envs.objects.builder import object_name
from envs.objects.families import DEVELOPMENT_FAMILIES, SEEN_FAMILIES, UNSEEN_FAMILIES, Family
from envs.objects.families.source import FamilySource
from envs.objects.meshes.mesh_folder import MeshFolder
from envs.objects.meshes.mesh_settings import MeshSettings
from envs.objects.source import BuildTask, ObjectSource
from envs.plain_errors import plain_errors
from envs.stand_ins import what_stands_there

SCHEMA = "object_split"
VERSION = 1
SHIPPED_SPLITS = ("full", "small", "third_party")
"""Split files of the package, by bare name; the last one needs the extra ``objects`` (docs/objects.md)."""

FULL_COUNTS = {"train": 3127, "development": 6 * (34 + 2 * 8), "unseen_instances": 519, "unseen_families": 1298}
"""Objects of each split (GraspGF, App. B.1, which has no development split)."""

SMALL_COUNTS = {"train": 9 * 34, "development": 34 + 2 * 8, "unseen_instances": 2 * 34, "unseen_families": 8 * 12}
"""Objects of the small splits: the first 9, 1 or 2, 2 and 8 of every family."""

_logger = logging.getLogger(__name__)
_REMEDY = (
    "write the file again with python -m envs.objects.split_file --output FILE, for meshes with "
    "python -m envs.objects.meshes.import_meshes FOLDER --output FILE"
)


def default_splits() -> dict[str, list[str]]:
    """3,127 training objects, 300 for development, 519 unseen instances of training families, 1,298 of unseen families.

    Of the development objects 204 are new instances of training families, 96 of families that stand nowhere else.
    """
    seen, trained, tested = len(SEEN_FAMILIES), FULL_COUNTS["train"], FULL_COUNTS["unseen_instances"]
    after_training = [len(range(family, trained, seen)) for family in range(seen)]
    after_tests = [first + len(range(family, tested, seen)) for family, first in enumerate(after_training)]
    rounds = FULL_COUNTS["development"] // (seen + 2 * len(DEVELOPMENT_FAMILIES))
    instances = _in_turn(SEEN_FAMILIES, rounds * seen, after_tests)
    others = _in_turn(DEVELOPMENT_FAMILIES, 2 * rounds * len(DEVELOPMENT_FAMILIES), [0] * len(DEVELOPMENT_FAMILIES))
    return {
        "train": _in_turn(SEEN_FAMILIES, trained, [0] * seen),
        "development": _dealt(instances, others, 2 * rounds),
        "unseen_instances": _in_turn(SEEN_FAMILIES, tested, after_training),
        "unseen_families": _in_turn(UNSEEN_FAMILIES, FULL_COUNTS["unseen_families"], [0] * len(UNSEEN_FAMILIES)),
    }


def _dealt(first: Sequence[str], second: Sequence[str], turns: int) -> list[str]:
    """Both lists in as many equal parts as there are turns, one part of each in every turn."""
    parts = [np.array_split(np.array(names), turns) for names in (first, second)]
    return [str(name) for pair in zip(*parts, strict=True) for part in pair for name in part]


def _in_turn(families: Sequence[Family], count: int, first_seeds: Sequence[int]) -> list[str]:
    """So many names: one object of every family, then the next one of every family, and so on."""
    turns = (divmod(k, len(families)) for k in range(count))
    return [object_name(families[family].name, first_seeds[family] + turn) for turn, family in turns]


def find_split_file(file: str | Path | None) -> Path | Traversable:
    """The split file that a user names: None for ``full``, a bare name of SHIPPED_SPLITS, or a path.

    A bare name means the package's file even where a file of that name exists here; ``./full`` means the latter.
    """
    chosen = "full" if file is None else file
    # Path("./full") has lost its dot: only a string may be a bare name.
    if isinstance(chosen, str) and chosen in SHIPPED_SPLITS:
        return resources.files("envs.objects.splits").joinpath(f"{chosen}.json")
    return Path(chosen)


@dataclass(frozen=True)
class Splits:
    """What a split file holds; an `ObjectSource` of parametric objects and meshes.

    Attributes:
        names: object names of every split.
        meshes: the folder of the objects that no parametric family makes; None when the file names none.
    """

    names: dict[str, tuple[str, ...]]
    meshes: MeshFolder | None = None

    def family(self, name: str) -> str:
        """See `ObjectSource.family`; the error names the meshes, too."""
        try:
            return self._source(name).family(name)
        except ValueError as error:
            if self.meshes is None:
                raise
            known = self.meshes.names
            raise ValueError(
                f"object name {name!r} is neither one of the {len(known)} meshes of {self.meshes.folder} ({known[0]!r} "
                f"to {known[-1]!r}) nor that of a parametric object ({error})"
            ) from error

    def key(self, name: str) -> str:
        return self._source(name).key(name)

    def task(self, name: str) -> BuildTask:
        return self._source(name).task(name)

    def _source(self, name: str) -> ObjectSource:
        return self.meshes if self.meshes is not None and name in self.meshes else FamilySource()


def load_splits(file: Path | Traversable) -> Splits:
    """Object names of every split and the mesh folder, checked.

    A file may leave out ``development``; with the field ``meshes`` (`MeshSettings`) splits may be missing or empty.

    Raises:
        FileNotFoundError: no such file, or no such mesh folder.
        ValueError: malformed; names the file, the field, what was given and what is allowed.
    """
    if not file.is_file():
        raise FileNotFoundError(
            f"split file {file} does not exist; {_REMEDY}, or name one of the package: {', '.join(SHIPPED_SPLITS)}"
        )
    stand_in = what_stands_there(file, "the split file") if isinstance(file, Path) else ""
    if stand_in:
        raise ValueError(f"split file {file}: {stand_in}")
    fields = read_json(file, _REMEDY)
    try:
        loaded = _parse(fields, file.parent if isinstance(file, Path) else Path())
        _check_disjoint(loaded)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(f"split file {file}: {error}") from error
    except ValueError as error:
        raise ValueError(f"split file {file}: {error}; {_REMEDY}") from error
    return loaded


def _parse(fields: dict[str, Any], folder: Path) -> Splits:
    """What the fields of a split file that lies in a folder say; errors are completed by `load_splits`."""
    for field, expected in (("schema", SCHEMA), ("version", VERSION)):
        if fields.get(field) != expected:
            raise ValueError(f"field '{field}' is {fields.get(field)!r}, expected {expected!r}")
    meshes = MeshFolder(MeshSettings.from_field(fields["meshes"]), folder) if "meshes" in fields else None
    splits = fields.get("splits")
    given = sorted(splits) if isinstance(splits, dict) else splits
    required = set() if meshes else set(SPLITS) - {DEVELOPMENT_SPLIT}
    if not isinstance(splits, dict) or not required <= set(splits) <= set(SPLITS):
        expected = "keys among" if meshes else f"the keys (only '{DEVELOPMENT_SPLIT}' may be missing)"
        raise ValueError(f"field 'splits' has {given!r}, expected {expected} {list(SPLITS)}")
    for split, names in splits.items():
        is_list = isinstance(names, list) and all(isinstance(name, str) for name in names)
        if not is_list or not (names or meshes):
            kind = "list" if meshes else "non-empty list"
            raise ValueError(f"field 'splits.{split}' is {str(names)[:60]!r}, expected a {kind} of object names")
    if not any(splits.values()):
        raise ValueError("field 'splits' names no object at all")
    return Splits({split: tuple(splits.get(split, ())) for split in SPLITS}, meshes)


def _check_disjoint(loaded: Splits) -> None:
    """ValueError for an unknown name, an object that stands twice, an unseen family among the training objects."""
    owner: dict[str, str] = {}
    trained: set[str] = set()
    for split, names in loaded.names.items():
        for name in names:
            try:
                family = loaded.family(name)
            except ValueError as error:
                raise ValueError(f"field 'splits.{split}': {error}") from error
            if name in owner:
                raise ValueError(
                    f"object {name!r} is in '{owner[name]}' and in '{split}'; an object may be named once: remove one "
                    "of the two"
                )
            owner[name] = split
            if split == "train":
                trained.add(family)
            elif split == "unseen_families" and family in trained:
                raise ValueError(
                    f"field 'splits.unseen_families' names {name!r}, whose family is in 'train' too; allowed are "
                    "families without training objects: move it to 'unseen_instances'"
                )


def write_split_file(path: Path, splits: dict[str, list[str]], meshes: MeshSettings | None = None) -> None:
    """Writes a split file, one object name a line; `meshes` describes the mesh folder that names refer to."""
    described = {} if meshes is None else {"meshes": meshes.to_field()}
    content = {"schema": SCHEMA, "version": VERSION, **described, "splits": splits}
    write_atomically(path, (json.dumps(content, indent=1) + "\n").encode())


def write_default_splits(output: Path, size: Literal["full", "small"] = "full") -> None:
    """Write a split file of parametric objects.

    Args:
        output: file to write.
        size: full has the paper's numbers, small the first few objects of every family.
    """
    counts = FULL_COUNTS if size == "full" else SMALL_COUNTS
    write_split_file(output, {split: names[: counts[split]] for split, names in default_splits().items()})
    _logger.info("%s: %s", output, ", ".join(f"{split} {count}" for split, count in counts.items()))


def main(args: Sequence[str] | None = None) -> None:
    """Command line."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    run_command(write_default_splits, args)


if __name__ == "__main__":
    with plain_errors():
        main()
