import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from envs.objects.families.solids import box, circle, lathe
from envs.objects.rest_poses import find_rest_poses


def test_cube_rests_on_each_face_alike() -> None:
    rest = find_rest_poses(box((0.05, 0.05, 0.05)))
    np.testing.assert_allclose(rest.probabilities, 1 / 6)
    np.testing.assert_allclose(rest.poses[:, 2], 0.025)
    down_o = Rotation.from_quat(rest.poses[:, 3:], scalar_first=True).inv().apply([0, 0, -1])
    np.testing.assert_allclose(sorted(down_o.round(9).tolist()), sorted(np.vstack([np.eye(3), -np.eye(3)]).tolist()))


def test_probability_is_the_solid_angle_of_the_face() -> None:
    # A face 2a x 2b at distance d fills 4 arctan(a b / (d sqrt(a^2 + b^2 + d^2))) of 4 pi (closed form).
    half = np.array([0.03, 0.04, 0.05])
    rest = find_rest_poses(box(2 * half))
    root = np.linalg.norm(half)
    shares = [np.arctan(half[(k + 1) % 3] * half[(k + 2) % 3] / (half[k] * root)) / np.pi for k in range(3)]
    np.testing.assert_allclose(rest.probabilities, sorted(np.repeat(shares, 2), reverse=True), rtol=1e-9)
    np.testing.assert_allclose(rest.poses[:, 2], np.repeat(half, 2), rtol=1e-9)


def test_cylinder_has_one_lying_pose_and_two_standing_ones() -> None:
    (can,) = lathe([(0.03, -0.03), (0.03, 0.03)], sectors=30)
    rest = find_rest_poses(can)
    np.testing.assert_allclose(sorted(rest.poses[:, 2]), [0.03 * np.cos(np.pi / 30), 0.03, 0.03])
    # Seen from the middle a cap of half angle 45 deg fills (1 - cos 45 deg) / 2 = 0.146 (30-gon: a little less).
    assert rest.probabilities[0] == pytest.approx(1 - 2 * 0.146, abs=0.01)


def test_thin_plate_does_not_stand_on_its_edge() -> None:
    rest = find_rest_poses(box((0.10, 0.15, 0.012)))
    np.testing.assert_allclose(rest.poses[:, 2], 0.006)
    # The four edges fill 9 %, which all falls on one of two equal sides: 0.5 + 0.045.
    np.testing.assert_allclose(rest.probabilities, 0.5, atol=0.05)


def test_face_that_does_not_carry_the_centre_of_mass_passes_its_share_on() -> None:
    # Prism whose centre of mass (the origin) lies outside above its small lower face: it tips onto a slanting side.
    outline = np.array([[0.03, -0.05], [0.05, -0.05], [0.02, 0.05], [-0.05, 0.05], [-0.05, 0.02]])
    vertices = np.array([(x, y, z) for x, z in outline for y in (-0.04, 0.04)])
    rest = find_rest_poses(vertices)
    down_o = Rotation.from_quat(rest.poses[:, 3:], scalar_first=True).inv().apply([0, 0, -1])
    assert not np.any(down_o @ np.array([0, 0, -1]) > 0.999)
    slanting = np.array([-0.07, 0.0, -0.08]) / np.hypot(0.07, 0.08)
    assert np.any(down_o @ slanting > 0.999)
    assert rest.probabilities.sum() == pytest.approx(1.0)


def test_ball_has_one_rest_pose() -> None:
    latitudes = np.linspace(-1.5, 1.5, 12)
    pieces = lathe([(0.04 * float(np.cos(a)), 0.04 * float(np.sin(a))) for a in latitudes])
    rest = find_rest_poses(np.concatenate(pieces))
    assert len(rest.poses) == 1
    assert rest.probabilities[0] == 1.0


def test_pose_upside_down_is_a_half_turn() -> None:
    # A cone on its tip: its wide top, 0.01 above the origin, can carry it.
    ring = np.column_stack([0.05 * circle(24), np.full(24, 0.01)])
    rest = find_rest_poses(np.vstack([ring, [[0.0, 0.0, -0.03]]]))
    (upturned,) = rest.poses[np.isclose(rest.poses[:, 2], 0.01)]
    vertices_w = Rotation.from_quat(upturned[3:], scalar_first=True).apply(ring)
    np.testing.assert_allclose(vertices_w[:, 2], -0.01, atol=1e-12)
