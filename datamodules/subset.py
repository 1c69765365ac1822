"""The grasps of fewer objects: ``python -m datamodules.subset --path FILE --split_file small --output FILE``."""

import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from datamodules.grasps.grasp_file import load_grasp_set, save_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from envs.command_line import run_command
from envs.files import check_output
from envs.objects.library import ObjectLibrary
from envs.plain_errors import plain_errors

_LOG = logging.getLogger("subset")


def of_objects(grasps: GraspSet, names: Sequence[str], splits: Sequence[str]) -> GraspSet:
    """The grasps of the named objects, in the order of the names, which get the given splits.

    Raises:
        ValueError: an object that the set does not list.
    """
    place = {name: index for index, name in enumerate(grasps.objects)}
    unknown = [name for name in names if name not in place]
    if unknown:
        raise ValueError(
            f"the grasp set does not list {len(unknown)} of {len(names)} objects, such as {unknown[0]!r}; take a split "
            "file of its objects, or make their grasps with python -m datamodules.synthesize"
        )
    number = np.full(len(grasps.objects), -1, dtype=np.int32)
    number[[place[name] for name in names]] = np.arange(len(names), dtype=np.int32)
    rows = np.flatnonzero(number[grasps.object_index] >= 0)
    rows = rows[np.argsort(number[grasps.object_index[rows]], kind="stable")]
    part = grasps.rows(rows)
    return replace(
        part,
        objects=tuple(names),
        object_splits=tuple(splits),
        object_index=number[part.object_index].astype(np.int32),
        shapes=None if grasps.shapes is None else grasps.shapes[[place[name] for name in names]],
    )


def subset(path: Path, output: Path, split_file: str = "small") -> None:
    """Write the grasps of the objects that a split file names as a set of their own.

    A split none of whose objects the set lists, such as a development split, is left out.

    Args:
        path: grasp set to take them from.
        output: grasp set to write.
        split_file: objects and their splits.
    """
    check_output(output, path, split_file)
    grasps, library = load_grasp_set(path), ObjectLibrary(split_file)
    listed = set(grasps.objects)
    present = [split for split in library.splits if not listed.isdisjoint(library.names(split))]
    pairs = [(name, split) for split in present or library.splits for name in library.names(split)]
    part = of_objects(grasps, [name for name, _ in pairs], [split for _, split in pairs])
    made = {"command": "python -m datamodules.subset " + " ".join(sys.argv[1:]), "of": grasps.provenance}
    save_grasp_set(replace(part, provenance=made), output)
    _LOG.info("wrote %s: %d grasps of %d objects", output, len(part), len(part.objects))


def main(args: Sequence[str] | None = None) -> None:
    """Command line."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    run_command(subset, args)


if __name__ == "__main__":
    with plain_errors():
        main()
