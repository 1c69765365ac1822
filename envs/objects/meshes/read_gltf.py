"""glTF and GLB files: read by trimesh, after what it would read wrongly was refused."""

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from trimesh.resolvers import Resolver

from envs.objects.meshes.gltf_files import buffer_files, dicts, gltf_tree
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
    tree = gltf_tree(path)
    _check(tree)
    scene = trimesh.load_scene(path, resolver=_Buffers(buffer_files(path, tree)), process=False)
    meshes = [one for one in scene.dump() if isinstance(one, trimesh.Trimesh) and len(one.faces)]
    starts = np.cumsum([0, *(len(one.vertices) for one in meshes[:-1])])
    vertices = [np.zeros((0, 3)), *(np.asarray(one.vertices, dtype=np.float64) for one in meshes)]
    faces = [np.asarray(one.faces) + start for one, start in zip(meshes, starts, strict=False)]
    corners = np.concatenate([np.zeros((0, 3), dtype=np.int64), *faces]).astype(np.int64)
    return PolygonMesh(np.concatenate(vertices), corners.ravel(), np.full(len(corners), 3, dtype=np.int64))


class _Buffers(Resolver):
    """Gives trimesh the files that hold the buffers, and no others: it would look for textures, and under other names.

    Args:
        files: by the address in the glTF file.
    """

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files, self._read = files, dict[Path, bytes]()

    def get(self, key: str) -> bytes:
        """Content of the file, which many buffers may share."""
        path = self._files[key]
        if path not in self._read:
            self._read[path] = path.read_bytes()
        return self._read[path]

    def keys(self) -> list[str]:
        """All addresses."""
        return list(self._files)

    def namespaced(self, namespace: str) -> "_Buffers":
        """Nothing lies below."""
        return _Buffers({})

    def write(self, name: str, data: Any) -> None:
        """Nothing is written."""
        raise NotImplementedError


def _is_decoded(extension: str) -> bool:
    """Whether trimesh turns what this extension compresses into numbers: Draco, with its package."""
    return extension == _DRACO and find_spec("DracoPy") is not None


def _compressed(tree: dict[str, Any]) -> Iterator[str]:
    """Draco for each part that has no other numbers: where they are not decoded, trimesh takes zeros for them."""
    with_numbers = {index for index, accessor in enumerate(dicts(tree, "accessors")) if "bufferView" in accessor}
    for mesh in dicts(tree, "meshes"):
        for part in dicts(mesh, "primitives"):
            is_draco = _DRACO in (part.get("extensions") or {})
            if is_draco and (part.get("attributes") or {}).get("POSITION") not in with_numbers:
                yield _DRACO


def _check(tree: dict[str, Any]) -> None:
    """ValueError for what would be left out or read as something else."""
    needed = [*(str(name) for name in tree.get("extensionsRequired", ())), *_compressed(tree)]
    unknown = [name for name in dict.fromkeys(needed) if not (name.startswith(_LOOKS_ONLY) or _is_decoded(name))]
    if unknown:
        raise ValueError(
            f"it needs the extensions {', '.join(unknown)}, which are not read; export it without compression"
        )
    accessors = dicts(tree, "accessors")
    announced = sum(16 * max(0, int(one.get("count", 0))) for one in accessors)
    if announced > 16 * MAX_NUMBERS:
        raise ValueError(f"its accessors announce {announced // 16} rows, allowed up to {MAX_NUMBERS}")
    used: set[int] = set()
    for mesh in dicts(tree, "meshes"):
        for part in dicts(mesh, "primitives"):
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
