"""Reading one mesh file: every way in which it can be bad ends as a ValueError that names file, finding and remedy."""

from pathlib import Path
from typing import Any

import numpy as np
import trimesh

SUFFIXES = (".obj", ".stl", ".ply", ".glb", ".gltf", ".off")
"""Mesh files that are read."""

FOREIGN_SUFFIXES = (
    ".3ds", ".blend", ".dae", ".fbx", ".iges", ".igs", ".max", ".step", ".stp", ".usd", ".usda", ".usdc", ".usdz",
    ".wrl", ".x3d", ".3mf",
)  # fmt: skip
"""Mesh files of other programs: told, since their owner may expect them to be read."""

MAX_FILE_BYTES = 1_000_000_000
MAX_READ_FACES = 5_000_000
"""Larger meshes are refused: reading them takes minutes and gigabytes."""

_REMEDY = "open it in a mesh editor such as Blender or MeshLab and export it again as .obj, .stl, .ply or .glb"
_SIGNATURES = ((b"glTF", ".glb"), (b"ply", ".ply"), (b"solid ", ".stl"), (b"OFF", ".off"), (b"PK", "a zip archive"))


def load_mesh(path: Path) -> trimesh.Trimesh:
    """The triangles of a mesh file in the file's units; scenes of several parts become one mesh, parts in place.

    Raises:
        ValueError: unsupported suffix, too large, not what the suffix says, no faces, or vertices that are not numbers.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path}: suffix {path.suffix!r} is not supported; allowed: {', '.join(SUFFIXES)}; {_REMEDY}")
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise ValueError(f"{path}: {size / 1e9:.1f} GB, allowed up to {MAX_FILE_BYTES / 1e9:g} GB; decimate the mesh")
    try:
        mesh = _triangles(path)
    except Exception as error:  # the readers raise whatever a broken file leads to
        raise ValueError(
            f"{path}: cannot be read as {path.suffix.lower()} ({type(error).__name__}: {error}){_likely(path)}; "
            f"{_REMEDY}"
        ) from error
    if len(mesh.faces) == 0:
        raise ValueError(f"{path}: no faces ({size} bytes){_likely(path)}; at least four are needed; {_REMEDY}")
    if len(mesh.faces) > MAX_READ_FACES:
        raise ValueError(
            f"{path}: {len(mesh.faces)} faces, allowed up to {MAX_READ_FACES}; decimate the mesh, e.g. to 20000 faces"
        )
    if mesh.faces.min() < 0 or mesh.faces.max() >= len(mesh.vertices):
        raise ValueError(f"{path}: faces refer to vertices that are not in the file; {_REMEDY}")
    bad = int((~np.isfinite(mesh.vertices[np.unique(mesh.faces)])).any(axis=1).sum())
    if bad:
        raise ValueError(f"{path}: {bad} of {len(mesh.vertices)} vertices are NaN or infinite; {_REMEDY}")
    return mesh


def _triangles(path: Path) -> trimesh.Trimesh:
    """Vertices and faces alone: materials and textures are not read."""
    options: dict[str, Any] = {"skip_materials": True} if path.suffix.lower() == ".obj" else {}
    scene = trimesh.load_scene(path, process=False, **options)
    meshes = [one for one in scene.dump() if isinstance(one, trimesh.Trimesh) and len(one.faces)]
    if not meshes:
        return trimesh.Trimesh()
    starts = np.cumsum([0, *(len(one.vertices) for one in meshes[:-1])])
    vertices = np.concatenate([np.asarray(one.vertices, dtype=np.float64) for one in meshes])
    faces = np.concatenate([np.asarray(one.faces) + start for one, start in zip(meshes, starts, strict=True)])
    return trimesh.Trimesh(vertices, faces, process=False, validate=False)


def _likely(path: Path) -> str:
    """What the first bytes of the file say it is, when that is not its suffix."""
    with path.open("rb") as stream:
        head = stream.read(16)
    if not head:
        return "; the file is empty"
    for signature, kind in _SIGNATURES:
        if head.startswith(signature) and path.suffix.lower() != kind:
            return f"; its first bytes are those of {kind}"
    return ""
