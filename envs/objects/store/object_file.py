"""A built object as one safetensors file, read back to the bit."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save

from envs.objects.grasp_object import GraspObject

_ARRAYS = (
    "vertices", "faces", "inertia", "rest_poses", "rest_probabilities", "points", "normals", "cloud_index",
)  # fmt: skip
_VALUES = ("name", "family", "seed", "parameters", "mass")


def object_to_bytes(thing: GraspObject) -> bytes:
    """The whole object: its arrays, pieces in one, and everything else as JSON in the metadata."""
    arrays: dict[str, NDArray[Any]] = {name: np.ascontiguousarray(getattr(thing, name)) for name in _ARRAYS}
    arrays["pieces"] = np.concatenate(thing.pieces)
    arrays["piece_sizes"] = np.array([len(piece) for piece in thing.pieces])
    return save(arrays, {"values": json.dumps({name: getattr(thing, name) for name in _VALUES})})


def read_object(path: Path) -> GraspObject:
    """The object that `object_to_bytes` gave the bytes of; its arrays are writable.

    Raises:
        SafetensorError, OSError, ValueError: no such file, or a cut or foreign one.
    """
    with safe_open(path, "np") as file:
        values: dict[str, Any] = json.loads((file.metadata() or {}).get("values", ""))
        arrays: dict[str, NDArray[Any]] = file.get_tensors()
    cuts = np.cumsum(arrays.pop("piece_sizes"))[:-1]
    return GraspObject(**values | arrays | {"pieces": tuple(np.split(arrays["pieces"], cuts))})
