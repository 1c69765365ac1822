"""Say in a grasp set which shapes its grasps belong to: ``python -m datamodules.add_shapes data/grasps.npz``."""

import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from datamodules.grasps.grasp_file import load_grasp_set, save_grasp_set
from datamodules.grasps.shape_check import check_shapes
from envs.command_line import run_command
from envs.objects.library import ObjectLibrary
from envs.objects.shapes import shape_digests

_LOG = logging.getLogger("add_shapes")


def add_shapes(path: Path, split_file: str | None = None) -> None:
    """Write what the objects of a set are now into the same file, which is replaced at the end; all else stays.

    For sets of before they told the shapes of their objects. That these are still those which the grasps were made
    for, nobody can tell: where in doubt, ``python -m datamodules.reverify`` tries the grasps again.

    Args:
        path: grasp set, read and replaced.
        split_file: objects; the default split file when null.
    """
    grasps, library = load_grasp_set(path), ObjectLibrary(split_file)
    unknown = [name for name in grasps.objects if name not in library]
    if unknown:
        raise ValueError(
            f"{len(unknown)} objects of {path} are not in the split file, {unknown[0]!r} first; give the one that the "
            "set was made with (--split_file)"
        )
    bar = tqdm(library.each(grasps.objects), total=len(grasps.objects), desc="shapes", unit="object")
    shapes = shape_digests(bar)
    if grasps.shapes is not None:
        check_shapes(grasps, grasps.objects, shapes)
        _LOG.info("%s tells the shapes of its %d objects already, and they are what they were", path, len(shapes))
        return
    provenance = grasps.provenance | {
        "shapes": {"command": "python -m datamodules.add_shapes " + " ".join(sys.argv[1:])}
    }
    save_grasp_set(replace(grasps, shapes=np.asarray(shapes), provenance=provenance), path)
    _LOG.info("wrote %s: the shapes of %d objects", path, len(shapes))


def main(args: Sequence[str] | None = None) -> None:
    """Command line."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        run_command(add_shapes, args, as_positional=True)
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
