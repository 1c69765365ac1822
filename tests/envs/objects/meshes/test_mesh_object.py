import sys

import numpy as np
import pytest
import trimesh
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from envs.objects.builder import OBJECT_MASS
from envs.objects.families.solids import MAX_PIECE_VERTICES, box
from envs.objects.meshes import mesh_files, repair
from envs.objects.meshes.decomposition import check_simulable, convex_pieces, fewer_corners, merged
from envs.objects.meshes.mesh_files import load_mesh
from envs.objects.meshes.mesh_object import CENTRE, make_mesh_object, metres_per_unit
from envs.objects.meshes.mesh_settings import MeshSettings
from envs.objects.meshes.repair import cleaned, coarsened, solid
from tests.envs.objects.mesh_examples import block, cup, edge_to_edge, open_bowl, write_obj

MM = MeshSettings("unused", unit="mm")


def scaled(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """Metres."""
    return mesh.copy().apply_scale(0.001)


def pieces_of(mesh: trimesh.Trimesh) -> list[np.ndarray]:
    """Pieces of a mesh that is closed."""
    return convex_pieces(mesh, solid(mesh), threshold=0.08, max_pieces=16)


@pytest.mark.parametrize("suffix", [".obj", ".stl", ".ply", ".glb", ".off"])
def test_a_cube_of_any_format_is_the_same_object(suffix: str, tmp_path) -> None:
    path = tmp_path / f"cube{suffix}"
    mesh = block(60)
    mesh.apply_translation([500, 0, 0])
    mesh.export(path)
    thing = make_mesh_object(path, "mesh_cube", "mesh", MM)
    np.testing.assert_allclose(thing.extents, 0.06, rtol=1e-6)
    np.testing.assert_allclose(thing.vertices.mean(axis=0), 0.0, atol=1e-8)  # origin at the centre of mass
    # Cube: m a^2 / 6 about any axis.
    np.testing.assert_allclose(thing.inertia, np.eye(3) * OBJECT_MASS * 0.06**2 / 6, atol=1e-9)
    assert len(thing.pieces) == 1
    assert thing.points.shape == (4096, 3)
    assert thing.rest_poses[:, 2] == pytest.approx(0.03)
    assert (thing.name, thing.family, thing.parameters["metres_per_unit"]) == ("mesh_cube", "mesh", 0.001)
    assert [thing.parameters[name] for name in CENTRE] == pytest.approx(mesh.center_mass * 0.001)


def test_parts_of_a_scene_stay_in_place(tmp_path) -> None:
    scene = trimesh.Scene()
    scene.add_geometry(trimesh.creation.box([60, 40, 20]))
    moved = np.eye(4)
    moved[0, 3] = 50.0
    scene.add_geometry(trimesh.creation.box([50, 10, 10]), transform=moved)
    scene.export(tmp_path / "two.glb")
    thing = make_mesh_object(tmp_path / "two.glb", "mesh_two", "mesh", MM)
    # From -30 to 75 along x; the parts overlap by 5 mm.
    assert sorted(thing.extents) == pytest.approx([0.020, 0.040, 0.105])
    solid_volume = trimesh.Trimesh(thing.vertices, thing.faces).volume
    assert solid_volume == pytest.approx(60e-3 * 40e-3 * 20e-3 + 45e-3 * 10e-3 * 10e-3)
    assert len(thing.pieces) == 2  # convex parts are taken as they are


def test_a_concave_mesh_is_decomposed_and_stays_hollow(tmp_path) -> None:
    pytest.importorskip("coacd")
    cup().export(tmp_path / "cup.stl")
    thing = make_mesh_object(tmp_path / "cup.stl", "mesh_cup", "mesh", MM)
    assert 4 <= len(thing.pieces) <= MM.max_pieces
    for piece in thing.pieces:
        assert len(piece) <= MAX_PIECE_VERTICES
        assert len(ConvexHull(piece).vertices) == len(piece)
    middle = np.array([0.0, 0.0, thing.vertices[:, 2].max() - 0.02])  # in the opening
    equations = [ConvexHull(piece).equations for piece in thing.pieces]
    assert all((e[:, :3] @ middle + e[:, 3]).max() > 0.005 for e in equations)
    # Surface points are those of the mesh; pieces cover them up to the concavity that is left.
    outside = np.min([(thing.points @ e[:, :3].T + e[:, 3]).max(axis=1) for e in equations], axis=0)
    assert np.percentile(np.abs(outside), 90) < 0.004
    # It stands on its pieces, which is what the simulator knows.
    corners = np.concatenate(thing.pieces)
    for pose in thing.rest_poses:
        heights = Rotation.from_quat(pose[3:], scalar_first=True).apply(corners)[:, 2] + pose[2]
        assert heights.min() == pytest.approx(0.0, abs=1e-9)


def test_small_holes_are_filled() -> None:
    mesh = trimesh.creation.icosphere(subdivisions=3, radius=0.035)
    mesh.update_faces(np.arange(len(mesh.faces)) % 97 != 3)
    assert not mesh.is_watertight
    closed = solid(cleaned(mesh))
    assert closed.volume == pytest.approx(4 / 3 * np.pi * 0.035**3, rel=0.02)


def test_reversed_faces_are_turned_outwards() -> None:
    mesh = scaled(block())
    mesh.invert()
    closed = solid(cleaned(mesh))
    assert closed.volume == pytest.approx(0.06**3)


def test_an_open_surface_becomes_a_wall(tmp_path) -> None:
    surface = solid(cleaned(scaled(open_bowl())))
    assert surface.is_watertight
    # A sphere of 35 mm cut at 15 mm: area 2 pi r (r + 15 mm), up to where the triangles end.
    area = 2 * np.pi * 0.035 * 0.050
    assert surface.volume == pytest.approx(area * repair.WALL, rel=0.1)


def test_bodies_that_share_an_edge_are_united() -> None:
    mesh = cleaned(scaled(edge_to_edge()))
    assert mesh.is_watertight  # each has corners of its own
    assert solid(mesh).volume == pytest.approx(2 * 0.04**3)


def test_a_surface_without_sides_is_refused() -> None:
    # Moebius band: ten quads round a ring, the last joined to the first with a half turn.
    angles = np.arange(10) * 2 * np.pi / 10
    radial = np.stack([np.cos(angles), np.sin(angles), np.zeros(10)], axis=1)
    across = np.cos(angles / 2)[:, None] * radial + np.sin(angles / 2)[:, None] * np.array([0.0, 0.0, 1.0])
    vertices = np.concatenate([0.04 * radial - 0.01 * across, 0.04 * radial + 0.01 * across])
    faces = []
    for k in range(10):
        a, b, c, d = k, k + 10, (k + 1) % 10, (k + 1) % 10 + 10
        if k == 9:
            c, d = d, c
        faces += [[a, c, b], [b, c, d]]
    with pytest.raises(ValueError, match=r"a part of 20 faces is open or not a manifold and cannot be closed"):
        solid(cleaned(trimesh.Trimesh(vertices, faces, process=False)))


def test_coarsening_leaves_the_shape_within_its_tolerance() -> None:
    fine = trimesh.creation.icosphere(subdivisions=4, radius=0.03)
    coarse = coarsened(fine)
    assert coarse.is_watertight
    assert len(coarse.faces) < 0.3 * len(fine.faces)
    assert np.linalg.norm(coarse.triangles_center, axis=1).min() > 0.03 - 3 * repair.TOLERANCE


def test_a_flat_sheet_is_refused(tmp_path) -> None:
    path = write_obj(tmp_path / "sheet.obj", block().vertices[:4], np.array([[0, 1, 2], [1, 3, 2]]))
    with pytest.raises(ValueError, match=r"sheet.obj: the mesh of 2 faces encloses 0 ml, .* give it a thickness"):
        make_mesh_object(path, "mesh_sheet", "mesh", MM)


def test_vertices_that_are_not_numbers_are_counted(tmp_path) -> None:
    corners = np.array(block().vertices)
    corners[3, 1] = np.nan
    corners[5, 2] = np.inf
    path = write_obj(tmp_path / "nan.obj", corners, block().faces)
    with pytest.raises(ValueError, match=r"nan.obj: 2 of 8 vertices are NaN or infinite; open it in a mesh editor"):
        load_mesh(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.obj", b"", r"a.obj: .*the file is empty"),
        ("a.stl", b"this is not a mesh", r"a.stl: (cannot be read as .stl|no faces)"),
        ("a.glb", b"ply\nformat ascii 1.0\n", r"a.glb: cannot be read as .glb .*its first bytes are those of .ply"),
        ("a.ply", b"glTF\x02\x00\x00\x00", r"a.ply: cannot be read as .ply .*its first bytes are those of .glb"),
        ("a.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\n", r"a.obj: no faces .*at least four are needed"),
        ("a.fbx", b"x", r"a.fbx: suffix '.fbx' is not supported; allowed: .obj, .stl, .ply, .glb, .gltf, .off"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_told(name: str, content: bytes, message: str, tmp_path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load_mesh(tmp_path / name)


def test_millimetres_taken_for_metres_and_the_reverse_are_told() -> None:
    extents = np.array([80.0, 60.0, 40.0])
    with pytest.raises(ValueError, match=r"80 units wide, with unit m that is 80 m; allowed .* unit mm would fit"):
        metres_per_unit(extents, MeshSettings("x", unit="m"))
    with pytest.raises(ValueError, match=r"with unit mm that is 8e-05 m; allowed are 0.015 to 0.6 m; unit m would fit"):
        metres_per_unit(extents / 1000, MeshSettings("x", unit="mm"))


def test_size_scale_and_greatest_width_give_the_factor() -> None:
    extents = np.array([4.0, 8.0, 2.0])
    assert metres_per_unit(extents, MeshSettings("x", size=0.2)) == pytest.approx(0.025)
    assert metres_per_unit(extents, MeshSettings("x", scale=0.03)) == pytest.approx(0.03)
    assert metres_per_unit(extents, MeshSettings("x", unit="inch")) == pytest.approx(0.0254)
    # The narrowest extent, 2 units, may be 0.04 m wide: 0.02 m a unit.
    assert metres_per_unit(extents, MeshSettings("x", scale=0.03, max_width=0.04)) == pytest.approx(0.02)
    assert metres_per_unit(extents, MeshSettings("x", scale=0.01, max_width=0.04)) == pytest.approx(0.01)


def test_a_fine_mesh_is_decimated_and_keeps_its_shape() -> None:
    pytest.importorskip("fast_simplification")
    fine = trimesh.creation.icosphere(subdivisions=5, radius=0.03)
    assert len(fine.faces) == 20_480
    coarse = cleaned(fine)
    assert len(coarse.faces) <= repair.MAX_FACES
    assert coarse.extents == pytest.approx([0.06] * 3, rel=0.01)


def test_a_fine_mesh_without_the_decimating_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fast_simplification", None)
    monkeypatch.setattr(repair, "MAX_FACES", 100)
    with pytest.raises(ValueError, match=r"320 faces, allowed up to 100 without .*fast-simplification; pip install"):
        cleaned(trimesh.creation.icosphere(subdivisions=2, radius=0.03))


def test_a_mesh_of_too_many_faces_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(mesh_files, "MAX_READ_FACES", 100)
    trimesh.creation.icosphere(subdivisions=2).export(tmp_path / "fine.ply")
    with pytest.raises(ValueError, match=r"fine.ply: 320 faces, allowed up to 100; decimate the mesh"):
        load_mesh(tmp_path / "fine.ply")


def test_parts_far_apart_are_refused() -> None:
    one, other = scaled(block()), scaled(block())
    other.apply_translation([0.2, 0, 0])
    with pytest.raises(ValueError, match=r"falls into 2 groups of parts more than 5 mm apart"):
        pieces_of(trimesh.util.concatenate([one, other]))


def test_slivers_are_left_out_and_nothing_else() -> None:
    sliver = trimesh.creation.box([0.06, 0.06, 0.0001])
    both = trimesh.util.concatenate([scaled(block()), sliver])
    assert len(pieces_of(both)) == 1
    with pytest.raises(ValueError, match=r"no convex piece of the mesh is 0.3 mm thick"):
        pieces_of(sliver)


def test_pieces_that_add_least_are_merged_first() -> None:
    # Boxes in a row: 0 and 1 side by side, 2 on top of both's right end, 3 far away.
    boxes = [box((1, 1, 1)), box((1, 1, 1), (1, 0, 0)), box((1, 1, 1), (1.5, 0, 1)), box((1, 1, 1), (9, 0, 0))]
    assert [len(piece) for piece in merged(boxes, 4)] == [8, 8, 8, 8]
    two_by_one, other, far = merged(boxes, 3)
    assert ConvexHull(two_by_one).volume == pytest.approx(2.0)
    np.testing.assert_array_equal(other, boxes[2])
    assert [round(ConvexHull(piece).volume, 6) for piece in merged(boxes, 2)][1] == 1.0
    np.testing.assert_array_equal(far, boxes[3])


def test_a_fine_hull_keeps_its_volume_with_fewer_corners() -> None:
    ball = np.array(trimesh.creation.icosphere(subdivisions=4, radius=0.03).vertices)
    few = fewer_corners(ball)
    assert len(few) <= MAX_PIECE_VERTICES
    assert ConvexHull(few).volume == pytest.approx(ConvexHull(ball).volume, rel=1e-9)
    assert np.linalg.norm(few, axis=1) == pytest.approx([0.03] * len(few), rel=0.06)


def test_pieces_that_the_simulator_refuses_are_told() -> None:
    with pytest.raises(ValueError, match="MuJoCo refuses the pieces of the mesh"):
        check_simulable([np.zeros((4, 3))])


def test_missing_coacd_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "coacd", None)
    with pytest.raises(RuntimeError, match=r"needs the package coacd: pip install -e '.\[objects\]'"):
        pieces_of(scaled(cup()))
