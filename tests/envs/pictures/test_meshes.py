"""Normals, creases and small shapes."""

import numpy as np
import pytest
import trimesh

from envs.pictures.meshes import arrow, balls, coloured, corner_normals, joined

RED = (1.0, 0.0, 0.0)


def face_normals(corners: np.ndarray) -> np.ndarray:
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def test_edges_of_a_box_stay_sharp() -> None:
    box = trimesh.creation.box()
    normals = corner_normals(np.asarray(box.vertices), np.asarray(box.faces))
    np.testing.assert_allclose(normals, np.repeat(box.face_normals[:, None], 3, axis=1), atol=1e-12)


def test_a_sphere_is_smooth() -> None:
    sphere = trimesh.creation.icosphere(subdivisions=3)
    normals = corner_normals(np.asarray(sphere.vertices), np.asarray(sphere.faces))
    # on a unit sphere the normal is the position; area weights on an uneven grid are off by about a degree
    np.testing.assert_allclose(normals, sphere.vertices[sphere.faces], atol=0.03)


def test_crease_angle_decides() -> None:
    # faces of a regular hexagonal prism meet at 60 degrees
    prism = trimesh.creation.cylinder(1.0, 2.0, sections=6)
    vertices, faces = np.asarray(prism.vertices), np.asarray(prism.faces)
    sharp = corner_normals(vertices, faces, crease=np.radians(50.0))
    smooth = corner_normals(vertices, faces, crease=np.radians(70.0))
    np.testing.assert_allclose(sharp, np.repeat(prism.face_normals[:, None], 3, axis=1), atol=1e-9)
    assert np.abs(smooth - sharp).max() > 0.2


def test_moving_turns_the_normals_along() -> None:
    mesh = coloured(*_triangle(), RED)
    quarter_turn_about_x = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    moved = mesh.moved(quarter_turn_about_x, np.array([0.0, 0.0, 5.0]))
    np.testing.assert_allclose(mesh.normals[0], np.tile([0.0, 0.0, 1.0], (3, 1)))
    np.testing.assert_allclose(moved.normals[0], np.tile([0.0, -1.0, 0.0], (3, 1)), atol=1e-12)
    np.testing.assert_allclose(moved.corners[0, 2], [0.0, 0.0, 6.0])


def test_joined_meshes_keep_their_colours() -> None:
    both = joined([coloured(*_triangle(), RED), coloured(*_triangle(), (0.0, 1.0, 0.0))])
    np.testing.assert_array_equal(both.colours, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def test_balls_face_outwards() -> None:
    centres = np.array([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]])
    mesh = balls(centres, 0.1, RED)
    assert mesh.corners.shape == (40, 3, 3)
    from_centre = mesh.corners.mean(axis=1) - np.repeat(centres, 20, axis=0)
    assert (np.einsum("fc,fc->f", face_normals(mesh.corners), from_centre) > 0).all()
    np.testing.assert_allclose(np.linalg.norm(mesh.corners[:20], axis=-1), 0.1)


@pytest.mark.parametrize("vector", [[0.0, 0.0, 0.1], [0.05, -0.02, 0.01], [0.0, -0.001, 0.0]])
def test_arrow_reaches_from_its_start_to_its_end(vector: list[float]) -> None:
    start = np.array([1.0, 1.0, 1.0])
    mesh = arrow(start, vector, 0.002, RED)
    assert mesh is not None
    unit = np.array(vector) / np.linalg.norm(vector)
    along = (mesh.corners - start).reshape(-1, 3) @ unit
    assert along.min() == pytest.approx(0.0, abs=1e-12)
    assert along.max() == pytest.approx(np.linalg.norm(vector))
    # a closed surface that faces outwards has a positive volume: sum of a . (b x c) / 6
    a, b, c = (mesh.corners - start).transpose(1, 0, 2)
    assert np.einsum("fc,fc->", a, np.cross(b, c)) > 0


def test_arrow_without_length_is_none() -> None:
    assert arrow(np.zeros(3), np.zeros(3), 0.002, RED) is None


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(ValueError, match=r"mesh has vertices \(3, 2\) and faces \(1, 3\), expected \(V, 3\)"):
        coloured(np.zeros((3, 2)), [[0, 1, 2]], RED)


def test_face_of_a_missing_vertex_is_named() -> None:
    with pytest.raises(ValueError, match="mesh face names vertex 3, expected 0 to 2"):
        coloured(np.zeros((3, 3)), [[0, 1, 3]], RED)


def _triangle() -> tuple[np.ndarray, np.ndarray]:
    return np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), np.array([[0, 1, 2]])
