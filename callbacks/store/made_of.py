"""What results are made of, in words and digests: code, settings, weights, grasps, episodes."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import cached_property, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import LightningModule
from torch import Tensor

from datamodules.grasps.dataset import GraspTable
from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.objects.library import ObjectLibrary
from envs.task.episodes import Episodes
from envs.task.targets import GraspTargets

LAYERS = ("envs", "datamodules", "lightning_modules", "callbacks")
"""Packages whose code decides results; reports only tell of them."""

_OF_CODE = (".py", ".json", ".yaml")
"""Ends of files in these packages."""

_OF_HAND = (
    "body_parentid", "body_pos", "body_quat", "body_ipos", "body_iquat", "body_mass", "body_inertia", "jnt_axis",
    "jnt_pos", "jnt_range", "dof_damping", "dof_armature", "geom_type", "geom_bodyid", "geom_contype",
    "geom_conaffinity", "geom_size", "geom_pos", "geom_quat", "mesh_vert",
)  # fmt: skip
"""Arrays of a hand's compiled model that decide how it moves and collides."""

_DECIMALS = 6
"""Digits after the point by which poses and joints tell episodes apart; the last bits depend on the processor."""

_NO_PART_OF_IDENTITY = ("hand", "grasp_objects", "clouds", "other_joint_pos")

_LIBRARIES = ("mujoco", "torch", "numpy", "scipy", "lightning", "torch-geometric", "gymnasium-robotics")


def digest(*parts: Any) -> str:
    """32 hexadecimal digits that stand for arrays, tensors, and what `settings_of` says of the rest."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray | Tensor):
            array = np.ascontiguousarray(part.detach().cpu().numpy() if isinstance(part, Tensor) else part)
            total.update(f"{array.dtype.str}{array.shape}".encode())
            total.update(array.tobytes())
        else:
            total.update(json.dumps(settings_of(part), sort_keys=True).encode())
        total.update(b"\0")
    return total.hexdigest()[:32]


def settings_of(value: Any) -> Any:
    """What JSON can say of settings: objects as their class and public attributes, arrays as their digest."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray | Tensor):
        return digest(value)
    if isinstance(value, Mapping):
        return {str(key): settings_of(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [settings_of(item) for item in value]
    if isinstance(value, Path | np.generic):
        return str(value)
    if isinstance(value, Hand):
        return _settings_of_hand(value)
    if isinstance(value, type) or not hasattr(value, "__dict__"):
        return getattr(value, "__qualname__", type(value).__qualname__)
    public = {name: item for name, item in vars(value).items() if not name.startswith("_") and name != "training"}
    worked_out = {name for name in public if isinstance(getattr(type(value), name, None), cached_property)}
    settings = {name: settings_of(item) for name, item in public.items() if name not in worked_out}
    return {"class": type(value).__qualname__, **settings}


def _settings_of_hand(hand: Hand) -> dict[str, Any]:
    """What decides how a hand moves: its settings, and its model as it was compiled in place of its file."""
    stands_for = {
        item.name: getattr(hand, item.name) for item in fields(hand) if item.name not in ("file", "reference")
    }
    model = hand.model()
    return {"model": digest(*(getattr(model, name) for name in _OF_HAND)), **settings_of(stands_for)}


def settings_of_module(module: LightningModule) -> dict[str, Any]:
    """A module's class, settings and weights.

    The settings are those that it was built with: saved hyper-parameters lack objects that were handed over in Python.
    """
    return {
        "class": type(module).__qualname__,
        "settings": settings_of(module.hparams_initial),
        "weights": digest(*(part for item in module.state_dict().items() for part in item)),
    }


def code_files() -> list[Path]:
    """The project's own code and the data that lie in it: split files, hands, prototypes."""
    root = Path(__file__).resolve().parents[2]
    return [path for layer in LAYERS for path in sorted((root / layer).rglob("*")) if path.suffix in _OF_CODE]


@lru_cache
def made_of_code() -> dict[str, str]:
    """Digest of `code_files`, and the versions of the libraries that decide numbers."""
    root = Path(__file__).resolve().parents[2]
    texts = ((path.relative_to(root), path.read_text(encoding="utf-8")) for path in code_files())
    code = digest(*(text for pair in texts for text in pair))
    return {"code": code, **{name: version(name) for name in _LIBRARIES}}


def digest_of(columns: Episodes | GraspTargets) -> str:
    """Stands for the objects, their clouds, and everything that episodes or grasps say of them."""
    rest = [getattr(columns, item.name) for item in fields(columns) if item.name not in ("grasp_objects", "clouds")]
    return digest(*_looks(columns.grasp_objects), [thing.name for thing in columns.grasp_objects], *rest)


def identity_of(episodes: Episodes) -> str:
    """Stands for which episodes they are, on whatever processor they are made: numbers to the sixth digit.

    Left out are what PPO (Goal) is told, and shapes of objects and hand, of which their names and the grasp set tell.
    """
    columns = [getattr(episodes, item.name) for item in fields(episodes) if item.name not in _NO_PART_OF_IDENTITY]
    rounded = [np.round(each, _DECIMALS) + 0.0 if each.dtype.kind == "f" else each for each in columns]
    return digest(episodes.hand.name, [thing.name for thing in episodes.grasp_objects], *rounded)


def digest_of_table(table: GraspTable, library: ObjectLibrary) -> str:
    """Stands for grasps and their objects."""
    grasps = table.grasps
    names = grasps.object_names()
    return digest(
        grasps.hand, *_looks(library.get_many(sorted(set(names)))), names, grasps.object_pose_w, grasps.rest_pose_w,
        grasps.wrist_pose_o, grasps.joint_pos,
    )  # fmt: skip


def _looks(grasp_objects: Iterable[GraspObject]) -> list[Any]:
    """What stands for objects, each once: their clouds and what collides."""
    distinct = {(thing.name, thing.body_digest): thing for thing in grasp_objects}
    return [part for key, thing in distinct.items() for part in (*key, thing.cloud)]
