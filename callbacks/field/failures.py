"""Why following the field fails: counts of causes, and pictures of failures in the worst families."""

import numpy as np
from numpy.typing import NDArray

from callbacks.assist.episode_pictures import episode_filmstrip, family_rates, filmstrip_sheet, pick_episodes
from callbacks.field.watch import FIELD_CAUSES, OFF_STEPS, WatchedTrials
from datamodules.grasps.grasp_set import GraspSet
from envs.objects.library import ObjectLibrary
from envs.pictures.view import Image

_PLACED = ("placed", "closed by 0.1 rad")
"""Titles of the pictures of fingers that were placed without collisions, before the last one."""


def count_causes(cause: NDArray[np.int64]) -> dict[str, int]:
    """Number of trials by cause, all of FIELD_CAUSES."""
    return {name: int((cause == index).sum()) for index, name in enumerate(FIELD_CAUSES)}


def causes_by_label(cause: NDArray[np.int64], labels: NDArray[np.str_]) -> dict[str, dict[str, int]]:
    """The counts of each label's trials, for instance by family; labels (G,)."""
    return {label: count_causes(cause[labels == label]) for label in sorted(set(labels.tolist()))}


def failure_sheet(
    watched: WatchedTrials,
    grasps: GraspSet,
    library: ObjectLibrary,
    families: NDArray[np.str_],
    count: int,
    *,
    size: int = 160,
) -> Image | None:
    """Filmstrips of failures, one of each cause first, in the worst families: (H, W, 3) uint8; None without failures.

    Args:
        watched: what was seen of G trials.
        grasps: the grasps that were tried (G).
        library: gives the objects.
        families: family of each object (G,).
        count: failures to show.
        size: edge of a single picture, pixels.
    """
    rows = pick_episodes(watched.cause, families, 0, count)
    if not rows:
        return None
    rates = family_rates(watched.cause == FIELD_CAUSES.index("success"), families)
    names, kinds, frames = grasps.object_names(), grasps.type_names(), watched.frames
    strips = [
        episode_filmstrip(
            grasps.hand,
            library.get(names[row]),
            frames,
            row,
            size=size,
            heading=f"{names[row]} ({families[row]}: {100.0 * rates[families[row]]:.0f} %), {kinds[row]}: "
            + FIELD_CAUSES[watched.cause[row]].replace("_", " "),
            titles=_PLACED if frames.steps == OFF_STEPS else None,
            last="after the lift",
        )
        for row in rows
    ]
    return filmstrip_sheet(strips)
