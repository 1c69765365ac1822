"""Reading one mesh file: every way in which it can be bad ends as a ValueError that names file, finding and remedy."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import trimesh

from envs.objects.meshes.polygons import IntArray, PolygonMesh, triangles
from envs.objects.meshes.read_gltf import read_gltf
from envs.objects.meshes.read_obj import read_obj
from envs.objects.meshes.read_off import read_off
from envs.objects.meshes.read_ply import read_ply
from envs.objects.meshes.read_stl import read_stl
from envs.objects.meshes.soundness import check_complete
from envs.stand_ins import what_stands_there

_READERS: dict[str, Callable[[bytes], PolygonMesh]] = {
    ".obj": read_obj, ".stl": read_stl, ".ply": read_ply, ".off": read_off
}  # fmt: skip

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
_SIGNATURES = (
    (b"glTF", ".glb"), (b"ply", ".ply"), (b"solid ", ".stl"), (b"OFF", ".off"), (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip archive"), (b"\x89PNG", "a PNG picture"), (b"\xff\xd8\xff", "a JPEG picture"),
    (b"%PDF", "a PDF document"), (b"<?xml", "an XML document"),
)  # fmt: skip


def load_mesh(path: Path) -> trimesh.Trimesh:
    """The triangles of a mesh file in the file's units; scenes of several parts become one mesh, parts in place.

    Raises:
        ValueError: unsupported suffix, too large, not what the suffix says, no faces, vertices that are not numbers,
            faces that cross themselves, or signs that faces are missing.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"{path}: suffix {path.suffix!r} is not supported; allowed: {', '.join(SUFFIXES)}; {_REMEDY}")
    if not path.is_file():
        raise ValueError(f"{path}: it is no regular file; give a mesh file")
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise ValueError(f"{path}: {size / 1e9:.1f} GB, allowed up to {MAX_FILE_BYTES / 1e9:g} GB; decimate the mesh")
    stand_in = what_stands_there(path, "the mesh")
    if stand_in:
        raise ValueError(f"{path}: {stand_in}")
    try:
        read = read_gltf(path) if suffix in (".glb", ".gltf") else _READERS[suffix](path.read_bytes())
    except MemoryError:
        raise  # of the machine, not of the file
    except Exception as error:  # the readers raise whatever a broken file leads to
        kind = "" if type(error) is ValueError else f"{type(error).__name__}: "
        raise ValueError(f"{path}: cannot be read as {suffix} ({kind}{error}){_likely(path)}; {_REMEDY}") from error
    num_triangles = int(np.maximum(read.sizes - 2, 0).sum())
    if num_triangles > MAX_READ_FACES:
        raise ValueError(
            f"{path}: {num_triangles} faces, allowed up to {MAX_READ_FACES}; decimate the mesh, e.g. to 20000 faces"
        )
    try:
        faces = _sound_triangles(read)
    except ValueError as error:
        raise ValueError(f"{path}: {error}; {_REMEDY}") from error
    if len(faces) == 0:
        raise ValueError(f"{path}: no faces ({size} bytes){_likely(path)}; at least four are needed; {_REMEDY}")
    return trimesh.Trimesh(read.vertices, faces, process=False, validate=False)


def _sound_triangles(read: PolygonMesh) -> IntArray:
    """Triangles of what was read, (T, 3), after the checks of `triangles` and `check_complete`."""
    faces = triangles(read)
    if len(faces):
        used_otherwise = () if read.others is None else np.setdiff1d(read.others, faces)
        check_complete(read.vertices, faces, len(used_otherwise))
    return faces


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
