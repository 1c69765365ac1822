from pathlib import Path

import numpy as np
import pytest
import trimesh

from envs.objects.meshes.import_meshes import import_folder
from envs.objects.meshes.mesh_files import load_mesh
from envs.objects.meshes.mesh_folder import MeshFolder
from envs.objects.meshes.mesh_settings import MeshSettings
from envs.objects.meshes.repair import check_kept, cleaned, solid
from envs.objects.meshes.soundness import wrong_share
from envs.objects.store.object_cache import ObjectCache
from tests.envs.objects.mesh_examples import (
    L_CORNERS,
    U_CORNERS,
    Polygons,
    block,
    obj_text,
    off_text,
    ply_bytes,
    prism,
    stl_bytes,
)  # fmt: skip
from tests.fuzz.inputs import TOTAL, check_clear, edited, given, many, strategies

SHAPES = (U_CORNERS, L_CORNERS, [(0, 0), (60, 0), (60, 40), (0, 40)])
WRITERS = {
    ".obj": lambda polygons: obj_text(polygons).encode(),
    ".off": lambda polygons: off_text(polygons).encode(),
    ".ply": ply_bytes,
}
ORIGINALS = {suffix: [write(prism(shape)) for shape in SHAPES] for suffix, write in WRITERS.items()}
ORIGINALS[".ply"] += [ply_bytes(prism(shape), "") for shape in SHAPES]
ORIGINALS[".stl"] = [stl_bytes(block()), trimesh.exchange.stl.export_stl_ascii(block()).encode()]
ORIGINALS[".glb"] = [trimesh.exchange.gltf.export_glb(trimesh.Scene(block()))]


@strategies.composite
def star_prisms(draw) -> tuple[Polygons, float, float]:
    """A prism over a polygon that is seen whole from its middle, its area and volume; square millimetres and cubic."""
    count = draw(strategies.integers(4, 14))
    radii = np.array(draw(strategies.lists(strategies.integers(12, 60), min_size=count, max_size=count)), dtype=float)
    angles = 2 * np.pi * (np.arange(count) + 0.3 * draw(strategies.floats(0, 1))) / count
    corners = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1).round(3)
    first = draw(strategies.integers(0, count - 1))
    ahead = np.roll(corners, -1, axis=0)
    cap = 0.5 * float((corners[:, 0] * ahead[:, 1] - ahead[:, 0] * corners[:, 1]).sum())  # the shoelace formula
    round_it = float(np.linalg.norm(ahead - corners, axis=1).sum())
    polygons = prism([tuple(corner) for corner in np.roll(corners, first, axis=0).tolist()], 30.0)
    return polygons, 2 * cap + 30.0 * round_it, 30.0 * cap


def sloppy_obj(polygons: Polygons, draw) -> bytes:
    """As an .obj file by a program with habits of its own."""
    vertices, faces = polygons
    gap = draw(strategies.sampled_from([" ", "\t", "   "]))
    end = draw(strategies.sampled_from(["\n", "\r\n", "\r", " # remark\n", "  \n"]))
    relative = draw(strategies.booleans())
    tail = draw(strategies.sampled_from(["", "/1", "//2", "/1/2"]))
    corner = (lambda k: k - len(vertices)) if relative else (lambda k: k + 1)
    lines = [gap.join(["v", *map(repr, vertex)]) for vertex in vertices]
    lines += [gap.join(["f", *(f"{corner(k)}{tail}" for k in face)]) for face in faces]
    return draw(strategies.sampled_from([b"", b"\xef\xbb\xbf", b"# made up\n"])) + (end.join(lines) + end).encode()


@given(data=strategies.data(), solid=star_prisms(), kind=strategies.sampled_from([".obj", ".off", ".ply", "text.ply"]))
@many(0.12)
def test_a_solid_is_read_with_its_area_and_volume(
    data, solid: tuple[Polygons, float, float], kind: str, tmp_path_factory
) -> None:
    polygons, area, volume = solid
    path = tmp_path_factory.getbasetemp() / f"solid{kind[-4:]}"
    if kind == ".obj":
        path.write_bytes(sloppy_obj(polygons, data.draw))
    else:
        path.write_bytes(ply_bytes(polygons, "") if kind == "text.ply" else WRITERS[kind](polygons))
    mesh = load_mesh(path)
    assert mesh.area == pytest.approx(area, rel=1e-5)  # PLY has single precision
    assert mesh.volume == pytest.approx(volume, rel=1e-5)
    assert mesh.is_watertight


def cell(corner: tuple[int, int, int], cut: int) -> trimesh.Trimesh:
    """A cube of 10 mm at a place of a grid; each bit of ``cut`` divides a side into triangles the other way."""
    cube = trimesh.creation.box([10.0] * 3)
    faces = np.array(cube.faces)
    for side, (first, second) in enumerate(_pairs_of_sides(cube)):
        if cut >> side & 1:
            apart = [(set(cube.faces[a]) - set(cube.faces[b])).pop() for a, b in ((first, second), (second, first))]
            start = int(np.flatnonzero(cube.faces[first] == apart[0])[0])
            a, b, c = np.roll(cube.faces[first], -start)
            faces[first], faces[second] = [a, b, apart[1]], [a, apart[1], c]
    return trimesh.Trimesh(cube.vertices + 10.0 * np.array(corner), faces, process=False)


def _pairs_of_sides(cube: trimesh.Trimesh) -> list[tuple[int, int]]:
    """The two triangles of each side of a cube."""
    by_normal: dict[tuple[int, ...], list[int]] = {}
    for face, normal in enumerate(cube.face_normals.round().astype(int)):
        by_normal.setdefault(tuple(normal), []).append(face)
    return [(first, second) for first, second in by_normal.values()]


@given(
    corners=strategies.sets(strategies.tuples(*[strategies.integers(0, 2)] * 3), min_size=1, max_size=12),
    cuts=strategies.lists(strategies.integers(0, 63), min_size=12, max_size=12),
    is_inwards=strategies.booleans(),
    suffix=strategies.sampled_from([".stl", ".ply"]),
)
@many(0.1)
def test_cubes_that_touch_anyhow_are_one_solid_of_their_volume(
    corners: set[tuple[int, int, int]], cuts: list[int], is_inwards: bool, suffix: str, tmp_path_factory
) -> None:
    """Side to side, edge to edge and corner to corner: walls between them vanish, nothing becomes a shell."""
    cubes = trimesh.util.concatenate([cell(corner, cut) for corner, cut in zip(sorted(corners), cuts, strict=False)])
    if is_inwards:
        cubes.invert()
    path = tmp_path_factory.getbasetemp() / f"cubes{suffix}"
    cubes.export(path)
    raw = load_mesh(path)
    raw.apply_scale(0.001)
    surface = solid(cleaned(raw))
    check_kept(raw, surface)
    assert surface.metadata["num_walls"] == 0
    assert 1e9 * surface.volume == pytest.approx(1000 * len(corners), rel=1e-5)


@given(data=strategies.data(), suffix=strategies.sampled_from(sorted(ORIGINALS)))
@many(0.2)
def test_a_malformed_file_gives_a_mesh_or_a_clear_error(data, suffix: str, tmp_path_factory) -> None:
    path = tmp_path_factory.getbasetemp() / f"malformed{suffix}"
    path.write_bytes(data.draw(edited(ORIGINALS[suffix])))
    try:
        mesh = load_mesh(path)
    except ValueError as error:
        check_clear(error, path)
        return
    assert len(mesh.faces)
    assert 0 <= mesh.faces.min() <= mesh.faces.max() < len(mesh.vertices)
    assert np.isfinite(mesh.vertices[mesh.faces]).all()


def test_malformed_files_give_sound_objects_or_clear_errors(tmp_path: Path) -> None:
    collected: list[tuple[str, bytes]] = []

    @given(data=strategies.data(), suffix=strategies.sampled_from(sorted(ORIGINALS)))
    @many(0.05)
    def collect(data, suffix: str) -> None:
        collected.append((suffix, data.draw(edited(ORIGINALS[suffix]))))

    collect()
    for k, (suffix, content) in enumerate(collected):
        (tmp_path / f"m{k}{suffix}").write_bytes(content)
    assert len(collected) >= round(0.05 * TOTAL)
    meshes = MeshFolder(MeshSettings(str(tmp_path), unit="mm"))
    imported = import_folder(meshes, ObjectCache(tmp_path / "cache"), num_workers=1, timeout_s=120.0, memory_gb=1.5)
    assert len(imported.names) + len(imported.rejected) == len(collected)
    for path, cause in imported.rejected.items():
        check_clear(ValueError(cause), path)
        assert "worker process died" not in cause
        assert "longer than" not in cause
    for name in imported.names:
        thing = ObjectCache(tmp_path / "cache").load(meshes.key(name))
        assert thing is not None
        surface = trimesh.Trimesh(thing.vertices, thing.faces, process=False)
        assert surface.is_watertight
        assert surface.volume > 0
        assert wrong_share(surface) < 0.25
        assert np.isfinite(thing.points).all()
