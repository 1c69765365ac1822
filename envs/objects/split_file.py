"""Split files: which objects belong to which split, by name; the name alone suffices to rebuild an object.

A split file is JSON: ``{"schema": "object_split", "version": 1, "splits": {"train": ["mug_00000", ...], ...}}``.
The default one is made again by ``python -m envs.objects.split_file --output envs/objects/splits/default.json``.
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
from envs.objects.builder import object_name
from envs.objects.families import FAMILIES, SEEN_FAMILIES, UNSEEN_FAMILIES

SCHEMA = "object_split"
VERSION = 1
TRAIN_SEEDS = range(15)
INSTANCE_SEEDS = range(15, 18)
UNSEEN_FAMILY_SEEDS = range(10)

_logger = logging.getLogger(__name__)
_NAME = re.compile(r"([a-z]\w*)_(\d{5})")
_REMEDY = "write the file again with python -m envs.objects.split_file --output FILE"


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
    """300 training objects, 60 unseen instances of the same families, 90 objects of unseen families."""
    return {
        "train": [object_name(family.name, seed) for family in SEEN_FAMILIES for seed in TRAIN_SEEDS],
        "unseen_instances": [object_name(family.name, seed) for family in SEEN_FAMILIES for seed in INSTANCE_SEEDS],
        "unseen_families": [
            object_name(family.name, seed) for family in UNSEEN_FAMILIES for seed in UNSEEN_FAMILY_SEEDS
        ],
    }


def default_split_file() -> Traversable:
    """The split file that comes with the package."""
    return resources.files("envs.objects.splits").joinpath("default.json")


def read_split_file(file: Path | Traversable) -> dict[str, tuple[str, ...]]:
    """Object names of every split, checked.

    Raises:
        FileNotFoundError: no such file.
        ValueError: malformed; names the file, the field, what was given and what is allowed.
    """
    if not file.is_file():
        raise FileNotFoundError(f"split file {file} does not exist; {_REMEDY}")
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
    splits = fields.get("splits")
    if not isinstance(splits, dict) or sorted(splits) != sorted(SPLITS):
        given = sorted(splits) if isinstance(splits, dict) else splits
        raise ValueError(
            f"split file {file}: field 'splits' has {given!r}, expected the keys {list(SPLITS)}; {_REMEDY}"
        )
    for split, names in splits.items():
        _check_names(file, split, names)
    _check_disjoint(file, splits)
    return {split: tuple(splits[split]) for split in SPLITS}


def _check_names(file: Path | Traversable, split: str, names: Any) -> None:
    """ValueError unless `names` is a non-empty list of object names of known families."""
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError(
            f"split file {file}: field 'splits.{split}' is {str(names)[:60]!r}, expected a non-empty list of object "
            f"names; {_REMEDY}"
        )
    for name in names:
        try:
            parse_object_name(name)
        except ValueError as error:
            raise ValueError(f"split file {file}: field 'splits.{split}': {error}; {_REMEDY}") from error


def _check_disjoint(file: Path | Traversable, splits: dict[str, list[str]]) -> None:
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
    trained = {parse_object_name(name).family for name in splits["train"]}
    for name in splits["unseen_families"]:
        if parse_object_name(name).family in trained:
            raise ValueError(
                f"split file {file}: field 'splits.unseen_families' names {name!r}, whose family is in 'train' too; "
                "allowed are families without training objects: move it to 'unseen_instances'"
            )


def write_split_file(path: Path, splits: dict[str, list[str]]) -> None:
    """Writes a split file, one object name a line."""
    content = {"schema": SCHEMA, "version": VERSION, "splits": splits}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def main(args: Sequence[str] | None = None) -> None:
    """Command line: writes the default split file to ``--output``."""
    parser = argparse.ArgumentParser(description="Write the default object split file.")
    parser.add_argument("--output", type=Path, required=True, help="file to write")
    output = parser.parse_args(args).output
    splits = default_splits()
    write_split_file(output, splits)
    _logger.info("%s: %s", output, ", ".join(f"{split} {len(names)}" for split, names in splits.items()))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
