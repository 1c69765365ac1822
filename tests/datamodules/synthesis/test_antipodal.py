"""Antipodal pairs on shapes whose widths are known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from datamodules.synthesis.antipodal import (
    MIN_OPPOSITION,
    RAY_RADIUS,
    WIDTH_RANGE,
    AntipodalPairs,
    find_antipodal_pairs,
)

Points = NDArray[np.float32]

COUNT = 4096


def _box(sizes: tuple[float, float, float], seed: int = 0) -> tuple[Points, Points]:
    """Random surface points and normals of a box about the origin, evenly spread over its area."""
    rng = np.random.default_rng(seed)
    size = np.array(sizes)
    areas = np.array([size[1] * size[2], size[0] * size[2], size[0] * size[1]])
    axis = rng.choice(3, COUNT, p=areas / areas.sum())
    sign = rng.choice([-1.0, 1.0], COUNT)
    normals = np.zeros((COUNT, 3))
    normals[np.arange(COUNT), axis] = sign
    points = rng.uniform(-0.5, 0.5, (COUNT, 3)) * size
    points[np.arange(COUNT), axis] = 0.5 * sign * size[axis]
    return points.astype(np.float32), normals.astype(np.float32)


def _sphere(radius: float, seed: int = 0, *, inwards: bool = False) -> tuple[Points, Points]:
    direction = np.random.default_rng(seed).standard_normal((COUNT, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return (radius * direction).astype(np.float32), (-direction if inwards else direction).astype(np.float32)


def _find(surface: tuple[Points, Points], seed: int = 0) -> AntipodalPairs:
    return find_antipodal_pairs(*surface, np.random.default_rng(seed))


def test_pairs_of_a_box_have_its_three_widths() -> None:
    pairs = _find(_box((0.064, 0.044, 0.024)))
    along = np.abs(pairs.axis_o).argmax(axis=1)
    for axis, width in enumerate((0.064, 0.044, 0.024)):
        widths = pairs.width[along == axis]
        assert len(widths) > 100
        # the far point lies up to the ray's radius beside the ray: width^2 <= thickness^2 + radius^2
        assert widths.min() >= width - 1e-6
        assert widths.max() <= np.hypot(width, RAY_RADIUS) + 1e-6


def test_ends_and_axis_belong_together() -> None:
    pairs = _find(_box((0.064, 0.044, 0.024)))
    np.testing.assert_allclose(pairs.first_o + pairs.width[:, None] * pairs.axis_o, pairs.second_o, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(pairs.axis_o, axis=1), 1.0, atol=1e-9)
    assert len(pairs) == len(pairs.first_o)


def test_pairs_of_a_sphere_go_through_its_centre() -> None:
    pairs = _find(_sphere(0.03))
    assert len(pairs) > 500
    middle = 0.5 * (pairs.first_o + pairs.second_o)
    assert np.linalg.norm(middle, axis=1).max() <= RAY_RADIUS
    # a chord that misses the antipode by 3 mm is shorter by 0.15 mm
    np.testing.assert_allclose(pairs.width, 0.06, atol=2e-4)


def test_a_cup_has_pairs_across_its_wall_and_across_the_whole_cup() -> None:
    outside, inside = _sphere(0.030, 0), _sphere(0.022, 1, inwards=True)
    pairs = _find((np.concatenate([outside[0], inside[0]]), np.concatenate([outside[1], inside[1]])))
    wall, whole = np.abs(pairs.width - 0.008) < 1e-3, np.abs(pairs.width - 0.060) < 1e-3
    assert wall.sum() > 100
    assert whole.sum() > 100
    # there is nothing between: neighbouring walls do not face away from one another
    assert (wall | whole).all()


@pytest.mark.parametrize(
    ("sizes", "missing"),
    [((0.12, 0.05, 0.05), "longer than the hand can hold"), ((0.05, 0.05, 0.005), "thinner than pads can hold")],
)
def test_widths_outside_the_range_are_left_out(sizes: tuple[float, float, float], missing: str) -> None:
    pairs = _find(_box(sizes))
    assert len(pairs) > 0
    assert pairs.width.min() > WIDTH_RANGE[0], missing
    assert pairs.width.max() < WIDTH_RANGE[1], missing


def test_a_ball_wider_than_the_hand_has_no_pair() -> None:
    pairs = _find(_sphere(0.065))
    assert len(pairs) == 0
    assert pairs.axis_o.shape == (0, 3)


@pytest.mark.parametrize(("angle_deg", "has_pairs"), [(28.0, True), (36.0, False)])
def test_faces_of_a_wedge_count_up_to_32_degrees(angle_deg: float, has_pairs: bool) -> None:
    # two square plates 30 mm apart whose outward normals are angle_deg off antiparallel
    assert np.rad2deg(np.arccos(MIN_OPPOSITION)) == pytest.approx(31.8, abs=0.1)
    rng = np.random.default_rng(0)
    half = np.deg2rad(0.5 * angle_deg)
    normals = np.array([[np.cos(half), np.sin(half), 0.0], [-np.cos(half), np.sin(half), 0.0]])
    inside = np.array([[-np.sin(half), np.cos(half), 0.0], [np.sin(half), np.cos(half), 0.0]])
    side = rng.integers(2, size=COUNT)
    across, along = rng.uniform(-0.02, 0.02, (2, COUNT, 1))
    centre = np.array([[0.015, 0.0, 0.0], [-0.015, 0.0, 0.0]])[side]
    points = centre + across * inside[side] + along * np.array([0.0, 0.0, 1.0])
    pairs = _find((points.astype(np.float32), normals[side].astype(np.float32)))
    assert (len(pairs) > 0) is has_pairs


def test_same_generator_same_pairs() -> None:
    surface = _sphere(0.03)
    first, second, third = _find(surface, 5), _find(surface, 5), _find(surface, 6)
    np.testing.assert_array_equal(first.first_o, second.first_o)
    assert first.first_o.shape != third.first_o.shape or (first.first_o != third.first_o).any()
