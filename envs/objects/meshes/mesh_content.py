"""A digest of all bytes that decide the shape in a mesh file, those of the files it refers to included."""

import hashlib
from pathlib import Path

from envs.objects.meshes.gltf_files import buffer_files, gltf_tree
from envs.objects.meshes.mesh_files import MAX_FILE_BYTES


def mesh_digest(path: Path) -> bytes:
    """SHA-256 (32 bytes) of a mesh file and of the buffers that a .gltf or .glb file keeps in files of their own.

    Materials and textures (.mtl, images) decide nothing and are left out. A file that is too large to be read as a mesh
    counts as empty, and a glTF file whose buffers are not read (`buffer_files`) as one without: no object is made of
    either. Each file is read once, part by part, however often it is named.

    Raises:
        OSError: the file is not there.
    """
    if path.stat().st_size > MAX_FILE_BYTES:
        return hashlib.sha256().digest()
    # of digests of equal length none can be taken for a piece of another
    return hashlib.sha256(b"".join(_digest_of(file) for file in (path, *_buffers(path)))).digest()


def _buffers(path: Path) -> list[Path]:
    """Files in which a glTF file keeps its buffers, each once."""
    if path.suffix.lower() not in (".gltf", ".glb"):
        return []
    try:
        return list(dict.fromkeys(buffer_files(path, gltf_tree(path)).values()))
    except (OSError, ValueError):
        return []  # reading the mesh tells it


def _digest_of(path: Path) -> bytes:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()
