"""Distances between grasps and the most different ones."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from datamodules.grasps.diversity import most_diverse, pairwise_distance

Array = NDArray[np.float64]


def _poses(positions: list[list[float]]) -> Array:
    return np.array([[*position, 1.0, 0.0, 0.0, 0.0] for position in positions])


def test_five_centimetres_one_radian_and_a_joint_norm_of_one_count_alike() -> None:
    poses, joints = _poses([[0.0, 0.0, 0.0]] * 4), np.zeros((4, 18))
    poses[1, 0] = 0.05
    poses[2, 3:] = Rotation.from_rotvec([0.0, 1.0, 0.0]).as_quat(scalar_first=True)
    joints[3, 2], joints[3, 7] = 0.6, 0.8
    distance = pairwise_distance(poses, joints)
    np.testing.assert_allclose(distance[0], [0.0, 1.0, 1.0, 1.0], atol=1e-7)
    # two of them at once: sqrt(1 + 1)
    np.testing.assert_allclose(distance[1, 2:], np.sqrt(2.0), atol=1e-7)
    np.testing.assert_array_equal(distance, distance.T)


def test_both_signs_of_a_quaternion_are_the_same_rotation() -> None:
    quat = Rotation.random(rng=np.random.default_rng(0)).as_quat(scalar_first=True)
    poses = np.array([[0.0, 0.0, 0.0, *quat], [0.0, 0.0, 0.0, *-quat]])
    # the arc cosine turns rounding of 1e-16 into an angle of 1e-8
    assert pairwise_distance(poses, np.zeros((2, 18)))[0, 1] < 1e-7


def test_one_grasp_of_every_cluster_is_chosen() -> None:
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0, 0.0], [0.3, 0.0, 0.0], [0.0, 0.3, 0.0], [0.0, 0.0, 0.3]])
    cluster = np.repeat(np.arange(4), [20, 3, 1, 6])
    poses = _poses((centres[cluster] + 0.005 * rng.standard_normal((30, 3))).tolist())
    chosen = most_diverse(poses, np.zeros((30, 18)), 4)
    assert sorted(cluster[chosen]) == [0, 1, 2, 3]


def test_farthest_first_on_a_line() -> None:
    # 0 and 9 cm are the ends; seen from 0 (as far from all others as 9; the first counts) 9 is farthest, then 4
    poses = _poses([[0.01 * x, 0.0, 0.0] for x in (0, 1, 4, 8, 9)])
    assert most_diverse(poses, np.zeros((5, 18)), 3).tolist() == [0, 2, 4]


def test_all_are_kept_when_there_are_no_more_than_asked_for() -> None:
    poses = _poses([[0.0, 0.0, 0.0]] * 3)
    assert most_diverse(poses, np.zeros((3, 18)), 5).tolist() == [0, 1, 2]
    assert most_diverse(poses[:0], np.zeros((0, 18)), 5).tolist() == []


@pytest.mark.parametrize("count", [2, 3])
def test_indices_are_sorted_and_different_even_among_equal_grasps(count: int) -> None:
    chosen = most_diverse(_poses([[0.0, 0.0, 0.0]] * 2 + [[0.1, 0.0, 0.0]] * 2), np.zeros((4, 18)), count)
    assert chosen.tolist() == sorted(set(chosen.tolist()))
    assert len(chosen) == count
