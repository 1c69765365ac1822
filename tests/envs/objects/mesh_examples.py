"""Mesh files of made-up objects, in millimetres unless said otherwise."""

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
    trimesh.creation.icosphere(subdivisions=1, radius=30).export(folder / "twin!.stl")
    write_obj(folder / "metres.obj", block(0.06).vertices, block().faces)
