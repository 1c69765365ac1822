"""Height of the open hand above the table, against the collision model itself."""

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

from envs.hand.shadow import shadow_hand
from envs.wrist.clearance import open_hand_height

HAND = shadow_hand()


def _poses(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    quat = Rotation.random(count, rng=rng).as_quat(scalar_first=True)
    return np.concatenate([rng.uniform([-0.3, -0.3, 0.3], 0.4, (count, 3)), quat], axis=1)


def test_agrees_with_mujoco_distances_to_a_plane() -> None:
    scene = mujoco.MjSpec()
    plane = scene.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[5.0, 5.0, 0.1], name="table")
    assert plane is not None
    palm = HAND.attach(scene)
    palm.add_freejoint()
    model = scene.compile()
    data = mujoco.MjData(model)
    table = model.geom("table").id
    base = next(joint for joint in range(model.njnt) if model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_FREE)
    address = model.jnt_qposadr[base]
    for pose in _poses(20):
        data.qpos[:] = 0.0
        data.qpos[address : address + 7] = pose
        mujoco.mj_kinematics(model, data)
        heights = [
            mujoco.mj_geomDistance(model, data, table, geom, 2.0, None) for geom in range(model.ngeom) if geom != table
        ]
        # mj_geomDistance is iterative for boxes; 0.1 mm is far below what matters here
        np.testing.assert_allclose(open_hand_height(HAND, pose), min(heights), atol=1e-4)


def test_batched_like_single_and_rises_with_the_wrist() -> None:
    poses = _poses(6)
    heights = open_hand_height(HAND, poses.reshape(2, 3, 7))
    np.testing.assert_allclose(heights.ravel(), [float(open_hand_height(HAND, pose)) for pose in poses], atol=1e-15)
    poses[:, 2] += 0.1
    np.testing.assert_allclose(open_hand_height(HAND, poses), heights.ravel() + 0.1, atol=1e-12)
