"""How good a grasp is by its contacts alone: the metric Q1 (Ferrari and Canny 1992)."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError
from torch import Tensor

from envs.bisector.points import CONTACT_M, BisectorPoints

EDGES = 4
"""Edges of the pyramid that stands for a friction cone (She et al. 2022)."""

TORQUE_LENGTH = 0.1
"""Metres by which torques are divided; about the size of what is grasped."""

Array = NDArray[np.float64]


def contact_wrenches(position: Array, normal: Array, friction: float) -> Array:
    """Forces and torques over `TORQUE_LENGTH` along the edges of the friction cones (EDGES C, 6).

    Args:
        position: contacts, from the centre of mass (C, 3), m.
        normal: directions into the object (C, 3), unit vectors.
        friction: coefficient.
    """
    helper = np.where(np.abs(normal[:, :1]) < 0.9, [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
    first = np.cross(normal, helper)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(normal, first)
    angles = 2.0 * math.pi * np.arange(EDGES)[:, None, None] / EDGES
    force = normal + friction * (np.cos(angles) * first + np.sin(angles) * second)
    torque = np.cross(np.broadcast_to(position, force.shape), force) / TORQUE_LENGTH
    wrenches: Array = np.concatenate([force, torque], axis=2).reshape(-1, 6)
    return wrenches


def q1_of(wrenches: Array) -> float:
    """Radius of the largest ball around 0 in the convex hull of wrenches (W, 6); 0 where 0 is not inside."""
    if len(wrenches) <= 6:
        return 0.0
    try:
        offsets = ConvexHull(wrenches).equations[:, -1]
    except QhullError:  # all in one plane
        return 0.0
    return max(0.0, float(-offsets.max()))


def grasp_quality(points: BisectorPoints, centre_h: Tensor, friction: float) -> Tensor:
    """Q1 of B hands (B,), of two contacts of each part that touches the object.

    The surface gives contacts: its nearest points on the object, and the directions there.

    Args:
        points: surfaces, not thinned.
        centre_h: centres of mass of the objects, hand frame, m (B, 3).
        friction: coefficient.
    """
    near = points.is_object & (points.hand_distance < CONTACT_M) & (points.scene_distance < CONTACT_M)
    touching = points.chosen(near)
    on_object = touching.position_h + touching.scene_distance[:, None] * touching.to_scene
    quality = torch.zeros(points.num_hands)
    for hand in touching.hand_index.unique().tolist():
        rows = (touching.hand_index == hand).nonzero()[:, 0]
        parts = touching.part[rows]
        if len(parts.unique()) > 1:
            ends = torch.cat([rows[parts == part][[0, -1]] for part in parts.unique()])
            position = (on_object[ends] - centre_h[hand]).double().numpy()
            wrenches = contact_wrenches(position, touching.to_scene[ends].double().numpy(), friction)
            quality[hand] = q1_of(wrenches)
    return quality
