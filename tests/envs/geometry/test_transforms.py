"""Rotations and rigid transforms against scipy and the group axioms."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from envs.geometry import transforms as tf

# 64 draws; float64 keeps 15 digits, float32 keeps 7 of which a chain of products loses one or two
TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-6}

dtypes = pytest.mark.parametrize("dtype", [torch.float64, torch.float32])


def random_rotations(count: int = 64, seed: int = 0) -> Rotation:
    return Rotation.random(count, rng=np.random.default_rng(seed))


def as_quat(rotation: Rotation, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.tensor(rotation.as_quat(scalar_first=True), dtype=dtype)


def random_poses(count: int = 64, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    position = torch.randn(count, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.cat((position, as_quat(random_rotations(count, seed))), dim=-1).to(dtype)


def assert_same_rotation(quat: Tensor, expected: Rotation, tolerance: float) -> None:
    reference = as_quat(expected, quat.dtype)
    sign = torch.sign((quat * reference).sum(-1, keepdim=True))  # q and -q are the same rotation
    torch.testing.assert_close(quat * sign, reference, atol=tolerance, rtol=0.0)


@dtypes
def test_multiply_composes_like_scipy(dtype: torch.dtype) -> None:
    a, b = random_rotations(seed=1), random_rotations(seed=2)
    product = tf.quat_multiply(as_quat(a, dtype), as_quat(b, dtype))
    assert product.dtype == dtype
    assert_same_rotation(product, a * b, TOLERANCE[dtype])


@dtypes
def test_conjugate_is_the_inverse(dtype: torch.dtype) -> None:
    quat = as_quat(random_rotations(), dtype)
    identity = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=dtype).expand_as(quat)
    product = tf.quat_multiply(quat, tf.quat_conjugate(quat))
    torch.testing.assert_close(product, identity, atol=TOLERANCE[dtype], rtol=0.0)


@dtypes
def test_rotate_agrees_with_scipy_and_with_the_matrix(dtype: torch.dtype) -> None:
    rotation = random_rotations()
    vectors = np.random.default_rng(3).normal(size=(64, 3))
    quat, vector = as_quat(rotation, dtype), torch.tensor(vectors, dtype=dtype)
    rotated = tf.quat_rotate(quat, vector)
    by_matrix = (tf.quat_to_matrix(quat) @ vector.unsqueeze(-1)).squeeze(-1)
    expected = torch.tensor(rotation.apply(vectors), dtype=dtype)
    torch.testing.assert_close(rotated, expected, atol=4 * TOLERANCE[dtype], rtol=0.0)
    torch.testing.assert_close(by_matrix, expected, atol=4 * TOLERANCE[dtype], rtol=0.0)


@dtypes
def test_matrix_agrees_with_scipy(dtype: torch.dtype) -> None:
    rotation = random_rotations()
    expected = torch.tensor(rotation.as_matrix(), dtype=dtype)
    torch.testing.assert_close(tf.quat_to_matrix(as_quat(rotation, dtype)), expected, atol=TOLERANCE[dtype], rtol=0.0)


@dtypes
def test_a_rotation_vector_agrees_with_scipy(dtype: torch.dtype) -> None:
    vectors = np.random.default_rng(5).normal(size=(64, 3))
    found = tf.quat_from_rotation_vector(torch.tensor(vectors, dtype=dtype))
    assert_same_rotation(found, Rotation.from_rotvec(vectors), TOLERANCE[dtype])


def test_normalise_gives_unit_length_and_leaves_zero_alone() -> None:
    quat = torch.tensor([[2.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    expected = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.5, 0.5], [0.0, 0.0, 0.0, 0.0]])
    torch.testing.assert_close(tf.quat_normalise(quat), expected)


@dtypes
def test_poses_form_a_group(dtype: torch.dtype) -> None:
    a, b, c = (random_poses(seed=seed, dtype=dtype) for seed in (1, 2, 3))
    tolerance = 8 * TOLERANCE[dtype]
    left = tf.pose_compose(tf.pose_compose(a, b), c)
    right = tf.pose_compose(a, tf.pose_compose(b, c))
    torch.testing.assert_close(left, right, atol=tolerance, rtol=0.0)
    identity = torch.tensor([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0], dtype=dtype).expand_as(a)
    torch.testing.assert_close(tf.pose_compose(a, tf.pose_invert(a)), identity, atol=tolerance, rtol=0.0)
    torch.testing.assert_close(tf.pose_compose(tf.pose_invert(a), a), identity, atol=tolerance, rtol=0.0)


@dtypes
def test_points_through_a_composed_pose_equal_points_through_both(dtype: torch.dtype) -> None:
    a, b = random_poses(seed=1, dtype=dtype), random_poses(seed=2, dtype=dtype)
    points = torch.randn(64, 5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)
    composed = tf.transform_points(tf.pose_compose(a, b), points)
    in_turn = tf.transform_points(a, tf.transform_points(b, points))
    torch.testing.assert_close(composed, in_turn, atol=16 * TOLERANCE[dtype], rtol=0.0)


def test_transform_points_by_hand() -> None:
    # a quarter turn about z takes x to y; then 10 is added to x: (1, 2, 3) -> (-2 + 10, 1, 3)
    half = float(np.sqrt(0.5))
    pose = torch.tensor([10.0, 0.0, 0.0, half, 0.0, 0.0, half])
    moved = tf.transform_points(pose, torch.tensor([[1.0, 2.0, 3.0]]))
    torch.testing.assert_close(moved, torch.tensor([[8.0, 1.0, 3.0]]))


def test_one_pose_composes_with_many() -> None:
    one, many = random_poses(1, seed=1)[0], random_poses(8, seed=2)
    composed = tf.pose_compose(one, many)
    torch.testing.assert_close(composed[3], tf.pose_compose(one, many[3]))
    assert tf.pose_compose(many, one).shape == (8, 7)


def test_rotation_vectors_of_quaternions_take_the_shorter_way_and_are_exact_for_small_turns() -> None:
    vectors = np.array([[0.0, 0.0, 0.0], [1e-12, 0.0, 0.0], [1e-6, -2e-6, 0.0], [0.0, 0.0, 3.1], [1.0, -1.0, 0.5]])
    quat = as_quat(Rotation.from_rotvec(vectors))
    np.testing.assert_allclose(tf.rotation_vector_from_quat(quat).numpy(), vectors, atol=1e-12)
    np.testing.assert_allclose(tf.rotation_vector_from_quat(-quat).numpy(), vectors, atol=1e-12)


def as_rotation_vector_chain(rotation: Tensor) -> Tensor:
    return tf.quat_rotate(tf.quat_from_rotation_vector(rotation), torch.tensor([1.0, 2.0, 3.0], dtype=rotation.dtype))


def as_matrix_chain(rotation: Tensor) -> Tensor:
    return tf.quat_to_matrix(tf.quat_from_rotation_vector(rotation))


@pytest.mark.parametrize("function", [as_rotation_vector_chain, as_matrix_chain])
@pytest.mark.parametrize("scale", [0.0, 1e-6, 1.0])
def test_gradients_match_finite_differences(function: Callable[[Tensor], Tensor], scale: float) -> None:
    rotation = (scale * torch.tensor([[0.3, -0.8, 0.5]], dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(function, (rotation,))


@dtypes
def test_gradients_stay_finite_where_norms_vanish(dtype: torch.dtype) -> None:
    quat = torch.tensor([[1.0, 0.0, 0.0, 0.0]], dtype=dtype, requires_grad=True)
    zero = torch.zeros(1, 4, dtype=dtype, requires_grad=True)
    (tf.rotation_vector_from_quat(quat).sum() + tf.quat_normalise(zero).sum()).backward()
    assert quat.grad is not None
    assert zero.grad is not None
    assert torch.isfinite(quat.grad).all()
    assert torch.isfinite(zero.grad).all()
