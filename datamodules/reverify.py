"""Try the grasps of a set again: ``python -m datamodules.reverify SET.npz --output NEW.npz --split_file FILE``.

For objects that have another shape than when their grasps were made, and for sets that do not say which shapes these
were. What still holds makes a set of the objects as they are now.
"""

import logging
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation
from tqdm import tqdm

from datamodules.formats.verify import try_grasps
from datamodules.grasps.grasp_file import load_grasp_set, save_grasp_set
from datamodules.grasps.grasp_set import GraspSet, concatenate, iterate_objects
from datamodules.grasps.shape_check import changed_objects
from envs.command_line import run_command
from envs.files import check_output
from envs.objects.grasp_object import GraspObject
from envs.objects.library import ObjectLibrary
from envs.objects.shapes import shape_digests
from envs.physics.base import PhysicsBackend, PhysicsFactory
from envs.physics.mujoco_cpu import MujocoCpu

_LOG = logging.getLogger("reverify")


def reverify(
    path: Path,
    output: Path | None = None,
    split_file: str | None = None,
    everything: bool = False,
    num_worlds: int = 32,
    physics: PhysicsFactory | None = None,
) -> None:
    """Close and lift grasps twice on what their objects are now, and have a moving wrist take them; keep what holds.

    Grasps of objects that have not changed stay as they are. Objects none of whose grasps hold stay in the list of
    objects. Some 50 ms a grasp; the file is written at the end.

    Args:
        path: grasp set.
        output: grasp set to write; must be given, and the present one may be.
        split_file: objects; the default split file when null.
        everything: try those of objects that have not changed, too; so is every grasp of a set that does not tell the
            shapes of its objects.
        num_worlds: grasps of an object that are tried at once.
        physics: makes the worlds; MuJoCo on the CPU when null.
    """
    if output is None:
        raise ValueError(f"no output is given; add --output FILE, a grasp set to write ({path} itself may be named)")
    check_output(output, split_file)
    if num_worlds < 1:
        raise ValueError(f"num_worlds is {num_worlds}, expected at least 1")
    grasps, library = load_grasp_set(path), ObjectLibrary(split_file)
    factory = MujocoCpu(max_models=1) if physics is None else physics
    worlds = factory.make(grasps.hand, num_worlds)
    everything = everything or grasps.shapes is None
    parts, causes, tried = [], Counter[str](), 0
    with_grasps = dict(iterate_objects(grasps))
    named = list(zip(grasps.objects, grasps.object_splits, strict=True))
    for name, split in tqdm(named, desc="objects", unit="object"):
        (thing,) = library.each([name])
        own = _of_object(grasps, with_grasps.get(name), thing, split)
        if everything or len(changed_objects(grasps, [name], shape_digests([thing]))):
            tried += len(own)
            own, failed = _tried_again(worlds, own, thing, split)
            causes.update(failed)
        parts.append(own)
    if tried:
        parts = [replace(part, is_easy=None) for part in parts]
    made = {
        "command": "python -m datamodules.reverify " + " ".join(sys.argv[1:]),
        "tried": tried,
        "rejected": dict(causes),
        "mujoco": version("mujoco"),
        "of": grasps.provenance,
    }
    result = concatenate(parts, made)
    save_grasp_set(result, output)
    _LOG.info(
        "wrote %s: %d of %d grasps; %d were tried again, %d of these no longer hold (%s)",
        output, len(result), len(grasps), tried, sum(causes.values()),
        ", ".join(f"{cause} {count}" for cause, count in causes.items()) or "none",
    )  # fmt: skip
    if tried and grasps.is_easy is not None:
        _LOG.info("which of them are easy is not known any more: python -m datamodules.flag_easy %s", output)


def _of_object(grasps: GraspSet, own: GraspSet | None, thing: GraspObject, split: str) -> GraspSet:
    """The grasps of one object as a set of its own, with its present shape."""
    rows = grasps.rows(np.zeros(0, dtype=np.int64)) if own is None else own
    return replace(
        rows,
        objects=(thing.name,),
        object_splits=(split,),
        object_index=np.zeros(len(rows), dtype=np.int32),
        shapes=shape_digests([thing]),
    )


def _tried_again(
    physics: PhysicsBackend, own: GraspSet, thing: GraspObject, split: str
) -> tuple[GraspSet, dict[str, int]]:
    """Those grasps of one object that hold, with how their objects stand now; and why the others do not."""
    if len(own) == 0:
        return own, {}
    object_w = own.object_pose_w.astype(np.float64)
    object_w[:, 3:] /= np.linalg.norm(object_w[:, 3:], axis=1, keepdims=True)
    corners, turns = np.concatenate(thing.pieces), Rotation.from_quat(object_w[:, 3:], scalar_first=True)
    # turned as they were, standing on the table
    object_w[:, 2] = [-turn.apply(corners)[:, 2].min() for turn in turns]
    found = try_grasps(
        physics, thing, split, object_w, own.wrist_pose_o.astype(np.float64), own.preshape.astype(np.float64),
        own.joint_pos.astype(np.float64),
    )  # fmt: skip
    kept = own.rows(found.rows)
    return replace(found.grasps, type_index=kept.type_index, aperture=kept.aperture), found.causes


def main(args: Sequence[str] | None = None) -> None:
    """Command line."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("envs.physics").setLevel(logging.ERROR)
    try:
        run_command(reverify, args, as_positional=True)
    except (KeyError, ValueError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
