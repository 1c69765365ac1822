"""How far the open hand stays above the table, for many wrist poses at once."""

from dataclasses import dataclass
from functools import lru_cache

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.conventions import ACTUATED_JOINTS
from envs.hand.model import bare_hand, element_name, open_hand

Array = NDArray[np.float64]


@dataclass(frozen=True)
class _HandSpheres:
    """Spheres whose lowest points are the lowest points of the hand's collision geometry."""

    centre_h: Array  # (N, 3) m
    radius: Array  # (N,) m, 0 for the corner of a box


def open_hand_height(wrist_pose_w: Array) -> Array:
    """Height of the lowest point of the open hand above the table (...,), m, for wrist poses (..., 7).

    Negative where the hand would be in the table. Capsules and boxes of the collision model are taken exactly.
    """
    hand = _open_hand_spheres()
    w, x, y, z = np.moveaxis(wrist_pose_w[..., 3:], -1, 0)
    # last row of the rotation matrix: heights of the hand's axes
    up_h = np.stack([2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)], axis=-1)
    return (up_h @ hand.centre_h.T - hand.radius).min(axis=-1) + wrist_pose_w[..., 2]


@lru_cache(maxsize=1)
def _open_hand_spheres() -> _HandSpheres:
    model = bare_hand()
    data = mujoco.MjData(model)
    for name, angle in zip(ACTUATED_JOINTS, open_hand(), strict=True):
        data.qpos[model.joint(element_name(name)).qposadr[0]] = angle
    mujoco.mj_kinematics(model, data)
    centres, radii = [], []
    for geom in range(model.ngeom):
        size = model.geom_size[geom]
        if model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_CAPSULE:
            local, radius = np.array([[0.0, 0.0, -size[1]], [0.0, 0.0, size[1]]]), float(size[0])
        elif model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_BOX:
            corners = np.stack(np.meshgrid(*[(-1.0, 1.0)] * 3), axis=-1).reshape(8, 3)
            local, radius = corners * size, 0.0
        else:
            kind = mujoco.mjtGeom(int(model.geom_type[geom])).name
            raise RuntimeError(f"the hand model has a collision geometry of type {kind}, which is not handled")
        centres.append(local @ data.geom_xmat[geom].reshape(3, 3).T + data.geom_xpos[geom])
        radii.append(np.full(len(local), radius))
    palm_w = data.body(element_name("palm")).xpos
    if np.any(palm_w) or np.any(data.body(element_name("palm")).xquat != [1.0, 0.0, 0.0, 0.0]):
        raise RuntimeError("the bare hand does not stand at the world's origin")
    return _HandSpheres(np.concatenate(centres), np.concatenate(radii))
