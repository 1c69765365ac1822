"""Mesh files of made-up objects, in millimetres unless said otherwise."""

import struct
from pathlib import Path

import numpy as np
import trimesh


def cup() -> trimesh.Trimesh:
    """Open vessel of wall and floor, 90 mm high, two overlapping bodies."""
    wall = trimesh.creation.annulus(r_min=28, r_max=35, height=90, sections=12)
    floor = trimesh.creation.cylinder(radius=33, height=8, sections=12)
    floor.apply_translation([0, 0, -41])
    return trimesh.util.concatenate([wall, floor])


def block(size: float = 60.0) -> trimesh.Trimesh:
    """Cube."""
    return trimesh.creation.box([size] * 3)


def open_bowl() -> trimesh.Trimesh:
    """A sphere without its cap: a sheet that encloses nothing."""
    mesh = trimesh.creation.icosphere(subdivisions=3, radius=35)
    mesh.update_faces(mesh.triangles_center[:, 2] < 15)
    return mesh


def edge_to_edge() -> trimesh.Trimesh:
    """Two cubes that share one edge: four faces meet there, which no manifold has."""
    one, other = block(40), block(40)
    other.apply_translation([40, 40, 0])
    mesh = trimesh.util.concatenate([one, other])
    mesh.merge_vertices()
    return mesh


def stacked(sections: int, turn: float = 0.0, radius: float = 20.0) -> trimesh.Trimesh:
    """A cylinder of radius 20, 40 high, on it another one, turned round (radians)."""
    lower = trimesh.creation.cylinder(radius=20, height=40, sections=sections)
    upper = trimesh.creation.cylinder(radius=radius, height=40, sections=sections)
    upper.apply_transform(trimesh.transformations.rotation_matrix(turn, [0, 0, 1]))
    upper.apply_translation([0, 0, 40])
    both = trimesh.util.concatenate([lower, upper])
    both.vertices = both.vertices.round(6)  # a turn by whole sides brings corners onto corners
    return both


def write_obj(path: Path, vertices: np.ndarray, faces: np.ndarray) -> Path:
    """An .obj file with these very numbers, NaN too."""
    lines = [f"v {x} {y} {z}" for x, y, z in vertices] + [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in faces]
    path.write_text("\n".join(lines) + "\n")
    return path


def write_bad_folder(folder: Path) -> None:
    """One file for each way of being bad."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "empty.obj").write_text("")
    (folder / "liar.stl").write_text("this is not a mesh\n")
    (folder / "foreign.fbx").write_text("x")
    corners = np.array(block().vertices)
    corners[3, 1] = np.nan
    write_obj(folder / "nan.obj", corners, block().faces)
    sheet = block()
    write_obj(folder / "sheet.obj", sheet.vertices[:4], np.array([[0, 1, 2], [1, 3, 2]]))
    trimesh.creation.icosphere(subdivisions=1, radius=30).export(folder / "Twin.ply")
    trimesh.creation.icosphere(subdivisions=1, radius=30).export(folder / "Twin.stl")
    write_obj(folder / "metres.obj", block(0.06).vertices, block().faces)


Polygons = tuple[list[tuple[float, float, float]], list[tuple[int, ...]]]
"""Vertices, and faces of any number of corners."""

L_CORNERS = [(20, 20), (20, 60), (0, 60), (0, 0), (60, 0), (60, 20)]
"""An L of 60 by 60, arms 20 wide: 60 * 20 + 40 * 20 = 2,000 square millimetres, 240 round."""

U_CORNERS = [(0, 0), (60, 0), (60, 60), (45, 60), (45, 15), (15, 15), (15, 60), (0, 60)]
"""A U of 60 by 60, arms 15 wide: 60 * 15 + 2 * 45 * 15 = 2,250 square millimetres, 330 round."""


def prism(corners: list[tuple[float, float]], height: float = 30.0) -> Polygons:
    """An upright prism whose caps are single polygons and whose sides are quads, faces outwards."""
    count = len(corners)
    turn = sum(x * corners[k - count + 1][1] - corners[k - count + 1][0] * y for k, (x, y) in enumerate(corners))
    corners = corners if turn > 0 else corners[::-1]
    vertices = [(x, y, 0.0) for x, y in corners] + [(x, y, height) for x, y in corners]
    sides = [(k, (k + 1) % count, (k + 1) % count + count, k + count) for k in range(count)]
    return vertices, [tuple(range(count))[::-1], tuple(range(count, 2 * count)), *sides]


def obj_text(polygons: Polygons) -> str:
    """As an .obj file."""
    vertices, faces = polygons
    corners = [" ".join(str(k + 1) for k in face) for face in faces]
    return "".join([*(f"v {x} {y} {z}\n" for x, y, z in vertices), *(f"f {one}\n" for one in corners)])


def off_text(polygons: Polygons) -> str:
    """As an .off file."""
    vertices, faces = polygons
    rows = [f"{len(face)} {' '.join(map(str, face))}\n" for face in faces]
    return "".join([f"OFF\n{len(vertices)} {len(faces)} 0\n", *(f"{x} {y} {z}\n" for x, y, z in vertices), *rows])


def ply_bytes(polygons: Polygons, order: str = "<") -> bytes:
    """As a .ply file: text for order "", else binary."""
    vertices, faces = polygons
    kind = {"": "ascii", "<": "binary_little_endian", ">": "binary_big_endian"}[order]
    head = (
        f"ply\nformat {kind} 1.0\ncomment made up\nelement vertex {len(vertices)}\nproperty float x\nproperty float y\n"
        f"property float z\nelement face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    if not order:
        return (head + off_text(polygons).split("\n", 2)[2]).encode()
    body = [struct.pack(f"{order}3f", *vertex) for vertex in vertices]
    body += [struct.pack(f"{order}B{len(face)}i", len(face), *face) for face in faces]
    return head.encode() + b"".join(body)


def stl_bytes(mesh: trimesh.Trimesh, announced: int | None = None) -> bytes:
    """As a binary .stl file, whose header announces another number of facets if asked to."""
    facets = [struct.pack("<12fH", 0, 0, 0, *corners.ravel(), 0) for corners in mesh.triangles]
    return b" " * 80 + struct.pack("<I", len(facets) if announced is None else announced) + b"".join(facets)


def time_bomb() -> Polygons:
    """A prism over a star of 200,000 corners, 16 MB as a file: cutting one such face takes more than a minute.

    With 80,000 it takes 13 s; the time grows with their square.
    """
    count = 200_000
    radii = np.random.default_rng(0).uniform(10.0, 60.0, count)
    angles = np.linspace(0.0, 2 * np.pi, count, endpoint=False)
    return prism(np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1).round(3).tolist())
