"""All bytes that decide the shape in a mesh file, those of the files it refers to included."""

import json
import struct
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from envs.objects.meshes.mesh_files import MAX_FILE_BYTES

_GLB_HEADER = struct.Struct("<4sIIII")
"""Magic, version and length of a .glb file; length and kind of its first chunk, which is JSON (glTF 2.0, 4.4)."""


def mesh_content(path: Path) -> bytes:
    """The bytes of a mesh file and of the buffers that a .gltf or .glb file keeps in files of their own.

    Materials and textures (.mtl, images) decide nothing and are left out. A file that is too large to be read as a mesh
    counts as empty: no object is made of it.

    Raises:
        OSError: the file is not there. One that it refers to and that is not there, or is a device or a pipe, counts as
            empty: reading the mesh tells it.
    """
    if path.stat().st_size > MAX_FILE_BYTES:
        return b""
    content = path.read_bytes()
    parts = [_bytes_of(part) for part in _buffers(path, content)]
    # lengths between them, so that bytes cannot move from one file to the next; a file alone is itself
    return b"".join([content, *(len(part).to_bytes(8, "little") + part for part in parts)])


def _buffers(path: Path, content: bytes) -> list[Path]:
    """Files in which a glTF file keeps its buffers."""
    described = _described(path.suffix.lower(), content)
    buffers = described.get("buffers") if isinstance(described, dict) else None
    addresses = [each.get("uri") for each in buffers or [] if isinstance(each, dict)]
    named = [each for each in addresses if isinstance(each, str) and not each.startswith("data:") and "\0" not in each]
    # readers differ in whether an address has to be decoded
    return [path.parent / each for address in named for each in dict.fromkeys((address, unquote(address)))]


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.is_file() else b""  # devices and pipes never end
    except OSError:
        return b""


def _described(suffix: str, content: bytes) -> Any:
    """The JSON of a glTF file; None of others, and of damaged ones, which reading the mesh tells."""
    try:
        if suffix == ".gltf":
            return json.loads(content)
        if suffix == ".glb":
            magic, _, _, length, _ = _GLB_HEADER.unpack_from(content)
            return json.loads(content[_GLB_HEADER.size : _GLB_HEADER.size + length]) if magic == b"glTF" else None
    except (ValueError, struct.error, RecursionError):
        return None
    return None
