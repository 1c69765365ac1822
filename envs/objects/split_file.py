"""Split files: which objects belong to which split, by name; the name alone suffices to rebuild an object.

A split file is JSON: ``{"schema": "object_split", "version": 1, "splits": {"train": ["mug_00000", ...], ...}}``.
Those of the package go by their bare names, ``full`` (the paper's numbers of objects) and ``small`` (a subset of it,
for trial runs); ``python -m envs.objects.split_file --output FILE --size full`` makes one again.

Seeds within a family: training objects from 0 up, unseen instances after the family's last training object.
Every list goes round the families, so that any beginning of it holds all of them alike.
"""

import argparse
import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.abc import Traversable
from pathlib import Path
from typing import Any

from envs.conventions import SPLITS
from envs.files import write_atomically
from envs.objects.builder import object_name
from envs.objects.families import FAMILIES, SEEN_FAMILIES, UNSEEN_FAMILIES, Family
from envs.objects.meshes.mesh_folder import MeshFolder
from envs.objects.meshes.mesh_settings import MeshSettings

SCHEMA = "object_split"
VERSION = 1
SHIPPED_SPLITS = ("full", "small", "third_party")
"""Split files of the package, by bare name; the last one needs the extra ``objects`` (docs/objects.md)."""

FULL_COUNTS = {"train": 3127, "unseen_instances": 519, "unseen_families": 1298}
"""Objects of each split (GraspGF, App. B.1)."""

SMALL_COUNTS = {"train": 9, "unseen_instances": 2, "unseen_families": 8}
"""Objects of each family in the small splits."""

_logger = logging.getLogger(__name__)
_NAME = re.compile(r"([a-z]\w*)_(\d{5})")
_REMEDY = (
    "write the file again with python -m envs.objects.split_file --output FILE, for meshes with "
    "python -m envs.objects.meshes.import_meshes FOLDER --output FILE"
)


@dataclass(frozen=True)
class ObjectName:
    """Family and seed that an object's name spells out."""

    family: str
    seed: int


def parse_object_name(name: str) -> ObjectName:
    """Family and seed of an object name such as ``mug_00012``.

    Raises:
        ValueError: a name of another form, or an unknown family.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"object name {name!r} is malformed; expected FAMILY_SEED with five digits, e.g. 'mug_00012'")
    if match[1] not in FAMILIES:
        raise ValueError(
            f"object name {name!r} has unknown family {match[1]!r}; available: {', '.join(sorted(FAMILIES))}"
        )
    return ObjectName(match[1], int(match[2]))


def default_splits() -> dict[str, list[str]]:
    """3,127 training objects, 519 unseen instances of the same families, 1,298 objects of unseen families."""
    train = _spread(FULL_COUNTS["train"], len(SEEN_FAMILIES))
    instances = _spread(FULL_COUNTS["unseen_instances"], len(SEEN_FAMILIES))
    unseen = _spread(FULL_COUNTS["unseen_families"], len(UNSEEN_FAMILIES))
    return {
        "train": _round_the_families(SEEN_FAMILIES, [range(count) for count in train]),
        "unseen_instances": _round_the_families(
            SEEN_FAMILIES, [range(first, first + count) for first, count in zip(train, instances, strict=True)]
        ),
        "unseen_families": _round_the_families(UNSEEN_FAMILIES, [range(count) for count in unseen]),
    }


def small_splits() -> dict[str, list[str]]:
    """The first few objects of every family in each of the default splits: 306, 68 and 96."""
    numbers = {"train": len(SEEN_FAMILIES), "unseen_instances": len(SEEN_FAMILIES)}
    numbers["unseen_families"] = len(UNSEEN_FAMILIES)
    return {split: names[: SMALL_COUNTS[split] * numbers[split]] for split, names in default_splits().items()}


def _spread(total: int, families: int) -> list[int]:
    """`total` objects over so many families; the first ones get one more where it does not divide."""
    each, rest = divmod(total, families)
    return [each + (k < rest) for k in range(families)]


def _round_the_families(families: Sequence[Family], seeds: Sequence[range]) -> list[str]:
    """Names of one object of every family, then of the next one of every family, and so on."""
    longest = max(len(own) for own in seeds)
    return [
        object_name(family.name, own[k])
        for k in range(longest)
        for family, own in zip(families, seeds, strict=True)
        if k < len(own)
    ]


def shipped_split_file(name: str) -> Traversable:
    """The split file of the package with that bare name, one of SHIPPED_SPLITS."""
    return resources.files("envs.objects.splits").joinpath(f"{name}.json")


def default_split_file() -> Traversable:
    """The split file that is used where none is named."""
    return shipped_split_file("full")


def find_split_file(file: str | Path | None) -> Path | Traversable:
    """The split file that a user names: None for the default one, a bare name of SHIPPED_SPLITS, or a path.

    A bare name means the package's file even where a file of that name exists here; ``./full`` means the latter.
    """
    if file is None:
        return default_split_file()
    # Path("./full") has lost its dot: only a string may be a bare name.
    return shipped_split_file(file) if isinstance(file, str) and file in SHIPPED_SPLITS else Path(file)


@dataclass(frozen=True)
class Splits:
    """What a split file holds.

    Attributes:
        names: object names of every split.
        meshes: the folder of the objects that no parametric family makes; None when the file names none.
    """

    names: dict[str, tuple[str, ...]]
    meshes: MeshFolder | None = None

    def family(self, name: str) -> str:
        """Family of the object of that name.

        Raises:
            ValueError: neither a mesh of the folder nor an object of a parametric family.
        """
        if self.meshes is None:
            return parse_object_name(name).family
        if name in self.meshes:
            return self.meshes.family(name)
        try:
            return parse_object_name(name).family
        except ValueError as error:
            known = self.meshes.names
            raise ValueError(
                f"object name {name!r} is neither one of the {len(known)} meshes of {self.meshes.folder} ({known[0]!r} "
                f"to {known[-1]!r}) nor that of a parametric object ({error})"
            ) from error


def read_split_file(file: Path | Traversable) -> dict[str, tuple[str, ...]]:
    """Object names of every split, checked; see `load_splits`."""
    return load_splits(file).names


def load_splits(file: Path | Traversable) -> Splits:
    """Object names of every split and the mesh folder, checked.

    A file with the field ``meshes`` (`MeshSettings`) may leave splits out or empty.

    Raises:
        FileNotFoundError: no such file, or no such mesh folder.
        ValueError: malformed; names the file, the field, what was given and what is allowed.
    """
    fields = _read_fields(file)
    meshes = _mesh_folder(file, fields["meshes"]) if "meshes" in fields else None
    splits = fields.get("splits")
    expected = f"expected the keys {list(SPLITS)}" if meshes is None else f"expected keys among {list(SPLITS)}"
    fitting = isinstance(splits, dict) and (set(splits) <= set(SPLITS) if meshes else sorted(splits) == sorted(SPLITS))
    if not isinstance(splits, dict) or not fitting:
        given = sorted(splits) if isinstance(splits, dict) else splits
        raise ValueError(f"split file {file}: field 'splits' has {given!r}, {expected}; {_REMEDY}")
    loaded = Splits({}, meshes)
    for split, names in splits.items():
        _check_names(file, split, names, loaded)
    if not any(splits.values()):
        raise ValueError(f"split file {file}: field 'splits' names no object at all; {_REMEDY}")
    _check_disjoint(file, splits, loaded)
    return Splits({split: tuple(splits.get(split, ())) for split in SPLITS}, meshes)


def _read_fields(file: Path | Traversable) -> dict[str, Any]:
    """The fields of a split file of this version."""
    if not file.is_file():
        raise FileNotFoundError(
            f"split file {file} does not exist; {_REMEDY}, or name one of the package: {', '.join(SHIPPED_SPLITS)}"
        )
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"split file {file} is not JSON ({error}); {_REMEDY}") from error
    fields = content if isinstance(content, dict) else {}
    for field, expected in (("schema", SCHEMA), ("version", VERSION)):
        if fields.get(field) != expected:
            raise ValueError(
                f"split file {file}: field '{field}' is {fields.get(field)!r}, expected {expected!r}; {_REMEDY}"
            )
    return fields


def _mesh_folder(file: Path | Traversable, field: Any) -> MeshFolder:
    """The mesh folder that the field ``meshes`` describes; errors name the split file."""
    try:
        return MeshFolder(MeshSettings.from_field(field), file.parent if isinstance(file, Path) else Path())
    except FileNotFoundError as error:
        raise FileNotFoundError(f"split file {file}: {error}") from error
    except ValueError as error:
        raise ValueError(f"split file {file}: {error}") from error


def _check_names(file: Path | Traversable, split: str, names: Any, loaded: Splits) -> None:
    """ValueError unless `names` is a list of object names of known families or meshes; empty only beside meshes."""
    may_be_empty = loaded.meshes is not None
    if not isinstance(names, list) or not (names or may_be_empty) or not all(isinstance(name, str) for name in names):
        raise ValueError(
            f"split file {file}: field 'splits.{split}' is {str(names)[:60]!r}, expected a "
            f"{'' if may_be_empty else 'non-empty '}list of object names; {_REMEDY}"
        )
    for name in names:
        try:
            loaded.family(name)
        except ValueError as error:
            raise ValueError(f"split file {file}: field 'splits.{split}': {error}; {_REMEDY}") from error


def _check_disjoint(file: Path | Traversable, splits: dict[str, list[str]], loaded: Splits) -> None:
    """ValueError when an object stands twice, or an unseen family among the training objects."""
    owner: dict[str, str] = {}
    for split, names in splits.items():
        for name in names:
            if name in owner:
                raise ValueError(
                    f"split file {file}: object {name!r} is in '{owner[name]}' and in '{split}'; "
                    "an object may be named once: remove one of the two"
                )
            owner[name] = split
    trained = {loaded.family(name) for name in splits.get("train", ())}
    for name in splits.get("unseen_families", ()):
        if loaded.family(name) in trained:
            raise ValueError(
                f"split file {file}: field 'splits.unseen_families' names {name!r}, whose family is in 'train' too; "
                "allowed are families without training objects: move it to 'unseen_instances'"
            )


def write_split_file(path: Path, splits: dict[str, list[str]], meshes: MeshSettings | None = None) -> None:
    """Writes a split file, one object name a line; `meshes` describes the mesh folder that names refer to."""
    content: dict[str, Any] = {"schema": SCHEMA, "version": VERSION}
    if meshes is not None:
        content["meshes"] = meshes.to_field()
    content["splits"] = splits
    write_atomically(path, (json.dumps(content, indent=1) + "\n").encode())


def main(args: Sequence[str] | None = None) -> None:
    """Command line: writes the split file of ``--size`` to ``--output``."""
    parser = argparse.ArgumentParser(description="Write an object split file.")
    parser.add_argument("--output", type=Path, required=True, help="file to write")
    parser.add_argument("--size", choices=("full", "small"), default="full", help="full: the paper's numbers")
    chosen = parser.parse_args(args)
    splits = default_splits() if chosen.size == "full" else small_splits()
    write_split_file(chosen.output, splits)
    _logger.info("%s: %s", chosen.output, ", ".join(f"{split} {len(names)}" for split, names in splits.items()))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
