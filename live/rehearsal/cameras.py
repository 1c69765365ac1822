"""Two depth cameras above the table: rendered depth with noise and losses, the hand filtered out, fused to one cloud.

Depth comes of rays against the collision shapes of hand, object and table. What a camera node at a real bench has to do
is done here with what it would know: the hand is cut out where joint readings and the tracker say that it is, the table
where each camera sees it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation
from scipy.spatial import cKDTree

from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.physics.settings import PhysicsSettings
from envs.physics.world_model import ModelAddresses, build_world_model
from live.poses import Array, rotation_matrix
from live.rehearsal.disturbances import Disturbances, displaced

PLACES: tuple[tuple[float, float, float], ...] = ((0.55, 0.45, 0.55), (-0.55, -0.45, 0.55))
"""Where the cameras stand, m, world; both look at the middle of the table."""

WIDTH, HEIGHT, FOCAL = 160, 120, 290.0
"""Pixels; 3 mm of the table a pixel: a part of what a depth camera sees."""

LOOK_AT = (0.0, 0.0, 0.06)
REACH = 0.3
"""Metres from the middle, along x and y, within which objects may stand."""

HAND_MARGIN = 0.02
"""Metres in front of the believed hand at which depth is still taken for the hand."""

HAND_PIXELS = 4
"""Pixels around the believed hand that are cut out, too."""

TABLE_BAND = 0.02
"""Metres around z = 0 in which depth is taken for the table when its plane is fitted."""

ABOVE_TABLE = 0.006
"""Metres above the fitted plane from which on depth is an object's."""

HELD_SHARE = 0.7
"""A view with less than this share of the points that the camera once saw is hidden by the hand: the last one stays."""

CELL = 0.003
"""Metres; of points in one cell their mean stands for all, so that no side of an object counts more for being near."""

MAX_POINTS = 1800
"""As many as a datagram holds."""


@dataclass(frozen=True)
class Seen:
    """What stands where: joints (J,) and coupled ones (C,), rad, hand base and object (7,), world."""

    joint_pos: Array
    coupled_pos: Array
    wrist_pose_w: Array
    object_pose_w: Array


class DepthCameras:
    """The cameras of a bench.

    Args:
        hand: the hand.
        grasp_object: the object.
        wrong: noise, losses and errors of calibration.
        rng: draws them.
    """

    def __init__(self, hand: Hand, grasp_object: GraspObject, wrong: Disturbances, rng: np.random.Generator) -> None:
        self._model = build_world_model(hand, grasp_object, PhysicsSettings())
        self._data = mujoco.MjData(self._model)
        self._at = ModelAddresses(hand, self._model)
        self._wrong, self._rng = wrong, rng
        self._cameras = [_Camera(_pose_of(place), wrong, rng) for place in PLACES]

    def cloud(self, true: Seen, believed: Seen) -> Array:
        """Points of the object (N, 3), m, world, as the bench's computer finds them; N may be 0.

        Args:
            true: what stands where.
            believed: the same as tracker and encoders say; its object is not looked at.
        """
        self._place(true)
        depths = [camera.rays(self._model, self._data) for camera in self._cameras]
        self._place(believed, with_object=False)
        hands = [self._hand_depth(camera) for camera in self._cameras]
        views = [
            camera.points(camera.noisy(depth, self._rng, self._wrong), hidden)
            for camera, depth, hidden in zip(self._cameras, depths, hands, strict=True)
        ]
        return _thinned(_without_strays(np.concatenate(views)), self._rng)

    def _place(self, seen: Seen, *, with_object: bool = True) -> None:
        data, at = self._data, self._at
        data.qpos[at.finger_pos] = np.concatenate([seen.joint_pos, seen.coupled_pos])
        data.qpos[at.base_pos] = seen.wrist_pose_w
        data.qpos[at.object_pos] = seen.object_pose_w
        if not with_object:
            data.qpos[at.object_pos][2] = -5.0  # below the table
        mujoco.mj_kinematics(self._model, data)

    def _hand_depth(self, camera: "_Camera") -> Array:
        """Depth of the hand (H, W), infinite where it is not."""
        depth, geoms = camera.depth_and_geoms(self._model, self._data)
        parts = np.append(self._at.part_of_geom, -1)  # -1: rays that meet nothing
        is_hand = parts[np.clip(geoms, -1, len(parts) - 1)] >= 0
        return np.where(is_hand, depth, np.inf)


class _Camera:
    """A pinhole camera; x to the right, y down, z forward.

    Args:
        pose_w: where it is (4, 4).
        wrong: how far off its calibration is.
        rng: draws that.
    """

    def __init__(self, pose_w: Array, wrong: Disturbances, rng: np.random.Generator) -> None:
        column, row = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
        ways = np.stack([(column - 0.5 * WIDTH) / FOCAL, (row - 0.5 * HEIGHT) / FOCAL, np.ones_like(row)], axis=2)
        self._ways: Array = ways.reshape(-1, 3)  # of length 1 along z: what a ray's distance is a depth of
        self._turn, self._place = pose_w[:3, :3], pose_w[:3, 3].copy()
        off = displaced(np.array([0.0, 0, 0, 1, 0, 0, 0]), wrong.camera_offset_m, wrong.camera_offset_rad, rng)
        self._believed_turn = self._turn @ rotation_matrix(off[3:])
        self._believed_place = self._place + off[:3]
        self._best = np.zeros((0, 3))
        self._most = 0

    def depth_and_geoms(self, model: mujoco.MjModel, data: mujoco.MjData) -> tuple[Array, NDArray[np.int32]]:
        """Depth (H, W), m, and what each ray meets, -1 for nothing."""
        rays = np.ascontiguousarray(self._ways @ self._turn.T).ravel()
        geoms, distance = np.zeros(len(self._ways), dtype=np.int32), np.zeros(len(self._ways))
        mujoco.mj_multiRay(model, data, self._place, rays, None, True, -1, geoms, distance, None, len(geoms), 3.0)
        shape = (HEIGHT, WIDTH)
        return np.where(geoms < 0, np.inf, distance).reshape(shape), geoms.reshape(shape)

    def rays(self, model: mujoco.MjModel, data: mujoco.MjData) -> Array:
        """Depth (H, W), m."""
        return self.depth_and_geoms(model, data)[0]

    def noisy(self, depth: Array, rng: np.random.Generator, wrong: Disturbances) -> Array:
        """Depth with noise, without lost pixels and without those at edges, where two depths mix; NaN there."""
        found = depth + wrong.camera_m * (depth / 0.9) ** 2 * rng.standard_normal(depth.shape)
        found[rng.random(depth.shape) < wrong.camera_lost] = np.nan
        if wrong.camera_lost > 0.0:
            step = np.maximum(*(np.abs(np.gradient(np.minimum(depth, 9.0), axis=axis)) for axis in (0, 1)))
            found[(step > 0.02) & (rng.random(depth.shape) < 0.5)] = np.nan
        return found

    def points(self, depth: Array, hand_depth: Array) -> Array:
        """What is neither hand nor table, nor far away (N, 3), m, world by the camera's own calibration."""
        hidden = binary_dilation(depth > hand_depth - HAND_MARGIN, iterations=HAND_PIXELS)
        kept = np.isfinite(depth) & ~hidden
        with np.errstate(invalid="ignore"):
            points_w = (self._ways * depth.reshape(-1, 1)) @ self._believed_turn.T + self._believed_place
        points_w = points_w[kept.ravel() & (np.abs(points_w[:, :2]) < REACH).all(axis=1)]
        found = _above_table(points_w)
        self._most = max(self._most, len(found))
        if len(found) >= HELD_SHARE * self._most:
            self._best = found
        return self._best


def _above_table(points_w: Array) -> Array:
    """Points above the plane that the camera sees the table at, moved so that the plane is z = 0."""
    flat = points_w[np.abs(points_w[:, 2]) < TABLE_BAND]
    if len(flat) < 50:
        return points_w[points_w[:, 2] > ABOVE_TABLE]
    for _ in range(3):
        plane, *_ = np.linalg.lstsq(np.column_stack([flat[:, :2], np.ones(len(flat))]), flat[:, 2], rcond=None)
        off = flat[:, 2] - (flat[:, :2] @ plane[:2] + plane[2])
        flat = flat[np.abs(off) < 2.5 * max(float(np.median(np.abs(off))), 1e-4)]
    height = points_w[:, 2] - (points_w[:, :2] @ plane[:2] + plane[2])
    found = np.column_stack([points_w[:, :2], height])
    return found[(height > ABOVE_TABLE) & (height < 0.5)]


def _without_strays(points: Array, neighbours: int = 5, radius: float = 0.012) -> Array:
    """Points (N, 3) that have neighbours."""
    if len(points) < 2 * neighbours:
        return points[:0]
    near = cKDTree(points).query(points, k=neighbours + 1)[0][:, -1] < radius
    return points[near]


def _thinned(points: Array, rng: np.random.Generator) -> Array:
    """One point (N, 3) a cell, the mean of those in it; at most MAX_POINTS."""
    _, cell, count = np.unique(np.floor(points / CELL), axis=0, return_inverse=True, return_counts=True)
    points = np.stack([np.bincount(cell, weights=points[:, axis], minlength=len(count)) for axis in range(3)], axis=1)
    points = points / count[:, None]
    if len(points) <= MAX_POINTS:
        return points
    return points[rng.choice(len(points), MAX_POINTS, replace=False)]


def _pose_of(place: Sequence[float]) -> Array:
    """The pose (4, 4) of a camera at a place that looks at the middle of the table."""
    forward = np.array(LOOK_AT) - np.array(place)
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right = right / np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    pose[:3, 3] = place
    return pose
