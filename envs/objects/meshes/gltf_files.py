"""What a glTF file says of itself, and which files beside it hold its numbers."""

import json
import os
from pathlib import Path, PureWindowsPath
from typing import Any
from urllib.parse import unquote

MAX_BUFFER_BYTES = 1_000_000_000
"""Of all files that a glTF file keeps its numbers in: what a mesh file may have."""

MAX_VALUES = 1_000_000
"""Values that its JSON may have, some 100 bytes of memory each; a mesh has a few hundred."""


def gltf_tree(path: Path) -> dict[str, Any]:
    """The JSON of a .gltf or .glb file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it was cut, or is no glTF; says what it is.
    """
    with path.open("rb") as stream:
        head = stream.read(20)
        content = stream.read(_json_length(path, head)) if head.startswith(b"glTF") else head + stream.read()
    values = content.count(b",") + content.count(b"{") + content.count(b"[")
    if values > MAX_VALUES:
        raise ValueError(f"its JSON has {values} values, allowed up to {MAX_VALUES}; export the mesh without the rest")
    try:
        tree = json.loads(content.decode("utf-8-sig"))
    except RecursionError as error:
        raise ValueError("its JSON is too deep") from error
    if not isinstance(tree, dict):
        raise ValueError("its JSON is no object")
    return tree


def _json_length(path: Path, head: bytes) -> int:
    """Bytes of the first part of a .glb file, after its head of 20 bytes (glTF 2.0, 4.4)."""
    size, announced = path.stat().st_size, int.from_bytes(head[8:12], "little")
    if announced > size or head[16:20] != b"JSON":
        raise ValueError(f"it has {size} bytes and announces {announced}: it was cut or is no GLB of version 2")
    return int.from_bytes(head[12:16], "little")


def dicts(tree: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """A field of the JSON that is a list of objects; empty where it is absent.

    Raises:
        ValueError: it is something else.
    """
    value = tree.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ValueError(f"its field '{name}' is no list of objects")
    return value


def buffer_files(path: Path, tree: dict[str, Any]) -> dict[str, Path]:
    """The files that hold the buffers of a glTF file, by the addresses under which it names them.

    Only files in its own folder or below are: a stranger's file could name any file of this machine.

    Raises:
        ValueError: an address elsewhere, a file that is not there, or files that are too large together.
    """
    uris = [buffer.get("uri") for buffer in dicts(tree, "buffers")]
    addresses = dict.fromkeys(uri for uri in uris if isinstance(uri, str) and not uri.startswith("data:"))
    files = {address: _file_of(path, address) for address in addresses}
    size = sum(file.stat().st_size for file in set(files.values()))
    if size > MAX_BUFFER_BYTES:
        raise ValueError(
            f"the files of its buffers have {size / 1e9:.1f} GB, allowed up to {MAX_BUFFER_BYTES / 1e9:g} GB; decimate "
            "the mesh"
        )
    return files


def _file_of(path: Path, address: str) -> Path:
    """The file that an address means; exporters differ in whether they encode it."""
    for name in dict.fromkeys((unquote(address), address)):
        # links are left as they are: git-annex and caches of downloads keep the files themselves elsewhere
        below = Path(os.path.normpath(name))
        is_elsewhere = below.is_absolute() or below.parts[:1] == ("..",) or PureWindowsPath(below).drive
        if is_elsewhere or "\0" in name:
            raise ValueError(
                f"its file {address[:80]!r} lies outside its folder, where none is read; put it beside the .gltf and "
                "correct its uri, or export .glb"
            )
        if (path.parent / below).is_file():  # not a device or a pipe, which never end
            return path.parent / below
    raise ValueError(f"its file {address[:80]!r} is not beside it; keep the files of a .gltf together, or export .glb")
