"""Faces that meet without sharing their edges are a solid, not a sheet that gets a wall."""

import numpy as np
import pytest
import trimesh

from envs.objects.meshes.junctions import without_seams
from envs.objects.meshes.polygons import PolygonMesh, triangles
from envs.objects.meshes.repair import cleaned, solid
from tests.envs.objects.mesh_examples import open_bowl

CORNERS = np.array([[x, y, z] for x in (0.0, 0.06) for y in (0.0, 0.04) for z in (0.0, 0.03)])
SIDES = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
VOLUME = 0.06 * 0.04 * 0.03


def mesh_of(vertices: np.ndarray, faces: list[list[int]]) -> trimesh.Trimesh:
    sizes = np.array([len(face) for face in faces])
    mesh = PolygonMesh(np.asarray(vertices, dtype=np.float64), np.concatenate(faces), sizes)
    return trimesh.Trimesh(mesh.vertices, triangles(mesh), process=False)


def one_vertex_more() -> trimesh.Trimesh:
    """A block of which one side has a vertex in the middle of an edge that its neighbour does not have."""
    vertices = np.vstack([CORNERS, (CORNERS[0] + CORNERS[2]) / 2])
    return mesh_of(vertices, [[0, 1, 3, 2, 8], *SIDES[1:]])


def several_on_two_edges() -> trimesh.Trimesh:
    along = [CORNERS[0] + share * (CORNERS[2] - CORNERS[0]) for share in (0.2, 0.5, 0.7)]
    vertices = np.vstack([CORNERS, along, CORNERS[2] + 0.4 * (CORNERS[6] - CORNERS[2])])
    return mesh_of(vertices, [[0, 1, 3, 2, 10, 9, 8], SIDES[1], SIDES[2], [2, 3, 7, 6, 11], SIDES[4], SIDES[5]])


def fine_side(count: int = 10) -> trimesh.Trimesh:
    """A block of which one side is a grid of squares."""
    vertices, place = list(map(list, CORNERS)), {}
    for row in range(count + 1):
        for column in range(count + 1):
            place[row, column] = len(vertices)
            vertices.append([0.0, 0.04 * row / count, 0.03 * column / count])
    squares = [
        [place[row, column], place[row, column + 1], place[row + 1, column + 1], place[row + 1, column]]
        for row in range(count)
        for column in range(count)
    ]
    return mesh_of(np.array(vertices), [*squares, *SIDES[1:]])


@pytest.mark.parametrize("make", [one_vertex_more, several_on_two_edges, fine_side])
def test_seams_are_closed(make: object) -> None:
    mesh = make()  # type: ignore[operator]
    assert not mesh.is_watertight
    body = solid(cleaned(mesh))
    assert body.volume == pytest.approx(VOLUME, rel=1e-6)
    assert body.area == pytest.approx(2 * (0.06 * 0.04 + 0.06 * 0.03 + 0.04 * 0.03), rel=1e-6)


def test_open_surfaces_stay_as_they_are() -> None:
    sheet = open_bowl()
    assert without_seams(sheet) is sheet


def test_closed_surfaces_stay_as_they_are() -> None:
    block = mesh_of(CORNERS, SIDES)
    assert without_seams(block) is block


def test_vertices_beside_an_edge_are_not_joined_to_it() -> None:
    """A slit of a tenth of a millimetre is one: nothing is moved."""
    vertices = np.vstack([CORNERS, (CORNERS[0] + CORNERS[2]) / 2 + [0.0, 0.0, 1e-4]])
    slit = mesh_of(vertices, [[0, 1, 3, 2, 8], *SIDES[1:]])
    assert without_seams(slit) is slit
