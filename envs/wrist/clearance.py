"""How far the open hand stays above the table, for many wrist poses at once."""

from dataclasses import dataclass
from functools import lru_cache

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.geometry.table import vertical_in
from envs.hand.hand import Hand

Array = NDArray[np.float64]


@dataclass(frozen=True)
class _HandSpheres:
    """Spheres whose lowest points are the lowest points of the hand's collision geometry."""

    centre_h: Array  # (N, 3) m
    radius: Array  # (N,) m, 0 for corners of boxes and of hulls


def open_hand_height(hand: Hand, wrist_pose_w: Array) -> Array:
    """Height of the lowest point of a hand that is open above the table (...,), m, for wrist poses (..., 7).

    Negative where the hand would be in the table. Capsules, boxes and hulls of the collision model are taken
    exactly.
    """
    spheres = _open_hand_spheres(hand)
    return (vertical_in(wrist_pose_w) @ spheres.centre_h.T - spheres.radius).min(axis=-1) + wrist_pose_w[..., 2]


@lru_cache(maxsize=8)
def _open_hand_spheres(hand: Hand) -> _HandSpheres:
    model = hand.model()
    data = mujoco.MjData(model)
    angles = (*hand.open_pose, *hand.coupled_from_actuated(hand.open_pose))
    for name, angle in zip(hand.all_joints, angles, strict=True):
        data.qpos[model.joint(hand.element(name)).qposadr[0]] = angle
    mujoco.mj_kinematics(model, data)
    centres, radii = [], []
    for geom in range(model.ngeom):
        local, radius = _spheres(model, geom)
        centres.append(local @ data.geom_xmat[geom].reshape(3, 3).T + data.geom_xpos[geom])
        radii.append(np.full(len(local), radius))
    palm = data.body(hand.element(hand.palm))
    if np.any(palm.xpos) or np.any(palm.xquat != [1.0, 0.0, 0.0, 0.0]):
        raise RuntimeError("the bare hand does not stand at the world's origin")
    return _HandSpheres(np.concatenate(centres), np.concatenate(radii))


def _spheres(model: mujoco.MjModel, geom: int) -> tuple[Array, float]:
    """Centres (N, 3) in the frame of a collision geometry, m, and their radius."""
    size, kind = model.geom_size[geom], mujoco.mjtGeom(int(model.geom_type[geom]))
    if kind == mujoco.mjtGeom.mjGEOM_SPHERE:
        return np.zeros((1, 3)), float(size[0])
    if kind == mujoco.mjtGeom.mjGEOM_CAPSULE:
        return np.array([[0.0, 0.0, -size[1]], [0.0, 0.0, size[1]]]), float(size[0])
    if kind == mujoco.mjtGeom.mjGEOM_BOX:
        return np.stack(np.meshgrid(*[(-1.0, 1.0)] * 3), axis=-1).reshape(8, 3) * size, 0.0
    if kind == mujoco.mjtGeom.mjGEOM_MESH:
        mesh = model.geom_dataid[geom]
        first, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
        return model.mesh_vert[first : first + count].astype(np.float64), 0.0
    raise RuntimeError(f"the hand model has a collision geometry of type {kind.name}, which is not handled")
