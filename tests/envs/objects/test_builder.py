import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
import trimesh
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from envs.objects.builder import OBJECT_MASS, make_object, parse_object_name, unite
from envs.objects.families.solids import MAX_PIECE_VERTICES, box
from envs.objects.grasp_object import GraspObject

NUM_DRAWS = 5000


def fingerprint(grasp_object: GraspObject) -> str:
    digest = hashlib.sha256()
    arrays: list[np.ndarray] = [grasp_object.vertices, grasp_object.faces, grasp_object.inertia]
    arrays += [
        grasp_object.rest_poses,
        grasp_object.points,
        grasp_object.normals,
        grasp_object.cloud_index,
        *grasp_object.pieces,
    ]
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def outside_distance(points: np.ndarray, pieces: tuple[np.ndarray, ...]) -> np.ndarray:
    """Metres by which each point (N, 3) is outside of the piece nearest to it; negative inside."""
    equations = [ConvexHull(piece).equations for piece in pieces]
    return np.min([(points @ e[:, :3].T + e[:, 3]).max(axis=1) for e in equations], axis=0)


def test_mesh_is_a_watertight_body_around_its_centre_of_mass(grasp_object: GraspObject) -> None:
    mesh = trimesh.Trimesh(grasp_object.vertices, grasp_object.faces, process=False)
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.volume > 1e-6  # 1 ml
    np.testing.assert_allclose(mesh.center_mass, 0.0, atol=1e-6)


def test_inertia_is_that_of_the_mesh_at_uniform_density(grasp_object: GraspObject) -> None:
    mesh = trimesh.Trimesh(grasp_object.vertices, grasp_object.faces, process=False)
    mesh.density = OBJECT_MASS / mesh.volume
    assert grasp_object.mass == OBJECT_MASS
    np.testing.assert_allclose(grasp_object.inertia, mesh.moment_inertia, rtol=1e-6, atol=1e-12)
    principal = np.linalg.eigvalsh(grasp_object.inertia)
    assert principal[0] > 0
    assert principal[0] + principal[1] > principal[2]  # holds for every body


def test_pieces_are_few_convex_and_thick_enough(grasp_object: GraspObject) -> None:
    assert len(grasp_object.pieces) <= 20
    for piece in grasp_object.pieces:
        hull = ConvexHull(piece)
        assert len(piece) <= MAX_PIECE_VERTICES
        assert len(hull.vertices) == len(piece)  # no corner inside the hull of the others
        assert min(np.ptp(piece @ normal) for normal in hull.equations[:, :3]) > 0.0025


def test_union_of_pieces_is_the_mesh(grasp_object: GraspObject) -> None:
    # No surface point outside of all pieces, none deep inside one; 10 um allow for float32 points and seams.
    distance = outside_distance(grasp_object.points.astype(float), grasp_object.pieces)
    assert np.abs(distance).max() < 1e-5
    mesh = trimesh.Trimesh(grasp_object.vertices, grasp_object.faces, process=False)
    rng = np.random.default_rng(0)
    low, high = grasp_object.vertices.min(axis=0), grasp_object.vertices.max(axis=0)
    inside = outside_distance(rng.uniform(low, high, (NUM_DRAWS, 3)), grasp_object.pieces) < 0
    estimate, box_volume = inside.mean() * np.prod(high - low), np.prod(high - low)
    # Monte Carlo: five standard errors of a share of NUM_DRAWS draws.
    assert estimate == pytest.approx(mesh.volume, abs=5 * 0.5 / np.sqrt(NUM_DRAWS) * box_volume)


def test_surface_points_lie_on_the_mesh_with_outward_unit_normals(grasp_object: GraspObject) -> None:
    assert grasp_object.points.shape == grasp_object.normals.shape == (4096, 3)
    assert grasp_object.points.dtype == grasp_object.normals.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(grasp_object.normals, axis=1), 1.0, atol=1e-5)
    # A step of 0.05 mm along the normal leaves the body, a step back enters it, but for points within a step of a seam.
    step = 5e-5 * grasp_object.normals.astype(float)
    points = grasp_object.points.astype(float)
    assert np.mean(outside_distance(points + step, grasp_object.pieces) > 0) > 0.97
    assert np.mean(outside_distance(points - step, grasp_object.pieces) < 0) > 0.97


def test_cloud_is_the_farthest_point_subset(grasp_object: GraspObject) -> None:
    assert grasp_object.cloud.shape == (1024, 3)
    assert grasp_object.cloud_index[0] == 0
    assert len(np.unique(grasp_object.cloud_index)) == 1024


def test_rest_poses_stand_on_the_table_in_balance(grasp_object: GraspObject) -> None:
    assert grasp_object.rest_probabilities.sum() == pytest.approx(1.0)
    assert len(grasp_object.rest_poses) == len(grasp_object.rest_probabilities) >= 1
    for pose in grasp_object.rest_poses:
        assert np.linalg.norm(pose[3:]) == pytest.approx(1.0, abs=1e-12)
        np.testing.assert_array_equal(pose[:2], 0.0)
        turn = Rotation.from_quat(pose[3:], scalar_first=True)
        vertices_w = turn.apply(grasp_object.vertices) + pose[:3]
        assert vertices_w[:, 2].min() == pytest.approx(0.0, abs=1e-12)
        support = ConvexHull(vertices_w[vertices_w[:, 2] < 1e-6, :2])
        # The centre of mass is the origin: all lines of the support polygon have it on their inner side.
        assert support.equations[:, 2].max() < 0
        touching = [piece for piece in grasp_object.pieces if turn.apply(piece)[:, 2].min() + pose[2] < 1e-4]
        assert len(touching) <= 8  # every touching piece costs the simulator up to four contacts


def test_object_fits_a_hand(grasp_object: GraspObject) -> None:
    assert grasp_object.extents.max() < 0.25
    assert grasp_object.extents.min() < 0.105


@pytest.mark.parametrize("family", ["mug", "ball", "banana"])
def test_same_seed_gives_the_same_object(family: str) -> None:
    assert fingerprint(make_object(family, 3)) == fingerprint(make_object(family, 3))
    assert fingerprint(make_object(family, 3)) != fingerprint(make_object(family, 4))


def test_object_is_the_same_in_another_process() -> None:
    code = (
        "from tests.envs.objects.test_builder import fingerprint, make_object; "
        "import sys; sys.stdout.write(fingerprint(make_object('mug', 3)))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "1234"}
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert other.stdout == fingerprint(make_object("mug", 3))


def test_unknown_family_names_those_that_exist() -> None:
    with pytest.raises(ValueError, match=r"object family 'teapot' is unknown; available: ball, banana, basket"):
        make_object("teapot", 0)


def test_seed_outside_the_names_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"object seed 100000 of family 'mug' is out of range; allowed: 0 to 99999"):
        make_object("mug", 100_000)
    with pytest.raises(ValueError, match=r"object seed -1 "):
        make_object("mug", -1)


def test_overlapping_boxes_unite_to_their_joint_volume() -> None:
    # Two unit cubes that share half of their volume: 1 + 1 - 0.5.
    assert unite([box((1, 1, 1)), box((1, 1, 1), (0.5, 0, 0))]).volume == pytest.approx(1.5)


def test_separate_pieces_are_refused() -> None:
    with pytest.raises(ValueError, match=r"2 convex pieces unite to 2 bodies, watertight: True; expected one"):
        unite([box((1, 1, 1)), box((1, 1, 1), (3, 0, 0))])


def test_object_name_spells_family_and_seed() -> None:
    spelt = parse_object_name("wine_glass_00012")
    assert (spelt.family, spelt.seed) == ("wine_glass", 12)


@pytest.mark.parametrize("name", ["mug", "mug_12", "mug_000123", "00012", ""])
def test_malformed_object_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=rf"object name '{name}' is malformed; expected FAMILY_SEED"):
        parse_object_name(name)
