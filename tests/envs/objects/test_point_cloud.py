import numpy as np
import pytest

from envs.objects.point_cloud import farthest_point_index, sample_surface

# Two triangles of areas 0.5 (z = 0, facing up) and 1.5 (z = 1, facing down).
VERTICES = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [3, 0, 1], [0, 1, 1]], dtype=float)
FACES = np.array([[0, 1, 2], [3, 5, 4]])


def test_points_are_spread_by_area_with_the_normal_of_their_face() -> None:
    surface = sample_surface(VERTICES, FACES, 20000, np.random.default_rng(0))
    above = surface.points[:, 2] > 0.5
    # Share 0.75 of 20000: standard error 0.003.
    assert above.mean() == pytest.approx(0.75, abs=0.015)
    np.testing.assert_array_equal(surface.normals[above], np.tile([0, 0, -1], (above.sum(), 1)))
    np.testing.assert_array_equal(surface.normals[~above], np.tile([0, 0, 1], ((~above).sum(), 1)))


def test_points_are_uniform_within_a_triangle() -> None:
    points = sample_surface(VERTICES, FACES[:1], 20000, np.random.default_rng(0)).points
    assert points[:, :2].min() >= 0
    assert (points[:, 0] + points[:, 1]).max() <= 1 + 1e-6
    np.testing.assert_allclose(points.mean(axis=0), [1 / 3, 1 / 3, 0], atol=0.01)  # centroid; standard error 0.002


def test_farthest_points_follow_the_hand_calculation() -> None:
    # On a line 0 1 2 3 10: from 0 the farthest is 10; then distances are 1 2 3 0, so 3; then 1 1, the first wins.
    points = np.zeros((5, 3), dtype=np.float32)
    points[:, 0] = [0, 1, 2, 3, 10]
    np.testing.assert_array_equal(farthest_point_index(points, 4), [0, 4, 3, 1])


def test_more_points_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match=r"cannot choose 6 farthest points out of 5; give at least 6 points"):
        farthest_point_index(np.zeros((5, 3), dtype=np.float32), 6)
