"""Numbers of a shape: by hand calculation, the same for the same solid, others for every change of it."""

from dataclasses import replace

import numpy as np
import pytest
import trimesh

from envs.objects.builder import complete_object, make_object
from envs.objects.grasp_object import GraspObject
from envs.objects.shapes import UNIT, are_same_shapes, shape_digest, shape_digests, shape_in_words


def solid(mesh: trimesh.Trimesh, pieces: list[np.ndarray] | None = None) -> GraspObject:
    """The object of a mesh, metres, about its centre of mass."""
    mesh = trimesh.Trimesh(mesh.vertices - mesh.center_mass, mesh.faces, process=False)
    parts = [np.asarray(mesh.vertices)] if pieces is None else pieces
    made = {"name": "one", "family": "mesh", "seed": 0, "parameters": {}, "standing": np.asarray(mesh.vertices)}
    return complete_object(mesh, parts, np.random.default_rng(0), **made)  # type: ignore[arg-type]


def wedge(turn: float = 0.0, mirrored: bool = False, scale: float = 1.0) -> trimesh.Trimesh:
    """A prism over a right triangle: without any symmetry but that about its middle."""
    corners = np.array([[0, 0], [0.06, 0], [0, 0.04]]) * [-1 if mirrored else 1, 1]
    mesh = trimesh.creation.extrude_triangulation(corners, np.array([[0, 1, 2]]), 0.05)
    trimesh.repair.fix_normals(mesh)
    mesh.apply_transform(trimesh.transformations.rotation_matrix(turn, [0, 0, 1]))
    mesh.apply_scale(scale)
    return mesh


def same(first: GraspObject, second: GraspObject) -> bool:
    return bool(are_same_shapes(shape_digests([first]), shape_digests([second]))[0])


def test_numbers_of_a_box_by_hand() -> None:
    digest = UNIT * shape_digest(solid(trimesh.creation.box((0.06, 0.04, 0.02))))
    np.testing.assert_allclose(digest[:6], [-0.03, -0.02, -0.01, 0.03, 0.02, 0.01], atol=UNIT)
    # volume 48 ml; surface 2 (24 + 12 + 8) cm^2 = 88 cm^2; second moments a^2 / 12 over the root of their sum
    np.testing.assert_allclose(digest[6:8], [np.cbrt(48e-6), np.sqrt(88e-4 / 6)], atol=UNIT)
    squares = np.array([0.06, 0.04, 0.02]) ** 2 / 12
    np.testing.assert_allclose(digest[[8, 11, 13]], squares / np.sqrt(squares.sum()), atol=UNIT)
    np.testing.assert_allclose(digest[[9, 10, 12]], 0.0, atol=UNIT)
    assert (
        shape_in_words(shape_digest(solid(trimesh.creation.box((0.06, 0.04, 0.02))))) == "60.0 x 40.0 x 20.0 mm, 48 ml"
    )


def test_faces_divided_otherwise_make_no_difference() -> None:
    fine = wedge().subdivide().subdivide()
    shuffled = trimesh.Trimesh(fine.vertices, fine.faces[::-1], process=False)
    assert same(solid(wedge()), solid(shuffled))


def test_the_last_bits_make_no_difference() -> None:
    mesh = wedge()
    noisy = trimesh.Trimesh(mesh.vertices.astype(np.float32) * (1 + 1e-6), mesh.faces, process=False)
    assert same(solid(mesh), solid(noisy))


@pytest.mark.parametrize(
    "other",
    [
        wedge(scale=1.01),
        wedge(turn=0.05),
        wedge(turn=np.pi),
        wedge(mirrored=True),
        trimesh.creation.box((0.06, 0.04, 0.05)),
    ],
    ids=["larger", "turned", "turned by half", "mirrored", "box"],
)
def test_another_shape_size_or_frame_is_told(other: trimesh.Trimesh) -> None:
    assert not same(solid(wedge()), solid(other))


def test_a_sphere_is_no_cube_of_its_size() -> None:
    assert not same(solid(trimesh.creation.box((0.06,) * 3)), solid(trimesh.creation.icosphere(radius=0.03)))


def test_other_convex_pieces_are_told() -> None:
    """A bowl that collides as its hull is another object for a hand."""
    mug = make_object("mug", 0)
    hull = np.asarray(trimesh.convex.convex_hull(np.concatenate(mug.pieces)).vertices)
    assert len(mug.pieces) > 1
    assert not same(mug, replace(mug, pieces=(hull,)))
