"""The grasps of a set belong to the shapes of its objects: what reads a set holds one against the other."""

import logging
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from datamodules.grasps.cloud_store import object_shapes
from datamodules.grasps.grasp_set import GraspSet
from envs.objects.library import ObjectLibrary
from envs.objects.shapes import ShapeDigests, are_same_shapes, shape_in_words

_LOG = logging.getLogger(__name__)

_NAMED = 5
"""Objects that an error names."""


def tells_shapes(grasps: GraspSet) -> bool:
    """Whether a set says which shapes its grasps belong to; of one that does not, that is logged once."""
    if grasps.shapes is None:
        _tell(grasps.source)
    return grasps.shapes is not None


def changed_objects(grasps: GraspSet, names: Sequence[str], shapes: ShapeDigests) -> NDArray[np.int64]:
    """Which of the named objects have another shape than when the grasps of the set were made, by row of ``names``.

    Args:
        grasps: the set; of one that does not tell its shapes, none is known to have changed.
        names: objects of the set.
        shapes: what they are now (O, 15).
    """
    if grasps.shapes is None:
        return np.zeros(0, dtype=np.int64)
    place = {name: index for index, name in enumerate(grasps.objects)}
    return np.flatnonzero(~are_same_shapes(grasps.shapes[[place[name] for name in names]], shapes))


def check_shapes(grasps: GraspSet, names: Sequence[str], shapes: ShapeDigests) -> None:
    """Refuse objects that have another shape or size than when their grasps were made; see `changed_objects`.

    Raises:
        ValueError: names the set, the objects, what they were and are, and the remedy.
    """
    changed = changed_objects(grasps, names, shapes)
    if not len(changed) or grasps.shapes is None:
        return
    place = {name: index for index, name in enumerate(grasps.objects)}
    listed = [
        f"{names[row]!r} ({shape_in_words(grasps.shapes[place[names[row]]])} then, {shape_in_words(shapes[row])} now)"
        for row in changed[:_NAMED]
    ]
    more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
    raise ValueError(
        f"grasp set {grasps.source}: {len(changed)} of {len(names)} objects have another shape or size now than when "
        f"their grasps were made: {', '.join(listed)}{more}. Bring back the files and settings that they were made of, "
        f"or try their grasps again on what they are now: python -m datamodules.reverify {grasps.source} --output "
        "NEW.npz --split_file THEIR_SPLIT_FILE"
    )


def check_objects(grasps: GraspSet, library: ObjectLibrary) -> None:
    """Hold all objects of which a set has grasps against the library's.

    Raises:
        KeyError: an object that the library does not know.
        ValueError: see `check_shapes`.
    """
    if tells_shapes(grasps):
        names = [grasps.objects[index] for index in np.unique(grasps.object_index)]
        check_shapes(grasps, names, object_shapes(library, tuple(names)))


@lru_cache(maxsize=32)
def _tell(source: str) -> None:
    _LOG.warning(
        "grasp set %s does not say which shapes its grasps belong to (it was made before sets did), so its objects are "
        "taken by their names alone; if they are still what they were, settle it: python -m datamodules.add_shapes %s",
        source, source,
    )  # fmt: skip
