"""Lost faces are filled; openings are not."""

import numpy as np
import pytest
import trimesh

from envs.objects.meshes.holes import MAX_SHARE, without_small_holes
from envs.objects.meshes.mesh_object import WALLS, make_mesh_object
from envs.objects.meshes.mesh_settings import MeshSettings

MM = MeshSettings("unused", unit="mm", threshold=0.5, max_pieces=4)


def ball_without_top(num_lost: int) -> trimesh.Trimesh:
    ball = trimesh.creation.icosphere(subdivisions=3, radius=30)
    ball.update_faces(np.argsort(np.argsort(-ball.triangles_center[:, 2])) >= num_lost)
    ball.remove_unreferenced_vertices()
    return ball


def test_a_ball_that_lost_some_faces_is_a_ball(tmp_path) -> None:
    whole = trimesh.creation.icosphere(subdivisions=3, radius=30)
    ball = ball_without_top(12)  # of 1,280
    ball.export(tmp_path / "ball.ply")
    thing = make_mesh_object(tmp_path / "ball.ply", "mesh_ball", "mesh", MM)
    assert WALLS not in thing.parameters
    volume = trimesh.Trimesh(thing.vertices, thing.faces).volume
    assert 1e9 * volume == pytest.approx(whole.volume, rel=1e-3)


def test_an_opening_stays_and_its_wall_is_told(tmp_path) -> None:
    pytest.importorskip("coacd")
    ball_without_top(400).export(tmp_path / "bowl.ply")
    thing = make_mesh_object(tmp_path / "bowl.ply", "mesh_bowl", "mesh", MM)
    assert thing.parameters[WALLS] == 1


def test_holes_up_to_a_share_of_the_surface_are_filled() -> None:
    whole = trimesh.creation.icosphere(subdivisions=3, radius=30).area
    filled = [n for n in range(1, 60) if without_small_holes(ball_without_top(n)).is_watertight]
    assert filled == list(range(1, len(filled) + 1))
    # faces are of about one size, and the plane over a shallow hole is a little less than what is lost
    assert len(filled) == pytest.approx(MAX_SHARE * 1280, abs=4)
    assert without_small_holes(ball_without_top(12)).area == pytest.approx(whole, rel=0.01)


def test_new_faces_are_wound_as_those_beside_them() -> None:
    filled = without_small_holes(ball_without_top(12))
    assert filled.is_winding_consistent
    assert filled.volume > 0


def test_holes_that_touch_are_two() -> None:
    ball = trimesh.creation.icosphere(subdivisions=2, radius=0.03)
    corner = ball.faces[0][0]
    beside = np.flatnonzero((ball.faces == corner).any(axis=1))
    first = beside[0]
    second = next(face for face in beside if len(set(ball.faces[first]) & set(ball.faces[face])) == 1)
    whole = ball.volume
    ball.update_faces(~np.isin(np.arange(len(ball.faces)), [first, second]))
    filled = without_small_holes(ball)
    assert len(filled.faces) == 320 - 2 + 2 * 3  # three faces in each
    assert filled.is_watertight
    assert filled.volume == pytest.approx(whole, rel=1e-9)


def test_a_way_that_leads_nowhere_is_no_rim() -> None:
    """Faces that are wound against one another have no way round the hole between them."""
    strip = trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], [[0, 1, 2], [1, 2, 3]], process=False)
    assert without_small_holes(strip) is strip
