"""Pickled `.npy` files of strangers, read without running anything they contain."""

import collections
import pickle
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy._core import multiarray

# Everything that such a file may name: numpy arrays, numpy numbers and an ordered dict. Plain containers, numbers and
# strings need no name. "numpy.core" is what numpy 1 wrote.
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("collections", "OrderedDict"): collections.OrderedDict,
}
for _core in ("numpy._core", "numpy.core"):
    _ALLOWED[f"{_core}.multiarray", "_reconstruct"] = multiarray._reconstruct
    _ALLOWED[f"{_core}.multiarray", "scalar"] = multiarray.scalar


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> Any:
        """What a pickle names, if it is on the list.

        Raises:
            pickle.UnpicklingError: it is not; nothing was imported.
        """
        try:
            return _ALLOWED[module_name, global_name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"it names {module_name}.{global_name}; only numpy arrays and plain containers are read"
            ) from None


def load_plain_object(path: str | Path) -> Any:
    """The object that ``numpy.save`` wrote as a 0-d object array: arrays and plain containers only.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not such a file, damaged, or naming anything but numpy arrays and plain containers (nothing of it
            has been run then).
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; give the path of an .npy file")
    with path.open("rb") as file:
        array = _read_object_array(path, file)
    if not isinstance(array, np.ndarray) or array.shape != ():
        raise ValueError(f"{path} does not hold one object (a 0-d object array); it was written for something else")
    return array.item()


def _read_object_array(path: Path, file: BinaryIO) -> Any:
    try:
        version = np.lib.format.read_magic(file)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        _, _, dtype = read_header[version](file)
    except (ValueError, KeyError) as error:
        raise ValueError(f"{path} is not an .npy file of version 1 or 2: {error}") from error
    if not dtype.hasobject:
        raise ValueError(f"{path} holds an array of {dtype}, expected a pickled object")
    try:
        return _PlainUnpickler(file).load()
    except Exception as error:  # a damaged pickle may raise almost anything
        raise ValueError(f"{path} was not read: {error or type(error).__name__}") from error
