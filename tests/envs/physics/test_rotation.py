"""Rotation vectors between quaternions."""

import numpy as np
from scipy.spatial.transform import Rotation

from envs.physics.rotation import rotation_vector_between


def wxyz(rotation: Rotation) -> np.ndarray:
    return np.roll(rotation.as_quat(), 1, axis=1)


def test_turn_from_start_to_end_is_in_the_start_frame_and_the_shorter_way() -> None:
    start, end = Rotation.random(50, rng=0), Rotation.random(50, rng=1)
    expected = (start.inv() * end).as_rotvec()
    np.testing.assert_allclose(rotation_vector_between(wxyz(start), wxyz(end)), expected, atol=1e-9)
    np.testing.assert_allclose(rotation_vector_between(wxyz(start), -wxyz(end)), expected, atol=1e-9)  # the same turn


def test_tiny_turns_and_none_are_exact() -> None:
    start = Rotation.random(3, rng=2)
    turn = np.array([[0.0, 0.0, 0.0], [1e-12, 0.0, 0.0], [0.0, 1e-7, 0.0]])
    found = rotation_vector_between(wxyz(start), wxyz(start * Rotation.from_rotvec(turn)))
    np.testing.assert_allclose(found, turn, atol=1e-15)  # products of unit quaternions round at 1e-16
