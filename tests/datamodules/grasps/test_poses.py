"""Relative and absolute poses against homogeneous matrices."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from datamodules.grasps.poses import absolute_pose, relative_pose

Array = NDArray[np.float64]


def _random_poses(count: int, seed: int) -> Array:
    rng = np.random.default_rng(seed)
    quat = Rotation.random(count, rng=rng).as_quat(scalar_first=True)
    return np.concatenate([rng.uniform(-1.0, 1.0, (count, 3)), quat], axis=1)


def _matrices(poses: Array) -> Array:
    matrices = np.tile(np.eye(4), (len(poses), 1, 1))
    matrices[:, :3, :3] = Rotation.from_quat(poses[:, 3:], scalar_first=True).as_matrix()
    matrices[:, :3, 3] = poses[:, :3]
    return matrices


def test_relative_pose_is_inverse_parent_times_child() -> None:
    parent_w, child_w = _random_poses(20, 0), _random_poses(20, 1)
    expected = np.linalg.inv(_matrices(parent_w)) @ _matrices(child_w)
    np.testing.assert_allclose(_matrices(relative_pose(parent_w, child_w)), expected, atol=1e-12)


def test_absolute_pose_is_parent_times_child() -> None:
    parent_w, child_p = _random_poses(20, 2), _random_poses(20, 3)
    expected = _matrices(parent_w) @ _matrices(child_p)
    np.testing.assert_allclose(_matrices(absolute_pose(parent_w, child_p)), expected, atol=1e-12)


def test_quaternions_come_back_with_positive_w() -> None:
    poses = relative_pose(_random_poses(50, 4), _random_poses(50, 5))
    assert (poses[:, 3] >= 0.0).all()
    np.testing.assert_allclose(np.linalg.norm(poses[:, 3:], axis=1), 1.0, atol=1e-12)


def test_no_pose_gives_no_pose() -> None:
    assert relative_pose(np.zeros((0, 7)), np.zeros((0, 7))).shape == (0, 7)
