"""A visitor's mesh file as an object, built in a process of its own under limits of time and memory."""

import re
import tempfile
from pathlib import Path

from envs.objects.grasp_object import GraspObject
from envs.objects.meshes.mesh_files import SUFFIXES
from envs.objects.meshes.mesh_folder import MeshFolder
from envs.objects.meshes.mesh_settings import MeshSettings
from envs.objects.store.object_cache import ObjectCache
from envs.objects.store.preparation import prepare

SIZE = 0.12
"""Metres that the largest extent of an uploaded object gets: files say no unit, and a hand wants something to hold."""

MAX_WIDTH = 0.07
"""Metres that its smallest extent may have: what the hand can reach around."""

MAX_MEMORY_GB = 2.0
"""Gigabytes that building may take; files of a few MB may ask for any number."""


def object_of_upload(name: str, content: bytes, timeout_s: float) -> GraspObject:
    """The object of an uploaded mesh file, built in a process of its own; nothing of it is kept.

    Args:
        name: of the file, from the browser; only its suffix and letters are used.
        content: of the file.
        timeout_s: seconds that building may take.

    Raises:
        ValueError: a suffix that is not read, a mesh that is no object, one that takes too long or too much memory, or
            crashes the builder.
    """
    suffix = Path(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"files of kind {suffix[:12]!r} are not read; allowed: {', '.join(SUFFIXES)}")
    stem = re.sub(r"[^a-z0-9]+", "_", Path(name).stem.lower())[:24].strip("_") or "mesh"
    with tempfile.TemporaryDirectory(prefix="graspgf_upload_") as folder:
        (Path(folder) / f"{stem}{suffix}").write_bytes(content)
        meshes = MeshFolder(MeshSettings(folder, size=SIZE, max_width=MAX_WIDTH))
        (built,) = prepare(meshes, meshes.names, ObjectCache(None), 1, timeout_s, MAX_MEMORY_GB)
    if built.grasp_object is None:
        raise ValueError(str(built.error).replace(f"{folder}/", "")) from built.error
    return built.grasp_object
