"""The grasps that episodes are made of: which object, where it rests, where the wrist ends, what the fingers take."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from envs.geometry.object_clouds import ObjectClouds
from envs.geometry.table import vertical_in
from envs.geometry.transforms import pose_compose, pose_invert
from envs.hand.hand import Hand
from envs.hand.kinematics import fingertip_centres
from envs.objects.grasp_object import GraspObject
from envs.physics.base import Array
from envs.physics.checks import check_poses

_SAME_SIDE = 0.05
"""Step of the coordinates of the vertical in the object's frame within which an object lies on the same side."""

_FAR_OFF_M, _FAR_OFF_RAD = 0.3, np.pi / 2
"""Metres and radians between two grasps that count as equally far."""

_CLEARLY_OTHER = 0.15
"""Share of either from which on two grasps are different ones: 4.5 cm, 13.5 degrees."""


@dataclass(frozen=True)
class GraspTargets:
    """G grasps of O objects.

    Attributes:
        hand: the hand that grasps.
        grasp_objects: the distinct objects (O).
        object_index: row of each grasp's object in ``grasp_objects`` (G,).
        object_pose_w: the object at rest on the table, before it is shifted (G, 7).
        wrist_pose_w: the wrist at the grasp (G, 7).
        joint_pos: joints of the grasp (G, J), rad.
        type_index: grasp type, index into ``hand.grasp_types`` (G,).
        is_easy: the mean joints of training grasps lift there as well (G,) bool; None where it is not known.

    Raises:
        ValueError: no grasps, wrong shapes, NaN, quaternions off unit length, joints outside their limits.
    """

    hand: Hand
    grasp_objects: tuple[GraspObject, ...]
    object_index: NDArray[np.int64]
    object_pose_w: Array
    wrist_pose_w: Array
    joint_pos: Array
    type_index: NDArray[np.int64]
    is_easy: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        count = len(self.object_index)
        if count == 0:
            raise ValueError("there is no grasp to make episodes of; choose a split or object that has grasps")
        if self.object_index.min() < 0 or self.object_index.max() >= len(self.grasp_objects):
            raise ValueError(
                f"object_index spans {self.object_index.min()}..{self.object_index.max()}, allowed "
                f"0..{len(self.grasp_objects) - 1}: rows of grasp_objects"
            )
        if self.is_easy is not None and (self.is_easy.dtype != np.bool_ or self.is_easy.shape != (count,)):
            raise ValueError(
                f"is_easy is {self.is_easy.dtype} of shape {self.is_easy.shape}, expected bool ({count},), or None"
            )
        check_poses("object_pose_w", self.object_pose_w, count)
        check_poses("wrist_pose_w", self.wrist_pose_w, count)
        self.hand.check_limits(self.joint_pos, "joint_pos of the targets", tolerance=1e-3)

    def __len__(self) -> int:
        return len(self.object_index)

    def rows(self, keep: NDArray[np.int64]) -> "GraspTargets":
        """The grasps at ``keep`` (K,), objects unchanged."""
        columns = ("object_index", "object_pose_w", "wrist_pose_w", "joint_pos", "type_index")
        is_easy = None if self.is_easy is None else self.is_easy[keep]
        return replace(self, is_easy=is_easy, **{name: getattr(self, name)[keep] for name in columns})

    def other_wrist_pose_w(self, rows: NDArray[np.int64]) -> Array:
        """Wrist poses (K, 7) of another grasp of each grasp's object, which rests as it does there; NaN without one.

        The nearest of those that are clearly others, moved and turned with the object.
        """
        return self._other_wrist_pose_w[rows]

    @cached_property
    def _other_wrist_pose_w(self) -> Array:
        object_w, wrist_w = torch.as_tensor(self.object_pose_w), torch.as_tensor(self.wrist_pose_w)
        wrist_o = pose_compose(pose_invert(object_w), wrist_w).numpy()
        side = np.round(vertical_in(self.object_pose_w) / _SAME_SIDE).astype(np.int64)
        _, group = np.unique(np.column_stack([self.object_index, side]), axis=0, return_inverse=True)
        order = np.argsort(group, kind="stable")
        other = np.full(len(self), -1)
        for rows in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
            away = np.linalg.norm(wrist_o[rows, None, :3] - wrist_o[None, rows, :3], axis=2) / _FAR_OFF_M
            cosine = np.abs(wrist_o[rows, 3:] @ wrist_o[rows, 3:].T).clip(max=1.0)
            apart = np.maximum(away, 2.0 * np.arccos(cosine) / _FAR_OFF_RAD)
            apart[apart < _CLEARLY_OTHER] = np.inf
            has_other = np.isfinite(apart).any(axis=1)
            other[rows[has_other]] = rows[apart.argmin(axis=1)[has_other]]
        found = pose_compose(object_w, torch.as_tensor(wrist_o[other])).numpy()
        found[other < 0] = np.nan
        return found

    def other_joint_pos(self, rows: NDArray[np.int64], numbers: NDArray[np.int64]) -> Array:
        """Joints (K, J), rad, of another stored grasp of each grasp's object; its own where the object has no other.

        Args:
            rows: the grasps (K,).
            numbers: choose among the others (K,), evenly when they are drawn evenly from many.
        """
        order, first, count, place = self._siblings
        step = 1 + numbers % np.maximum(count[rows] - 1, 1)
        return self.joint_pos[order[first[rows] + (place[rows] + step) % count[rows]]]

    @cached_property
    def _siblings(self) -> tuple[NDArray[np.int64], ...]:
        """Grasps in the order of their objects; of each grasp's object the first one there and how many; its place."""
        order = np.argsort(self.object_index, kind="stable")
        arranged = self.object_index[order]
        first, end = (np.searchsorted(arranged, self.object_index, side) for side in ("left", "right"))
        return order, first, end - first, np.argsort(order) - first

    @cached_property
    def clouds(self) -> ObjectClouds:
        """Clouds of ``grasp_objects``, in their order."""
        return ObjectClouds(np.stack([thing.cloud for thing in self.grasp_objects]), self.grasp_objects)

    @cached_property
    def fingertip_centre_w(self) -> Array:
        """Mean of the fingertips at each grasp (G, 3), m."""
        return fingertip_centres(self.hand, self.wrist_pose_w, self.joint_pos)
