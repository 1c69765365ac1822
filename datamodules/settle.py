"""Fill in a grasp set's rest poses: ``python -m datamodules.settle data/grasps.npz`` (upgrades version 1)."""

import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from tqdm import tqdm

from datamodules.grasps.grasp_file import load_any_version, save_grasp_set
from datamodules.grasps.shape_check import check_objects
from datamodules.synthesis.rest_poses import rest_poses
from envs.command_line import run_command
from envs.files import check_output
from envs.objects.library import ObjectLibrary
from envs.physics.base import PhysicsFactory
from envs.plain_errors import plain_errors

_LOG = logging.getLogger("settle")


def settle_set(path: Path, split_file: str | None = None, physics: PhysicsFactory | None = None) -> None:
    """Let the object of every grasp come to rest with the hand away, and write the poses into the same file.

    Reads sets of version 1, which had no rest poses, and of the present one; the file is replaced atomically at the
    end, so an interrupt leaves it as it was.

    Args:
        path: grasp set, read and replaced.
        split_file: objects; the default split file when null.
        physics: makes the worlds, as in the synthesis; MuJoCo on the CPU when null.
    """
    grasps, library = load_any_version(path), ObjectLibrary(split_file)
    check_output(path)
    check_objects(grasps, library)
    with tqdm(total=len(grasps), desc="settling", unit="grasp") as bar:
        rest_w = rest_poses(grasps, library.get, physics=physics, on_batch=bar.update)
    provenance = grasps.provenance | {
        "rest_poses": {"command": "python -m datamodules.settle " + " ".join(sys.argv[1:]), "mujoco": version("mujoco")}
    }
    save_grasp_set(replace(grasps, rest_pose_w=rest_w, provenance=provenance), path)
    moved_m = np.linalg.norm(rest_w[:, :3] - grasps.object_pose_w[:, :3], axis=1)
    _LOG.info(
        "wrote %s: %d rest poses; between grasp and rest objects move %.1f mm (median), %.1f %% of them over 20 mm",
        path, len(grasps), 1e3 * float(np.median(moved_m)) if len(grasps) else 0.0,
        100.0 * float((moved_m > 0.02).mean()) if len(grasps) else 0.0,
    )  # fmt: skip


def main(args: Sequence[str] | None = None) -> None:
    """Command line of settling."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("envs.physics").setLevel(logging.ERROR)
    try:
        run_command(settle_set, args, as_positional=True)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    with plain_errors():
        main()
