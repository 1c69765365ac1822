import numpy as np
import pytest
import trimesh

from envs.objects.meshes.closedness import is_closed, num_double
from envs.objects.meshes.repair import cleaned, solid
from envs.objects.meshes.soundness import check_sides, winding_number, wrong_share
from tests.envs.objects.mesh_examples import U_CORNERS, block, open_bowl, prism


def fanned(first: int) -> trimesh.Trimesh:
    """The U with caps that are fans from one corner, as readers make them that take every face for convex."""
    vertices, faces = prism(U_CORNERS[first:] + U_CORNERS[:first])
    rows = [(face[0], face[k], face[k + 1]) for face in faces for k in range(1, len(face) - 1)]
    return trimesh.Trimesh(0.001 * np.array(vertices), rows, process=False)


def test_the_winding_number_is_one_inside_and_zero_outside() -> None:
    ball = trimesh.creation.icosphere(subdivisions=2, radius=1.0)
    points = np.array([[0.0, 0.0, 0.0], [0.0, 0.9, 0.0], [0.0, 1.01, 0.0], [5.0, 5.0, 5.0]])
    np.testing.assert_allclose(winding_number(points, ball.vertices, ball.faces), [1, 1, 0, 0], atol=1e-9)
    np.testing.assert_allclose(winding_number(points, ball.vertices, ball.faces[:, ::-1]), [-1, -1, 0, 0], atol=1e-9)


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_a_simple_body_has_air_outside_and_itself_inside(offset: float) -> None:
    mesh = block(0.06)
    mesh.apply_translation([offset, 0, 0])
    assert wrong_share(mesh) == 0.0


@pytest.mark.parametrize("first", [0, 2])
def test_folded_caps_are_refused_though_the_mesh_is_closed(first: int) -> None:
    mesh = fanned(first)
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(67.5e-6)
    with pytest.raises(ValueError, match=r"\d+ % of the surface overlaps itself: .*Remesh"):
        solid(cleaned(mesh))


def test_a_surface_that_runs_through_itself_is_refused() -> None:
    # A square tube bent into a spiral of two turns that share their middle: welded at both ends, one body.
    angles = np.linspace(0, 4 * np.pi, 49)
    centre = np.stack([0.03 * np.cos(angles), 0.03 * np.sin(angles), 0.004 * angles / np.pi], axis=1)
    ring = 0.01 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    outwards = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    vertices = (centre[:, None] + ring[None, :, :1] * outwards[:, None] + ring[None, :, 1:] * np.eye(3)[2]).reshape(
        -1, 3
    )
    quads = [
        (4 * k + j, 4 * k + (j + 1) % 4, 4 * k + 4 + (j + 1) % 4, 4 * k + 4 + j) for k in range(48) for j in range(4)
    ]
    quads += [(3, 2, 1, 0), (192, 193, 194, 195)]
    rows = [triangle for a, b, c, d in quads for triangle in ((a, b, c), (a, c, d))]
    mesh = trimesh.Trimesh(vertices, rows, process=False)
    assert mesh.is_watertight
    with pytest.raises(ValueError, match="overlaps itself"):
        solid(cleaned(mesh))


def test_an_open_surface_made_a_wall_is_sound() -> None:
    check_sides(solid(cleaned(open_bowl().apply_scale(0.001))))


def test_closed_is_told_by_places_and_not_by_indices() -> None:
    mesh = block()
    loose = mesh.triangles.reshape(-1, 3)
    faces = np.arange(36).reshape(-1, 3)
    assert is_closed(loose, faces)
    assert not is_closed(loose, faces[:-1])
    assert num_double(loose, np.concatenate([faces, faces[:2, ::-1]])) == 2
