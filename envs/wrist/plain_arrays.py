"""Arrays of numbers in files of strangers: what they claim to hold is checked before memory is taken for it."""

import math
import zipfile
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
"""Readers of the header by the version of the .npy file."""


def read_numbers(file: IO[bytes], num_bytes: int) -> NDArray[Any]:
    """The array of an open .npy file, or of such a member of an archive, that stands at its beginning.

    Args:
        file: can be sought in.
        num_bytes: of the whole of it.
    Raises:
        ValueError: an array of objects, or a header of more numbers than the file holds. Others for other damage.
        MemoryError: the numbers are there, and take more than is free.
    """
    read_header = HEADERS.get(np.lib.format.read_magic(file))
    if read_header is not None:  # that of another version holds names in Unicode, or is refused below
        shape, _, dtype = read_header(file)
        claimed = math.prod(shape) * dtype.itemsize
        if claimed > num_bytes and not dtype.hasobject:
            raise ValueError(f"its header tells of {claimed} bytes of numbers, of {num_bytes} that are there")
    file.seek(0)
    found: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return found


def check_member_size(source: str, archive: zipfile.ZipFile, name: str, most_bytes: int, remedy: str) -> int:
    """Bytes that a member of an archive unfolds to: a few kilobytes may become gigabytes.

    Raises:
        ValueError: more than allowed; names the source.
    """
    num_bytes = archive.getinfo(name).file_size
    if num_bytes > most_bytes:
        raise ValueError(f"{source}: {num_bytes / 1e6:.0f} MB, allowed up to {most_bytes / 1e6:.0f}; {remedy}")
    return num_bytes
