"""Our grasps for others: ``python -m datamodules.export_grasps SET.npz FOLDER --format dexgraspbench``."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from datamodules.formats.writers import LAYOUTS
from datamodules.grasps.grasp_file import load_grasp_set
from datamodules.grasps.shape_check import check_objects
from envs.command_line import run_command
from envs.files import check_folder
from envs.objects.library import ObjectLibrary
from envs.plain_errors import plain_errors

_LOG = logging.getLogger("export_grasps")


def export_grasps(path: Path, output: Path, format: str = "dexgraspbench", split_file: str | None = None) -> None:
    """Write the grasps of a set, and its objects' meshes, in another project's layout.

    Args:
        path: grasp set, of the Shadow Hand.
        output: folder to write into; refused where it holds other grasps in that layout.
        format: layout, dexgraspbench or unidexgrasp.
        split_file: objects of the set; the default split file when null.
    """
    if format not in LAYOUTS:
        raise ValueError(f"--format is {format!r}; layouts that are written: {', '.join(LAYOUTS)}")
    check_folder(output)
    grasps = load_grasp_set(path)
    if grasps.hand.name != "shadow":
        raise ValueError(f"{path} is of the hand {grasps.hand.name}; both layouts are of the Shadow Hand")
    (indices, counts), library = np.unique(grasps.object_index, return_counts=True), ObjectLibrary(split_file)
    names, layout = [grasps.objects[index] for index in indices], LAYOUTS[format]
    check_objects(grasps, library)
    layout.check_folder(output, {(library.family(name), name): int(n) for name, n in zip(names, counts, strict=True)})
    things = library.each(names)
    for index, thing in tqdm(zip(indices, things, strict=True), total=len(indices), desc="writing", unit="object"):
        layout.write(grasps.rows(grasps.object_index == index), thing, output)
    _LOG.info("wrote %d grasps of %d objects below %s", len(grasps), len(indices), output)


def main(args: Sequence[str] | None = None) -> None:
    """Command line."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    run_command(export_grasps, args, as_positional=True)


if __name__ == "__main__":
    with plain_errors():
        main()
