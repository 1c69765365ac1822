"""Keys of built objects: a hash of everything that decides how an object comes out."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from envs.objects.families.solids import Piece

SHARED_CODE = ("builder.py", "grasp_object.py", "point_cloud.py", "rest_poses.py", "store/object_file.py")
"""Files of ``envs.objects`` that turn pieces into objects; the families' own code shows in the pieces themselves."""

MESH_CODE = tuple(
    f"meshes/{file}.py"
    for file in (
        "closedness", "decomposition", "gltf_files", "junctions", "mesh_files", "mesh_object", "mesh_settings",
        "polygons", "read_gltf", "read_obj", "read_off", "read_ply", "read_stl", "repair", "soundness",
    )
)  # fmt: skip
"""Files that turn mesh files into pieces."""

_SHARED_LIBRARIES = ("numpy", "scipy", "trimesh", "manifold3d")
_MESH_LIBRARIES = ("coacd", "fast-simplification", "DracoPy")


def family_key(name: str, parameters: dict[str, float], pieces: Sequence[Piece]) -> str:
    """Key of a parametric object, 40 hexadecimal digits.

    Args:
        name: of the object; its surface points are drawn by it.
        parameters: of the family.
        pieces: as the family built them from the parameters, so that changed code of the family changes the key.
    """
    code = code_key(SHARED_CODE, _SHARED_LIBRARIES)
    return _digest(code, {"name": name, "parameters": parameters}, [piece.tobytes() for piece in pieces])


def mesh_key(settings: dict[str, Any], digest: bytes) -> str:
    """Key of a mesh object, 40 hexadecimal digits.

    Args:
        settings: all that decides how the file becomes an object, as JSON can write it.
        digest: of the mesh file and of the files that it refers to (`mesh_digest`).
    """
    return _digest(code_key(SHARED_CODE + MESH_CODE, _SHARED_LIBRARIES + _MESH_LIBRARIES), settings, [digest])


def _digest(code: bytes, settings: dict[str, Any], blocks: Iterable[bytes]) -> str:
    digest = hashlib.sha256(code)
    digest.update(json.dumps(settings, sort_keys=True).encode())
    for block in blocks:
        digest.update(len(block).to_bytes(8, "little"))
        digest.update(block)
    return digest.hexdigest()[:40]


@cache
def code_key(files: tuple[str, ...], libraries: tuple[str, ...]) -> bytes:
    """Hash of code and of libraries' versions: objects built by others are never taken for these."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(resources.files("envs.objects").joinpath(file).read_bytes())
    digest.update(json.dumps([_version(library) for library in libraries]).encode())
    return digest.digest()


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "absent"
