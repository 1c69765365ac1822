"""Bodies that touch are united; faces that are there twice count once."""

from collections.abc import Callable

import numpy as np
import pytest
import trimesh

from envs.objects.meshes.bodies import apart, surface_faces
from envs.objects.meshes.repair import check_kept, cleaned, solid
from tests.envs.objects.mesh_examples import open_bowl, stacked

TURN = 2 * np.pi / 32


def cubes(*corners: tuple[int, int, int]) -> trimesh.Trimesh:
    """Cubes of 40 mm whose middles are at these multiples of their width."""
    boxes = [trimesh.creation.box([40] * 3) for _ in corners]
    for one, corner in zip(boxes, corners, strict=True):
        one.apply_translation(40 * np.array(corner))
    return trimesh.util.concatenate(boxes)


def inwards(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    mesh.invert()
    return mesh


def two_sided(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """Every face once more, the other way round, as programs write what is to be seen from both sides."""
    return trimesh.Trimesh(mesh.vertices, np.concatenate([mesh.faces, mesh.faces[:, ::-1]]), process=False)


def metres(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    return mesh.copy().apply_scale(0.001)


def prism_area(sections: int) -> float:
    """Of a regular polygon in a circle of 20 mm: n / 2 r^2 sin(2 pi / n), square metres."""
    return sections / 2 * 0.02**2 * np.sin(2 * np.pi / sections)


@pytest.mark.parametrize("wind", [lambda mesh: mesh, inwards], ids=["outwards", "inwards"])
@pytest.mark.parametrize(
    ("make", "volume", "extents"),
    [
        (lambda: stacked(6), 0.08 * prism_area(6), None),
        (lambda: stacked(32), 0.08 * prism_area(32), [40, 40, 80]),
        # other triangles in the upper cap than in the lower
        (lambda: stacked(32, 3 * TURN), 0.08 * prism_area(32), [40, 40, 80]),
        (lambda: stacked(32, radius=10), 0.04 * 1.25 * prism_area(32), [40, 40, 80]),
        (lambda: cubes((0, 0, 0), (1, 0, 0)), 2 * 0.04**3, [80, 40, 40]),
        (lambda: cubes((0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0)), 4 * 0.04**3, [80, 80, 40]),
        # edge to edge and corner to corner, as on a chequered board
        (lambda: cubes((0, 0, 0), (1, 1, 0), (1, 0, 1), (0, 1, 1)), 4 * 0.04**3, [80, 80, 80]),
    ],
)
def test_bodies_that_touch_are_one_solid(
    make: Callable[[], trimesh.Trimesh],
    volume: float,
    extents: list[float] | None,
    wind: Callable[..., trimesh.Trimesh],
) -> None:
    raw = metres(wind(make()))
    surface = solid(cleaned(raw))
    check_kept(raw, surface)
    assert surface.metadata["num_walls"] == 0
    assert surface.volume == pytest.approx(volume, rel=1e-6)
    assert extents is None or 1e3 * surface.extents == pytest.approx(extents, abs=0.1)


def test_bodies_that_share_a_side_stay_convex_parts() -> None:
    """They are the pieces then, and nothing has to be decomposed."""
    parts = cleaned(metres(cubes((0, 0, 0), (1, 0, 0), (1, 1, 0)))).split(only_watertight=False)
    assert [part.is_watertight and part.is_convex for part in parts] == [True] * 3


def test_a_sheet_with_two_sides_is_one_wall() -> None:
    once, twice = (solid(cleaned(metres(mesh))) for mesh in (open_bowl(), two_sided(open_bowl())))
    assert twice.volume == pytest.approx(once.volume, rel=1e-9)
    assert twice.metadata["num_walls"] == 1


def test_a_closed_surface_with_two_sides_is_a_solid() -> None:
    ball = metres(trimesh.creation.icosphere(subdivisions=2, radius=30))
    assert solid(cleaned(two_sided(ball))).volume == pytest.approx(ball.volume, rel=1e-9)


def test_of_faces_wound_alike_one_is_kept() -> None:
    assert surface_faces(np.array([[0, 1, 2], [1, 2, 0], [2, 3, 0]])).tolist() == [True, False, True]


def test_a_flag_on_a_box_is_kept() -> None:
    """Two-sided faces with a border of their own are a sheet, not a wall between two bodies."""
    box = trimesh.creation.box([40] * 3)
    corners = [[20, -20, -20], [20, 20, -20], [50, 20, 0], [50, -20, 0]]
    flag = two_sided(trimesh.Trimesh(corners, [[0, 1, 2], [0, 2, 3]], process=False))
    surface = solid(cleaned(metres(trimesh.util.concatenate([box, flag]))))
    assert surface.metadata["num_walls"] == 1
    assert 1e3 * surface.extents[0] == pytest.approx(70, abs=2)


def test_surfaces_without_such_edges_stay_as_they_are() -> None:
    ball = trimesh.creation.icosphere(subdivisions=2)
    assert apart(ball) is ball


def test_closed_bodies_that_would_become_walls_are_refused() -> None:
    """Faces of one of them are wound both ways: at the rim that both have nobody can tell what belongs together."""
    both = stacked(32, 3 * TURN)
    faces = np.array(both.faces)
    faces[:64] = faces[:64, ::-1]
    raw = metres(trimesh.Trimesh(both.vertices, faces, process=False))
    surface = solid(cleaned(raw))
    with pytest.raises(ValueError, match=r"closed and encloses \d+.* ml, of which .* are left: more than two faces"):
        check_kept(raw, surface)
