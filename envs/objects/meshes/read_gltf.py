"""glTF and GLB files: read by trimesh, after what it would read wrongly was refused."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import trimesh

from envs.objects.meshes.polygons import PolygonMesh

_TRIANGLES, _STRIP = 4, 5
_POINTS_AND_LINES = (0, 1, 2, 3)
_LOOKS_ONLY = ("KHR_materials_", "KHR_texture_", "EXT_texture_", "KHR_lights_", "EXT_lights_", "KHR_xmp")
"""Extensions that change how a mesh looks, not its shape."""

_DRACO = "KHR_draco_mesh_compression"
MAX_NUMBERS = 100_000_000
"""Numbers that the file's accessors may announce: those of five million faces, several times over."""


def read_gltf(path: Path) -> PolygonMesh:
    """Triangles of the scene, its parts in place.

    Raises:
        ValueError: no glTF, or one with parts that are not understood here; names them.
    """
    _check(path)
    scene = trimesh.load_scene(path, process=False)
    meshes = [one for one in scene.dump() if isinstance(one, trimesh.Trimesh) and len(one.faces)]
    starts = np.cumsum([0, *(len(one.vertices) for one in meshes[:-1])])
    vertices = [np.zeros((0, 3)), *(np.asarray(one.vertices, dtype=np.float64) for one in meshes)]
    faces = [np.asarray(one.faces) + start for one, start in zip(meshes, starts, strict=False)]
    corners = np.concatenate([np.zeros((0, 3), dtype=np.int64), *faces]).astype(np.int64)
    return PolygonMesh(np.concatenate(vertices), corners.ravel(), np.full(len(corners), 3, dtype=np.int64))


def _check(path: Path) -> None:
    """ValueError for what would be left out or read as something else."""
    tree = _tree(path)
    required = [str(name) for name in tree.get("extensionsRequired", ())]
    unknown = [name for name in required if name != _DRACO and not name.startswith(_LOOKS_ONLY)]
    if unknown:
        raise ValueError(
            f"it needs the extensions {', '.join(unknown)}, which are not read; export it without compression"
        )
    accessors = _dicts(tree, "accessors")
    announced = sum(16 * max(0, int(one.get("count", 0))) for one in accessors)
    if announced > 16 * MAX_NUMBERS:
        raise ValueError(f"its accessors announce {announced // 16} rows, allowed up to {MAX_NUMBERS}")
    used: set[int] = set()
    for mesh in _dicts(tree, "meshes"):
        for part in _dicts(mesh, "primitives"):
            mode = part.get("mode", _TRIANGLES)
            if mode not in (_TRIANGLES, _STRIP, *_POINTS_AND_LINES):
                raise ValueError(
                    f"a part has triangles of mode {mode} (fans), which are not read; export plain triangles"
                )
            indices = (part.get("indices"), (part.get("attributes") or {}).get("POSITION"))
            used |= {index for index in indices if isinstance(index, int) and 0 <= index < len(accessors)}
    for index in sorted(used):
        if "sparse" in accessors[index] or accessors[index].get("normalized"):
            raise ValueError(
                "its vertices or faces are sparse or normalised accessors, which are not read; export it without "
                "quantisation and sparse accessors"
            )
    for buffer in _dicts(tree, "buffers"):
        uri = buffer.get("uri")
        if isinstance(uri, str) and not uri.startswith("data:") and not (path.parent / unquote(uri)).is_file():
            raise ValueError(
                f"its file {uri[:80]!r} is not beside it; keep the files of a .gltf together, or export .glb"
            )


def _tree(path: Path) -> dict[str, Any]:
    """The JSON of the file."""
    content = path.read_bytes()
    if content.startswith(b"glTF"):
        length = int.from_bytes(content[12:16], "little")
        announced = int.from_bytes(content[8:12], "little")
        if announced > len(content) or content[16:20] != b"JSON":
            raise ValueError(
                f"it has {len(content)} bytes and announces {announced}: it was cut or is no GLB of version 2"
            )
        content = content[20 : 20 + length]
    tree = json.loads(content.decode("utf-8-sig"))
    if not isinstance(tree, dict):
        raise ValueError("its JSON is no object")
    return tree


def _dicts(tree: dict[str, Any], name: str) -> list[dict[str, Any]]:
    value = tree.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ValueError(f"its field '{name}' is no list of objects")
    return value
