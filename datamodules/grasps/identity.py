"""What stands for the grasps of a set, whatever its file is called and whatever else is written in it."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from datamodules.grasps.grasp_set import GraspSet
from envs.conventions import SPLITS


def grasp_set_identity(grasps: GraspSet) -> str:
    """32 hexadecimal digits that stand for hand, objects and grasps of a set."""
    total = hashlib.sha256("\n".join([grasps.hand.name, *grasps.object_names()]).encode())
    for column in (grasps.object_pose_w, grasps.wrist_pose_o, grasps.joint_pos):
        total.update(np.ascontiguousarray(column).tobytes())
    return total.hexdigest()[:32]


def training_identity(grasps: GraspSet) -> str:
    """32 hexadecimal digits that stand for all that training takes of a set: its training grasps.

    Those of other splits may be made anew while a training is interrupted.
    """
    if SPLITS[0] not in grasps.splits:
        return ""
    train = grasps.split(SPLITS[0])
    total = hashlib.sha256(grasp_set_identity(train).encode())
    for column in (train.rest_pose_w, train.is_reachable):
        total.update(np.ascontiguousarray(column).tobytes())
    return total.hexdigest()[:32]


HAND = "joints of the hand"
"""What `check_trained_on` calls the hand; it must be the same in a test, too."""


def check_trained_on(kept: Mapping[str, Any], now: Mapping[str, str], names: Mapping[str, str]) -> None:
    """Refuse to go on training on something else than a checkpoint was trained on.

    Args:
        kept: digests in the checkpoint, by what they are of; what checkpoints of before do not have is not compared.
        now: those of this run.
        names: where each comes from, for the message.

    Raises:
        ValueError: names what has changed, and the remedy.
    """
    for what, digest in now.items():
        if what in kept and kept[what] != digest:
            raise ValueError(
                f"the checkpoint was trained on other {what} than {names[what]} holds now (digest {kept[what]!r} then, "
                f"{digest!r} now); bring back the file that it was trained on, or train anew without --ckpt_path"
            )
