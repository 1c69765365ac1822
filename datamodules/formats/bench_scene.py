"""Which object a file of DexGraspBench's kind is of: told in its own fields, or in a scene that it holds or names."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from datamodules.formats.foreign import Array
from datamodules.formats.mesh_search import MeshSearch, object_part
from datamodules.formats.plain_files import load_npy, vector, word
from datamodules.grasps.poses import relative_pose

FOLDERS = frozenset(("scene_cfg", "processed_data", "vision_data", "valid_split"))
"""Folders of the projects' objects: none of their files is a grasp."""

_CONTACTS = ("hand_worldframe_contacts", "hand_cpn_w")
"""Older and newer name of Dexonomy's contacts."""


@dataclass(frozen=True)
class BenchObject:
    """The object of a file's grasps.

    Attributes:
        code: what the source calls it.
        mesh: its mesh file.
        poses_w: its pose in the world (P, 7), one for all grasps or one each.
        scales: its true scale (S,), one for all grasps or one each.
    """

    code: str
    mesh: Path
    poses_w: Array
    scales: Array

    def row(self, number: int) -> tuple[Array, float]:
        """Pose (7,) and scale of one grasp."""
        pose = self.poses_w[number if len(self.poses_w) > 1 else 0]
        return pose, float(self.scales[number if len(self.scales) > 1 else 0])


def read_object(path: Path, fields: Mapping[str, Any], meshes: MeshSearch) -> BenchObject:
    """The object that a file tells.

    Files of DexGraspBench have ``obj_pose``, ``obj_scale`` and mostly ``obj_path``. Those of Dexonomy and of BODex have
    ``scene_path``, older ones the scene itself as ``scene_cfg``: there stand pose and scale, and ``scene_scale`` (N,),
    where the file has it, is what the scene's scale is multiplied by for each grasp.

    Raises:
        ValueError: no object, mesh, pose or scale; names file and field.
    """
    if "obj_pose" in fields and "obj_scale" in fields:
        told = word(fields["obj_path"]) if "obj_path" in fields else _folder_with_a_mesh(path, meshes)
        code = word(fields["obj_code"]) if "obj_code" in fields else object_part(told)
        poses = np.atleast_2d(vector(str(path), fields, "obj_pose", None))
        return BenchObject(code, meshes.find(told), poses, _scale(str(path), "obj_scale", fields["obj_scale"]))
    if "scene_cfg" in fields:
        origin, scene, start = f"{path}, field scene_cfg", fields["scene_cfg"], None
    elif "scene_path" in fields:
        origin, scene, start = _scene_file(path, fields["scene_path"], meshes)
    else:
        raise ValueError(
            f"{path} lacks the field 'obj_pose', and has no 'scene_path' or 'scene_cfg' either; it has "
            f"{', '.join(map(str, fields)) or 'none'}"
        )
    found = _of_scene(origin, scene, start, meshes)
    if "scene_scale" not in fields:
        return found
    scales = found.scales * vector(str(path), fields, "scene_scale", None).ravel()
    return replace(found, scales=_checked(f"{path}, field scene_scale", scales))


def read_contacts(source: str, fields: Mapping[str, Any], row: int, count: int, object_w: Array) -> Array | None:
    """Where the hand of one of ``count`` grasps touches (C, 3), in the object's frame; None where the file has none.

    In the world's frame Dexonomy has points and normals (C, 6) of a file's only grasp, raw BODex points (1, N, C, 3) or
    (1, N, 1, C, 3).
    """
    points_w: Array = np.zeros((0, 3))
    told = [name for name in _CONTACTS if name in fields]
    if told and count == 1:
        found = vector(source, fields, told[0], None)
        points_w = found[:, :3] if found.ndim == 2 and found.shape[1] == 6 else points_w
    elif "contact_point" in fields:
        found = vector(source, fields, "contact_point", None)
        is_known = found.ndim in (4, 5) and found.shape[:2] == (1, count) and found.shape[-1] == 3
        points_w = found[0, row].reshape(-1, 3) if is_known else points_w
    if not len(points_w):
        return None
    poses = np.concatenate([points_w, np.tile([1.0, 0.0, 0.0, 0.0], (len(points_w), 1))], axis=1)
    return relative_pose(np.tile(object_w, (len(poses), 1)), poses)[:, :3]


def family_of(code: str) -> str:
    """The category in an object's name: ``core_bottle_1a2b`` and ``sem_Car_66a0`` tell it; of others the first word."""
    words = Path(code).name.replace("-", "_").split("_")
    return words[1] if len(words) > 2 and words[0] in ("core", "sem") else words[0]


def _folder_with_a_mesh(path: Path, meshes: MeshSearch) -> str:
    """A file without the object's name lies in the object's folder, or in one of that folder's."""
    for folder in path.parents[:2]:
        if folder.name and meshes.locate(folder.name) is not None:
            return folder.name
    return path.parent.name


def _scene_file(path: Path, given: Any, meshes: MeshSearch) -> tuple[str, Any, Path]:
    """Name, content and folder of the scene that a file names; of a list of names the first."""
    names = [word(name) for name in np.asarray(given, dtype=object).ravel()]
    damaged: list[Exception] = []

    def scene_at(place: Path) -> tuple[str, Any, Path] | None:
        """Grasps have the same name in another folder."""
        if not place.is_file() or place.samefile(path):
            return None
        try:
            content = _load_scene(place, place.stat().st_mtime_ns)
        except (ValueError, OSError) as error:
            damaged.append(error)
            return None
        return (str(place), content, place.parent) if isinstance(content, Mapping) and "scene" in content else None

    found = meshes.first(names[0], scene_at) if names else None
    if found is not None:
        return found
    if damaged:
        raise damaged[0]
    raise ValueError(
        f"{path}, field scene_path: {names[0] if names else 'empty'} is not there (looked in: "
        f"{', '.join(map(str, meshes.folders))}); put the objects' folder with its scene_cfg near the grasps, or "
        "give it as --meshes"
    )


@lru_cache(maxsize=64)
def _load_scene(path: Path, mtime_ns: int) -> Any:
    content = load_npy(path)
    return content.item() if content.shape == () else None


def _of_scene(origin: str, scene: Any, start: Path | None, meshes: MeshSearch) -> BenchObject:
    task = scene.get("task") if isinstance(scene, Mapping) else None
    name = task.get("obj_name") if isinstance(task, Mapping) else None
    if name is None and isinstance(scene, Mapping):
        name = scene.get("interest_obj_name")  # older scenes
    things = scene.get("scene") if isinstance(scene, Mapping) else None
    thing = things.get(name) if isinstance(things, Mapping) else None
    if not isinstance(thing, Mapping):
        raise ValueError(f"{origin} has no scene[task['obj_name']], expected the object that is grasped")
    if thing.get("type", "rigid_object") not in ("rigid_object", "rigid_mesh"):
        raise ValueError(f"{origin}: {name} is of the type {thing['type']!r}; only rigid objects are read")
    source = f"{origin}, {name}"
    pose = vector(source, thing, "pose", 7)[None]
    scale = _scale(source, "scale", thing.get("scale"))
    return BenchObject(str(name), _mesh(source, thing, start, meshes), pose, scale)


def _mesh(source: str, thing: Mapping[str, Any], start: Path | None, meshes: MeshSearch) -> Path:
    if "file_path" not in thing:
        raise ValueError(f"{source} lacks the field 'file_path', expected the mesh file")
    told = word(thing["file_path"])
    if start is not None and (beside := Path(os.path.normpath(start / told))).is_file():
        return beside
    return meshes.find(told)


def _scale(source: str, name: str, given: Any) -> Array:
    """One number (1,), which may be told for each of the three axes, or one for each grasp (S,)."""
    values = vector(source, {name: given}, name, None).ravel()
    if len(values) == 3:
        if np.ptp(values) > 1e-6 * abs(values[0]):
            raise ValueError(f"{source}, field {name}: {values.tolist()}, expected one number for all three axes")
        values = values[:1]
    return _checked(f"{source}, field {name}", values)


def _checked(source: str, scales: Array) -> Array:
    if not len(scales):
        raise ValueError(f"{source}: empty, expected the true scale, such as 0.08")
    wrong = scales[~((scales > 0.0) & (scales <= 1.0))]
    if len(wrong):
        raise ValueError(f"{source}: {wrong[0]:g}; it is the true scale, such as 0.08, in (0, 1]")
    return scales
