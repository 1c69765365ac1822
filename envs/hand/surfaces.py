"""Collision shapes of the hand and named points on its skin: finger pads and the side of the first finger.

A surface point is fixed to a link; `HandPose.surface_points` takes it along. Seen on a straight hand, fingers point
along +z of their link, the palmar side is -y and +x is radial (towards the thumb). The thumb flexes about its y axis:
its palmar side is -x.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.conventions import FINGERS
from envs.geometry.transforms import quat_rotate
from envs.hand.kinematics import HandPose, link_indices
from envs.hand.model import LINKS, bare_hand, element_name

THUMB = "th"
RADIAL: tuple[float, float, float] = (1.0, 0.0, 0.0)
"""Direction of a finger's thumb-facing side in its link frame."""


@dataclass(frozen=True)
class Capsule:
    """A collision capsule of a link: end points of its axis (3,) in the link frame and radius, metres."""

    link: str
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    radius: float


@dataclass(frozen=True)
class Box:
    """A collision box of a link: its eight corners (8, 3) in the link frame, metres."""

    link: str
    corners: NDArray[np.float64]


@dataclass(frozen=True)
class SurfacePoint:
    """A point on the skin of a link and the outward unit normal there, each (3,) in the link frame; metres."""

    link: str
    position: NDArray[np.float64]
    normal: NDArray[np.float64]


@lru_cache(maxsize=1)
def collision_capsules() -> tuple[Capsule, ...]:
    """All collision capsules of the hand, palm to fingertip, in the order of LINKS."""
    model = bare_hand()
    return tuple(
        Capsule(link, *_axis_ends(model, geom), radius=float(model.geom_size[geom, 0]))
        for link, geom in _collision_geoms(model, mujoco.mjtGeom.mjGEOM_CAPSULE)
    )


@lru_cache(maxsize=1)
def collision_boxes() -> tuple[Box, ...]:
    """The collision boxes of palm and little-finger metacarpal."""
    model = bare_hand()
    signs = np.stack(np.meshgrid([-1.0, 1.0], [-1.0, 1.0], [-1.0, 1.0], indexing="ij"), axis=-1).reshape(8, 3)
    return tuple(
        Box(link, model.geom_pos[geom] + (signs * model.geom_size[geom]) @ _rotation(model, geom).T)
        for link, geom in _collision_geoms(model, mujoco.mjtGeom.mjGEOM_BOX)
    )


def capsule_ends(pose: HandPose) -> Tensor:
    """Axis end points of all collision capsules in the hand frame, (B, C, 2, 3) metres."""
    capsules = collision_capsules()
    links = [capsule.link for capsule in capsules for _ in range(2)]
    ends = np.stack([end for capsule in capsules for end in (capsule.start, capsule.end)])
    return pose.surface_points(links, torch.from_numpy(ends)).unflatten(1, (len(capsules), 2))


def box_corners(pose: HandPose) -> Tensor:
    """Corners of all collision boxes in the hand frame, (B, boxes, 8, 3) metres."""
    boxes = collision_boxes()
    links = [box.link for box in boxes for _ in range(8)]
    corners = np.concatenate([box.corners for box in boxes])
    return pose.surface_points(links, torch.from_numpy(corners)).unflatten(1, (len(boxes), 8))


def lowest_point(pose: HandPose, wrist_pose_w: Tensor) -> Tensor:
    """Height of the lowest point of every hand's collision shapes above the table, metres, (B,).

    Args:
        pose: B hands in their base frames.
        wrist_pose_w: base poses in the world, (B, 7).
    """
    ends = capsule_ends(pose).flatten(1, 2)
    corners = box_corners(pose).flatten(1, 2)
    radii = torch.tensor([capsule.radius for capsule in collision_capsules() for _ in range(2)]).to(ends)
    inset = torch.cat((radii, radii.new_zeros(corners.shape[1])))
    points = torch.cat((ends, corners), dim=1)
    height = quat_rotate(wrist_pose_w[:, None, 3:], points)[..., 2] + wrist_pose_w[:, None, 2]
    return (height - inset).amin(dim=-1)


def palmar_direction(link: str) -> NDArray[np.float64]:
    """Unit vector (3,) in the frame of a link that points out of its palmar side."""
    link_indices([link])
    return np.array([-1.0, 0.0, 0.0] if link.startswith(THUMB) else [0.0, -1.0, 0.0])


def skin_point(link: str, direction: Sequence[float] | None = None) -> SurfacePoint:
    """The point where a ray from the middle of a link's capsule leaves it; the pad where no direction is given.

    Args:
        link: a link with a collision capsule.
        direction: across the capsule, in the link frame, any length; the palmar side by default.
    Raises:
        ValueError: the link is unknown or has no capsule; lists those that have one.
    """
    capsules = {capsule.link: capsule for capsule in collision_capsules()}
    if link not in capsules:
        link_indices([link])
        raise ValueError(f"link {link!r} has no collision capsule; links with one: {', '.join(capsules)}")
    capsule = capsules[link]
    normal = palmar_direction(link) if direction is None else np.asarray(direction, dtype=np.float64)
    normal = normal / np.linalg.norm(normal)
    return SurfacePoint(link, 0.5 * (capsule.start + capsule.end) + capsule.radius * normal, normal)


def distal_pads() -> tuple[SurfacePoint, ...]:
    """Finger pads: palmar points of the five distal links, in the order of FINGERS."""
    return tuple(skin_point(f"{finger}distal") for finger in FINGERS)


def middle_pads() -> tuple[SurfacePoint, ...]:
    """Palmar points of the five middle links, in the order of FINGERS."""
    return tuple(skin_point(f"{finger}middle") for finger in FINGERS)


def first_finger_side() -> SurfacePoint:
    """The radial side of the first finger's middle link, which faces the thumb in a lateral (key) grasp."""
    return skin_point("ffmiddle", RADIAL)


def points_and_normals(pose: HandPose, surface: Sequence[SurfacePoint]) -> tuple[Tensor, Tensor]:
    """Positions (B, K, 3) in metres and outward unit normals (B, K, 3) of K surface points in the hand frame."""
    links = [point.link for point in surface]
    positions = torch.from_numpy(np.stack([point.position for point in surface]))
    normals = torch.from_numpy(np.stack([point.normal for point in surface]))
    return pose.surface_points(links, positions), pose.directions(links, normals)


def _collision_geoms(model: mujoco.MjModel, kind: mujoco.mjtGeom) -> list[tuple[str, int]]:
    """(link, geom) of every collision geom of one type; geoms named ``V_`` are leftovers of the drawing."""
    found = []
    for geom in range(model.ngeom):
        if model.geom_type[geom] == kind and model.geom(geom).name.startswith(element_name("C_")):
            name = model.body(int(model.geom_bodyid[geom])).name.removeprefix(element_name(""))
            found.append((name, geom))
    return sorted(found, key=lambda item: LINKS.index(item[0]))


def _rotation(model: mujoco.MjModel, geom: int) -> NDArray[np.float64]:
    matrix = np.zeros(9)
    mujoco.mju_quat2Mat(matrix, model.geom_quat[geom])
    return matrix.reshape(3, 3)


def _axis_ends(model: mujoco.MjModel, geom: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    centre, half_length = model.geom_pos[geom], model.geom_size[geom, 1]
    along = half_length * _rotation(model, geom)[:, 2]
    return centre - along, centre + along
