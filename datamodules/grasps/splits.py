"""Which splits of a grasp set are looked at: in a test those that are asked for, else training and development."""

import logging
from collections.abc import Sequence
from functools import lru_cache

from datamodules.grasps.grasp_set import GraspSet
from envs.conventions import DEVELOPMENT_SPLIT

_LOG = logging.getLogger(__name__)


def present_splits(grasps: GraspSet, path: str, wanted: Sequence[str]) -> tuple[str, ...]:
    """Those of the wanted splits that the set at ``path`` has grasps of: sets of other objects need not have all.

    Raises:
        ValueError: it has none of them.
    """
    found = tuple(split for split in wanted if split in grasps.splits)
    if not found:
        raise ValueError(
            f"grasp set {path} has grasps of {', '.join(grasps.splits) or 'no split'}, none of which is to be measured "
            f"({', '.join(wanted)}); name some of its splits: splits of AssistEvaluation, test_splits of "
            "GraspDataModule"
        )
    return found


def development_or(grasps: GraspSet, path: str, otherwise: Sequence[str]) -> tuple[str, ...]:
    """The split on which choices are made and training is watched, no result of which is told: development.

    Where the set at ``path`` has none, which is logged once, the splits ``otherwise``.
    """
    if DEVELOPMENT_SPLIT in grasps.splits:
        return (DEVELOPMENT_SPLIT,)
    _tell(path, tuple(otherwise))
    return tuple(otherwise)


@lru_cache(maxsize=32)
def _tell(path: str, otherwise: tuple[str, ...]) -> None:
    _LOG.info("%s has no development objects; looked at in their place: %s", path, ", ".join(otherwise))
