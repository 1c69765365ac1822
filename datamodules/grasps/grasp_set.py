"""The grasp set: verified grasps of a list of objects by one hand."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.conventions import SPLITS
from envs.hand.hand import Hand
from envs.objects.shapes import NUM_SHAPE_NUMBERS, ShapeDigests
from envs.physics.checks import check_poses

ROW_FIELDS = (
    "object_index", "object_pose_w", "rest_pose_w", "wrist_pose_o", "joint_pos", "preshape", "type_index", "aperture",
    "links", "is_reachable",
)  # fmt: skip
OPTIONAL_FIELDS = ("is_easy",)
"""Fields with a row for each grasp that a set, and its file, may lack."""


@dataclass(frozen=True)
class GraspSet:
    """G verified grasps of a list of objects.

    Attributes:
        hand: the hand that grasps.
        objects: object names; ``object_index`` points into this list.
        object_splits: the split of each object.
        object_index: (G,) int32.
        object_pose_w: the object as the hand had closed (G, 7): on the table, pushed by up to 2 cm and 10 degrees from
            where it stood.
        rest_pose_w: the object at rest on the table with no hand near (G, 7), settled from ``object_pose_w``: where
            episodes start.
        wrist_pose_o: wrist in the object frame (G, 7).
        joint_pos: actuated joints of the grasp (G, J), rad.
        preshape: joints from which the hand closed (G, J), rad.
        type_index: grasp type, index into ``hand.grasp_types`` (G,) uint8.
        aperture: width of the antipodal pair the grasp was made for (G,), m.
        links: hand links that touched the object (G, L) bool, order of ``hand.links``.
        is_reachable: a moving wrist took the grasp twice with collisions on (G,) bool.
        is_easy: the mean joints of training grasps, placed at the wrist pose, lift the object as well (G,) bool;
            None where it has not been tried (``python -m datamodules.flag_easy``).
        shapes: what stands for the shape of each object (`shape_digest`) as its grasps were made (O, 15); None in sets
            of before they said so (``python -m datamodules.add_shapes``).
        provenance: how the set was made: command, settings, seed, versions.
        source: file that it was read from, for messages.
    """

    hand: Hand
    objects: tuple[str, ...]
    object_splits: tuple[str, ...]
    object_index: NDArray[np.int32]
    object_pose_w: NDArray[np.float32]
    rest_pose_w: NDArray[np.float32]
    wrist_pose_o: NDArray[np.float32]
    joint_pos: NDArray[np.float32]
    preshape: NDArray[np.float32]
    type_index: NDArray[np.uint8]
    aperture: NDArray[np.float32]
    links: NDArray[np.bool_]
    is_reachable: NDArray[np.bool_]
    is_easy: NDArray[np.bool_] | None = None
    shapes: ShapeDigests | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    source: str = "in memory"

    def __len__(self) -> int:
        return len(self.object_index)

    @property
    def row_fields(self) -> tuple[str, ...]:
        """Fields with a row for each grasp: ROW_FIELDS, and those optional ones that the set has."""
        return (*ROW_FIELDS, *(name for name in OPTIONAL_FIELDS if getattr(self, name) is not None))

    @property
    def splits(self) -> tuple[str, ...]:
        """Those of SPLITS of which the set has grasps, in their order."""
        present = {self.object_splits[index] for index in np.unique(self.object_index)}
        return tuple(split for split in SPLITS if split in present)

    def rows(self, keep: NDArray[Any]) -> "GraspSet":
        """The grasps that ``keep`` selects (mask or indices), objects unchanged."""
        return replace(self, **{name: getattr(self, name)[keep] for name in self.row_fields})

    def split(self, split: str) -> "GraspSet":
        """The grasps of one split's objects.

        Raises:
            ValueError: the set has no grasps of that split; lists those it has.
        """
        if split not in self.splits:
            raise ValueError(
                f"grasp set has no split {split!r}; it has: {', '.join(self.splits)}. Choose one of these, or make a "
                "set that covers it with: python -m datamodules.synthesize"
            )
        members = np.array([name == split for name in self.object_splits])
        return self.rows(members[self.object_index])

    def of_object(self, name: str) -> "GraspSet":
        """The grasps of one object.

        Raises:
            ValueError: unknown object, or one without grasps.
        """
        if name not in self.objects:
            raise ValueError(f"grasp set does not know the object {name!r}; it lists {len(self.objects)} objects")
        grasps = self.rows(self.object_index == self.objects.index(name))
        if len(grasps) == 0:
            raise ValueError(f"grasp set has no grasp of object {name!r}; synthesis found none, choose another object")
        return grasps

    def object_names(self) -> list[str]:
        """Object name of every grasp (G)."""
        return [self.objects[index] for index in self.object_index]

    def type_names(self) -> list[str]:
        """Type name of every grasp (G)."""
        names = self.hand.type_names
        return [names[index] for index in self.type_index]

    def mean_joints(self) -> NDArray[np.float64]:
        """Mean of the joints of all grasps (J,), rad."""
        return self.joint_pos.astype(np.float64).mean(axis=0)


def join_rows(parts: Sequence[GraspSet]) -> GraspSet:
    """The rows of several sets that list the same objects, one set after the other.

    Raises:
        ValueError: sets of different objects or hands, or of which only some have an optional field.
    """
    _check_alike(parts)
    if any(part.objects != parts[0].objects for part in parts):
        raise ValueError("only sets that list the same objects can be joined row by row; use concatenate")
    return replace(parts[0], **_columns(parts))


def concatenate(parts: Sequence[GraspSet], provenance: dict[str, Any]) -> GraspSet:
    """One set of several; every object may stand in one part only.

    Raises:
        ValueError: an object in two parts (its grasps would count twice), grasps of several hands, or parts of which
            only some have an optional field.
    """
    _check_alike(parts)
    names = [name for part in parts for name in part.objects]
    if len(set(names)) != len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"object {double!r} stands in two parts; merge each object once")
    offsets = np.cumsum([0, *(len(part.objects) for part in parts[:-1])])
    shifted = [
        replace(part, object_index=part.object_index + np.int32(offset))
        for part, offset in zip(parts, offsets, strict=True)
    ]
    splits = tuple(split for part in parts for split in part.object_splits)
    return replace(
        parts[0], objects=tuple(names), object_splits=splits, shapes=joined_shapes(parts), provenance=provenance,
        **_columns(shifted),
    )  # fmt: skip


def joined_shapes(parts: Sequence[GraspSet]) -> ShapeDigests | None:
    """The shapes of all objects, part by part; None where a part does not tell its own."""
    told = [part.shapes for part in parts if part.shapes is not None]
    return np.concatenate(told) if told and len(told) == len(parts) else None


def _columns(parts: Sequence[GraspSet]) -> dict[str, Any]:
    """The rows of all parts, by field."""
    return {name: np.concatenate([getattr(part, name) for part in parts]) for name in parts[0].row_fields}


def _check_alike(parts: Sequence[GraspSet]) -> None:
    names = sorted({part.hand.name for part in parts})
    if len(names) > 1:
        raise ValueError(f"grasps of the hands {' and '.join(names)} cannot stand in one set; keep a set for each")
    if len({part.row_fields for part in parts}) > 1:
        without = next(part for part in parts if part.is_easy is None)
        raise ValueError(
            f"only some of the grasps have the field is_easy: those of {len(without.objects)} objects "
            f"({without.objects[0]!r} first) lack it; add it to their file with python -m datamodules.flag_easy FILE"
        )


def check_grasp_set(grasps: GraspSet, source: str) -> None:
    """Check shapes, ranges and finiteness of every field.

    Raises:
        ValueError: names source, field, given, allowed and remedy.
    """
    count = len(grasps.object_index)
    for name in ("joint_pos", "preshape"):
        joints = getattr(grasps, name)
        if joints.ndim != 2 or joints.shape[1] != grasps.hand.num_joints:
            raise ValueError(
                f"grasp set {source}, field {name}: {joints.shape[-1]} joint columns, expected "
                f"{grasps.hand.num_joints} (actuated joints of the hand {grasps.hand.name}); drop coupled and wrist "
                "joints"
            )
        grasps.hand.check_limits(joints, f"grasp set {source}, field {name}", tolerance=1e-3)
    for name in ("object_pose_w", "rest_pose_w", "wrist_pose_o"):
        check_poses(f"grasp set {source}, field {name}:", getattr(grasps, name), count)
    for item in fields(grasps):
        column = getattr(grasps, item.name)
        if item.name in grasps.row_fields and len(column) != count:
            raise ValueError(f"grasp set {source}, field {item.name}: {len(column)} rows, expected {count}")
    if grasps.is_easy is not None and (grasps.is_easy.dtype != np.bool_ or grasps.is_easy.ndim != 1):
        raise ValueError(
            f"grasp set {source}, field is_easy: {grasps.is_easy.dtype} of shape {grasps.is_easy.shape}, expected bool "
            f"({count},); make it again with python -m datamodules.flag_easy"
        )
    if not np.isfinite(grasps.aperture).all():
        raise ValueError(f"grasp set {source}, field aperture: NaN or infinity; expected metres")
    for name, size in (("object_index", len(grasps.objects)), ("type_index", len(grasps.hand.grasp_types))):
        index = getattr(grasps, name)
        if count and (int(index.min()) < 0 or int(index.max()) >= size):
            raise ValueError(
                f"grasp set {source}, field {name}: spans {index.min()}..{index.max()}, allowed 0..{size - 1}"
            )
    if grasps.shapes is not None and (
        grasps.shapes.dtype != np.int16 or grasps.shapes.shape != (len(grasps.objects), NUM_SHAPE_NUMBERS)
    ):
        raise ValueError(
            f"grasp set {source}, field shapes: {grasps.shapes.dtype} of shape {grasps.shapes.shape}, expected int16 "
            f"({len(grasps.objects)}, {NUM_SHAPE_NUMBERS}); make it again with python -m datamodules.add_shapes"
        )
    if len(grasps.object_splits) != len(grasps.objects):
        raise ValueError(
            f"grasp set {source}, field object_splits: {len(grasps.object_splits)} entries for "
            f"{len(grasps.objects)} objects"
        )
    for split in set(grasps.object_splits):
        if split not in SPLITS:
            raise ValueError(f"grasp set {source}, field object_splits: {split!r}, allowed {', '.join(SPLITS)}")


def iterate_objects(grasps: GraspSet) -> Iterator[tuple[str, GraspSet]]:
    """Objects that have grasps, with their grasps, in the order of the set."""
    for index in np.unique(grasps.object_index):
        yield grasps.objects[index], grasps.rows(grasps.object_index == index)
