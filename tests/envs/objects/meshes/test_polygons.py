import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from envs.objects.meshes.polygons import PolygonMesh, triangles
from tests.envs.objects.mesh_examples import L_CORNERS, U_CORNERS, Polygons, prism


def as_read(polygons: Polygons) -> PolygonMesh:
    vertices, faces = polygons
    return PolygonMesh(
        np.array(vertices, dtype=float),
        np.concatenate([np.array(face) for face in faces]),
        np.array([*map(len, faces)]),
    )


def as_mesh(polygons: Polygons) -> trimesh.Trimesh:
    read = as_read(polygons)
    return trimesh.Trimesh(read.vertices, triangles(read), process=False)


def one_face(*points: tuple[float, float, float]) -> PolygonMesh:
    return PolygonMesh(np.array(points, dtype=float), np.arange(len(points)), np.array([len(points)]))


@pytest.mark.parametrize("first", range(8))
@pytest.mark.parametrize("corners", [L_CORNERS, U_CORNERS], ids=["L", "U"])
def test_a_concave_prism_has_its_area_and_volume_wherever_its_corners_begin(
    corners: list[tuple[float, float]], first: int
) -> None:
    mesh = as_mesh(prism(corners[first:] + corners[:first]))
    # Caps and sides: 2 * 2,000 + 240 * 30 and 2 * 2,250 + 330 * 30.
    area, volume = (11_200, 60_000) if corners is L_CORNERS else (14_400, 67_500)
    assert mesh.area == pytest.approx(area)
    assert mesh.volume == pytest.approx(volume)
    assert mesh.is_watertight


def test_the_plane_of_a_face_may_lie_anyhow() -> None:
    vertices, faces = prism(U_CORNERS)
    turned = np.array(vertices) @ Rotation.from_rotvec([0.3, 0.7, 0.1]).as_matrix().T + 1e3
    assert as_mesh((list(map(tuple, turned)), faces)).area == pytest.approx(14_400)


def test_faces_of_every_size_come_in_their_order() -> None:
    vertices = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0.5, 0.2, 0)]
    read = as_read((vertices, [(0, 1, 2, 3), (0, 1, 2), (0, 4, 1, 2, 3), (1, 2)]))
    cut = triangles(read)
    np.testing.assert_array_equal(cut[:3], [[0, 1, 2], [0, 2, 3], [0, 1, 2]])
    a, b, c = (read.vertices[cut[3:, k]] for k in range(3))
    # The square of area 1 with a notch of 1 * 0.2 / 2: no triangle covers another, three of five corners.
    assert np.cross(b - a, c - a)[:, 2].min() > 0
    assert np.cross(b - a, c - a)[:, 2].sum() / 2 == pytest.approx(0.9)
    assert len(cut) == 6


def test_corners_on_an_edge_make_no_triangle_without_area() -> None:
    read = one_face((0, 0, 0), (1, 0, 0), (2, 0, 0), (2, 2, 0), (0, 2, 0))
    a, b, c = (read.vertices[triangles(read)[:, k]] for k in range(3))
    assert np.linalg.norm(np.cross(b - a, c - a), axis=1).min() > 0.5


@pytest.mark.parametrize(
    "points",
    [
        [(0, 0, 0), (2, 2, 0), (2, 0, 0), (0, 2, 0)],  # a figure of eight of equal halves
        [(0, 0, 0), (3, 3, 0), (3, 0, 0), (0, 2, 0)],
        [(np.cos(2.4 * np.pi * k / 3), np.sin(2.4 * np.pi * k / 3), 0) for k in range(5)],  # a star: twice round
    ],
)
def test_a_face_that_crosses_itself_is_named(points: list[tuple[float, float, float]]) -> None:
    with pytest.raises(ValueError, match=r"face 1 of \d corners crosses itself .* Triangulate Faces"):
        triangles(one_face(*points))


def test_wrong_indices_and_numbers_are_named() -> None:
    vertices = np.eye(3)
    with pytest.raises(ValueError, match=r"1 corners of faces .*: face 2 to vertex 7 of 3"):
        triangles(PolygonMesh(vertices, np.array([0, 1, 2, 0, 1, 7]), np.array([3, 3])))
    with pytest.raises(ValueError, match="1 of 3 vertices are NaN or infinite"):
        triangles(PolygonMesh(np.diag([1.0, 1.0, np.inf]), np.arange(3), np.array([3])))
