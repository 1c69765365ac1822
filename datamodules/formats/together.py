"""The parts of a conversion as one set."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from datamodules.formats.verify import no_grasps_of
from datamodules.grasps.grasp_set import GraspSet, join_rows, joined_shapes
from envs.hand.hand import Hand
from envs.objects.shapes import ShapeDigests, shape_digests


def together(parts: Sequence[GraspSet], hand: Hand, provenance: dict[str, Any]) -> GraspSet:
    """One set of parts that may share objects; none of them is needed."""
    names = list(dict.fromkeys(name for part in parts for name in part.objects))
    splits = {name: split for part in parts for name, split in zip(part.objects, part.object_splits, strict=True)}
    place = {name: index for index, name in enumerate(names)}
    shapes = _shapes_of(parts, names)
    alike = [
        replace(
            part,
            objects=tuple(names),
            object_splits=tuple(splits[name] for name in names),
            object_index=np.array([place[name] for name in part.objects], dtype=np.int32)[part.object_index],
            shapes=shapes,
        )
        for part in parts
        if part.objects
    ]
    return replace(join_rows(alike), provenance=provenance) if alike else no_grasps(hand, provenance)


def _shapes_of(parts: Sequence[GraspSet], names: Sequence[str]) -> ShapeDigests | None:
    """The shapes of objects by name; None where a part does not tell its own."""
    told = joined_shapes([part for part in parts if part.objects])
    if told is None:
        return None
    rows = {name: row for row, name in enumerate(name for part in parts for name in part.objects)}
    return told[[rows[name] for name in names]]


def no_grasps(hand: Hand, provenance: dict[str, Any]) -> GraspSet:
    """A set without objects."""
    empty = no_grasps_of(hand, "none", "train")
    return replace(empty, objects=(), object_splits=(), shapes=shape_digests([]), provenance=provenance)
