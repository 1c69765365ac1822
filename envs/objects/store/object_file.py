"""A built object as one block of bytes that is read back in a fraction of a millisecond, to the bit.

Layout: magic (8 bytes), CRC-32 of all that follows (4), length of the header (4), header (JSON: text and number fields,
and name, type and shape of every array in order), then the arrays, each on a 16-byte border. Little endian.
"""

import json
import math
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.objects.grasp_object import GraspObject

MAGIC = b"GRASPOB1"
_ALIGNMENT = 16
_PREFIX = struct.Struct("<8sII")
_ARRAYS = (
    "vertices", "faces", "inertia", "rest_poses", "rest_probabilities", "points", "normals", "cloud_index",
)  # fmt: skip
_VALUES = ("name", "family", "seed", "parameters", "mass")


def object_to_bytes(thing: GraspObject) -> bytes:
    """The whole object in the layout above."""
    arrays: dict[str, NDArray[np.generic]] = {name: np.ascontiguousarray(getattr(thing, name)) for name in _ARRAYS}
    arrays["piece_sizes"] = np.array([len(piece) for piece in thing.pieces], dtype=np.int64)
    arrays["pieces"] = np.concatenate(thing.pieces)
    fields = {name: getattr(thing, name) for name in _VALUES}
    fields["arrays"] = [[name, array.dtype.str, array.shape] for name, array in arrays.items()]
    header = json.dumps(fields).encode()
    body = b"".join(_padded(block) for block in (header, *(array.tobytes() for array in arrays.values())))
    return _PREFIX.pack(MAGIC, zlib.crc32(struct.pack("<I", len(header)) + body), len(header)) + body


def object_from_bytes(data: bytearray) -> GraspObject:
    """The object that `object_to_bytes` wrote; its arrays are writable views of `data`.

    Raises:
        ValueError: no such file, a cut or a changed one; says which.
    """
    if len(data) < _PREFIX.size or data[:8] != MAGIC:
        raise ValueError("it is not a built object, or one of another version")
    _, checksum, header_length = _PREFIX.unpack_from(data)
    if zlib.crc32(memoryview(data)[_PREFIX.size - 4 :]) != checksum:
        raise ValueError("its bytes are not those that were written (cut or changed)")
    start = _PREFIX.size
    fields: dict[str, Any] = json.loads(bytes(data[start : start + header_length]))
    start += _rounded(header_length)
    arrays: dict[str, NDArray[Any]] = {}
    for name, kind, shape in fields.pop("arrays"):
        count = math.prod(shape)
        arrays[name] = np.frombuffer(data, dtype=kind, count=count, offset=start).reshape(shape)
        start += _rounded(arrays[name].nbytes)
    cuts = np.cumsum(arrays.pop("piece_sizes"))[:-1]
    fields["pieces"] = tuple(np.split(arrays.pop("pieces"), cuts))
    return GraspObject(**fields | arrays)


def _rounded(length: int) -> int:
    return -(-length // _ALIGNMENT) * _ALIGNMENT


def _padded(block: bytes) -> bytes:
    return block + bytes(_rounded(len(block)) - len(block))
