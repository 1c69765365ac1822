"""Six joints that carry the palm: every pose can be had, by the nearest angles, also where one angle is not decided."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from envs.physics.isaacgym.base_joints import base_from_pose, pose_from_base


def poses(turns: Rotation) -> np.ndarray:
    count = len(turns)
    places = np.random.default_rng(1).uniform(-1.0, 1.0, (count, 3))
    return np.concatenate([places, turns.as_quat(scalar_first=True)], axis=1)


def test_joints_lead_to_the_pose_and_keep_the_sign_of_its_quaternion() -> None:
    pose_w = poses(Rotation.random(200, rng=np.random.default_rng(0)))
    joints = base_from_pose(pose_w, np.zeros((200, 6)))
    np.testing.assert_allclose(pose_from_base(joints, pose_w), pose_w, atol=1e-12)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_fingers_along_x_are_no_exception(sign: float) -> None:
    pose_w = poses(Rotation.from_euler("XYZ", [[0.4, sign * np.pi / 2, 0.7], [0.0, sign * np.pi / 2, -2.0]]))
    present = np.zeros((2, 6))
    present[:, 3] = [0.3, -0.2]
    joints = base_from_pose(pose_w, present)
    np.testing.assert_allclose(
        pose_from_base(joints, pose_w), pose_w, atol=1e-7
    )  # the root of the rounding of a cosine
    np.testing.assert_allclose(joints[:, 3], present[:, 3], atol=1e-9)  # what is not decided stays


def test_the_nearest_of_all_solutions_is_taken() -> None:
    rng = np.random.default_rng(2)
    # some turns away from zero, the middle angle beyond a right angle: the other solution of the same pose
    present = rng.uniform(-9.0, 9.0, (100, 6))
    near = present + rng.uniform(-0.05, 0.05, (100, 6))
    pose_w = pose_from_base(near, np.ones((100, 7)))
    joints = base_from_pose(pose_w, present)
    away = np.abs(np.cos(near[:, 4])) > 0.2  # elsewhere small turns may need large angles
    assert away.sum() > 50
    np.testing.assert_allclose(joints[away], near[away], atol=1e-9)
