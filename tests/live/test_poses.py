"""Poses in plain numbers against scipy."""

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from live.poses import angle_between, between, points_seen_from, rotation_matrix
from live.tracks import unit_pose


def random_poses(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(size=(count, 3)), Rotation.random(count, rng=rng).as_quat(scalar_first=True)], 1)


def rotation(pose: np.ndarray) -> Rotation:
    return Rotation.from_quat(pose[3:], scalar_first=True)


def test_between_two_poses_is_straight_and_the_short_way_round() -> None:
    for first, second in zip(random_poses(40)[:20], random_poses(40)[20:], strict=True):
        first[3:] = second[3:] + 0.2 * first[3:]  # up to some 25 degrees apart
        first[3:] /= np.linalg.norm(first[3:])
        for sign in (1.0, -1.0):
            there = between(first, np.r_[second[:3], sign * second[3:]], 0.25)
            np.testing.assert_allclose(there[:3], 0.75 * first[:3] + 0.25 * second[:3])
            ideal = Slerp([0.0, 1.0], Rotation.concatenate([rotation(first), rotation(second)]))(0.25)
            assert (ideal.inv() * rotation(there)).magnitude() < 2e-3  # a chord in place of an arc
            np.testing.assert_allclose(np.linalg.norm(there[3:]), 1.0)
        np.testing.assert_array_equal(between(tuple(first), tuple(second), 0.25), between(first, second, 0.25))


def test_angles_and_matrices_are_those_of_rotations() -> None:
    points = np.random.default_rng(1).normal(size=(5, 3))
    for wrist, thing in zip(random_poses(20)[:10], random_poses(20)[10:], strict=True):
        np.testing.assert_allclose(rotation_matrix(wrist[3:]), rotation(wrist).as_matrix(), atol=1e-14)
        turn = (rotation(wrist).inv() * rotation(thing)).magnitude()
        np.testing.assert_allclose([angle_between(wrist[3:], thing[3:]), angle_between(-wrist[3:], thing[3:])], turn)
        expected = rotation(wrist).inv().apply(rotation(thing).apply(points) + thing[:3] - wrist[:3])
        np.testing.assert_allclose(points_seen_from(wrist, points, thing), expected, atol=1e-13)
    assert angle_between([1.0, 0.0, 0.0, 0.0], [1.0 + 1e-12, 0.0, 0.0, 0.0]) == 0.0


def test_what_is_no_pose_is_none() -> None:
    pose = random_poses(1)[0]
    np.testing.assert_allclose(unit_pose(1.05 * pose)[3:], pose[3:])  # type: ignore[index]
    for column in range(7):
        for bad in (np.nan, np.inf, -np.inf, 1e7):
            wrong = pose.copy()
            wrong[column] = bad
            assert unit_pose(wrong) is None
    assert unit_pose(np.r_[pose[:3], 1.2 * pose[3:]]) is None
    assert unit_pose(pose[:6]) is None
    assert unit_pose("pose") is None
