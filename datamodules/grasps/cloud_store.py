"""The clouds of many objects, in one file that is mapped into memory.

Grasp tables need 12 kB of an object, its file in the cache of objects holds some 120: reading those of 5,000 objects
is 0.6 GB at every start, and as much memory for each process if they stay.
"""

import io
import logging
import zlib
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from envs.conventions import NUM_CLOUD_POINTS
from envs.files import CACHE_VARIABLE, cache_folder, write_atomically
from envs.objects.library import ObjectLibrary

_LOG = logging.getLogger(__name__)

Clouds = NDArray[np.float32]


@lru_cache(maxsize=8)
def object_clouds(library: ObjectLibrary, names: tuple[str, ...]) -> Clouds:
    """Clouds (O, 1024, 3) of these objects in their order, object frames, m, not to be written to.

    Read object by object and kept in the cache the first time, mapped from there ever after, by all processes together.
    The file is named after the content of the objects: changed ones get another. A damaged file is told and made anew;
    a folder that cannot be written is told and done without.

    Raises:
        KeyError, ValueError: as `ObjectLibrary.each`.
    """
    folder = cache_folder("clouds")
    if folder is None or not names:
        return _read(library, names)
    path = folder / f"{sha256(''.join(map(library.key, names)).encode()).hexdigest()[:40]}.npy"
    try:
        return _mapped(path, len(names))
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        _LOG.warning("clouds %s cannot be used: %s; they are read from their objects again", path, error)
    clouds = _read(library, names)
    try:
        _write(path, clouds)
    except OSError as error:
        _LOG.warning(
            "clouds cannot be kept in %s (%s) and will be read again in the next run: free some space there, or name "
            "another folder in the environment variable %s", path.parent, error, CACHE_VARIABLE,
        )  # fmt: skip
        return clouds
    return _mapped(path, len(names))


def _read(library: ObjectLibrary, names: tuple[str, ...]) -> Clouds:
    clouds = np.empty((len(names), NUM_CLOUD_POINTS, 3), dtype=np.float32)
    for row, thing in enumerate(library.each(names)):
        clouds[row] = thing.cloud
    return clouds


def _write(path: Path, clouds: Clouds) -> None:
    """A plain npy file, and after it the CRC-32 of the numbers."""
    payload = io.BytesIO()
    np.save(payload, clouds, allow_pickle=False)
    write_atomically(path, payload.getvalue() + zlib.crc32(clouds.data).to_bytes(4, "little"))


def _mapped(path: Path, count: int) -> Clouds:
    """The content of a file; pages are shared with other processes until somebody writes to them.

    Raises:
        FileNotFoundError: no such file.
        ValueError, OSError: truncated, of other objects, or not what was written.
    """
    with path.open("rb") as file:
        file.seek(-4, io.SEEK_END)
        expected = int.from_bytes(file.read(4), "little")
    clouds: Clouds = np.load(path, mmap_mode="c", allow_pickle=False)
    if clouds.shape != (count, NUM_CLOUD_POINTS, 3) or clouds.dtype != np.float32:
        raise ValueError(f"holds {clouds.dtype} {clouds.shape}, expected float32 {(count, NUM_CLOUD_POINTS, 3)}")
    if zlib.crc32(clouds.data) != expected:
        raise ValueError("its numbers are not those that were written")
    return clouds
