"""Tell the easy grasps of a set: ``python -m datamodules.flag_easy SET.npz --mean_of data/grasps.npz``."""

import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from datamodules.grasps.grasp_file import load_grasp_set, save_grasp_set
from datamodules.grasps.shape_check import check_objects
from datamodules.synthesis.easy_grasps import easy_flags, mean_joints
from envs.command_line import run_command
from envs.files import check_output
from envs.objects.library import ObjectLibrary
from envs.physics.base import PhysicsFactory, physics_identity
from envs.plain_errors import plain_errors

_LOG = logging.getLogger("flag_easy")


def flag_easy(
    path: Path, mean_of: Path | None = None, split_file: str | None = None, physics: PhysicsFactory | None = None
) -> None:
    """Place a hand with the mean joints of training grasps at every grasp, and write which lift into the same file.

    The file is replaced atomically at the end, so an interrupt leaves it as it was. Some 10 ms a grasp.

    Args:
        path: grasp set, read and replaced; flags that it has are made again.
        mean_of: grasp set with the training grasps; the same one when null.
        split_file: objects; the default split file when null.
        physics: makes the worlds, as in the synthesis; MuJoCo on the CPU when null.
    """
    grasps = load_grasp_set(path)
    check_output(path)
    mean = mean_joints(grasps if mean_of is None else load_grasp_set(mean_of), grasps.hand)
    library = ObjectLibrary(split_file)
    check_objects(grasps, library)
    is_easy = easy_flags(grasps, library, mean, physics=physics)
    provenance = grasps.provenance | {
        "is_easy": {
            "command": "python -m datamodules.flag_easy " + " ".join(sys.argv[1:]),
            "joint_pos": mean.tolist(),
            "physics": None if physics is None else physics_identity(physics),
            "mujoco": version("mujoco"),
        }
    }
    save_grasp_set(replace(grasps, is_easy=is_easy, provenance=provenance), path)
    _LOG.info("wrote %s: %d of %d grasps are easy", path, is_easy.sum(), len(grasps))


def main(args: Sequence[str] | None = None) -> None:
    """Command line of flagging."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("envs.physics").setLevel(logging.ERROR)
    try:
        run_command(flag_easy, args, as_positional=True)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    with plain_errors():
        main()
