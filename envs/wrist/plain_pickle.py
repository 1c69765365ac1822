"""Pickles of strangers, and `.npy` files that hold them, read without running anything they contain."""

import collections
import pickle
import re
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy._core import multiarray
from numpy.typing import NDArray

from envs.memory_limit import UnexplainedMemoryError, memory_of
from envs.stand_ins import what_stands_there
from envs.workers import error_text
from envs.wrist.plain_arrays import HEADERS


def _latin1(text: str, encoding: str) -> bytes:
    """How pickles of protocol 2 and before spell bytes.

    Raises:
        pickle.UnpicklingError: another encoding.
    """
    if encoding not in ("latin1", "latin-1") or not isinstance(text, str):
        raise pickle.UnpicklingError(f"it encodes {type(text).__name__} as {encoding!r}; only bytes are spelt so")
    return text.encode("latin1")


def _frombuffer(content: Any, dtype: np.dtype[Any], shape: tuple[int, ...], order: Any) -> NDArray[Any]:
    """How pickles of protocol 5 spell arrays."""
    return np.frombuffer(content, dtype=dtype).reshape(shape, order=order)


# Everything that such a file may name: numpy arrays, numpy numbers and an ordered dict. Plain containers, numbers and
# strings need no name. "numpy.core" is what numpy 1 wrote.
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("_codecs", "encode"): _latin1,
}
for _core in ("numpy._core", "numpy.core"):
    _ALLOWED[f"{_core}.multiarray", "_reconstruct"] = multiarray._reconstruct
    _ALLOWED[f"{_core}.multiarray", "scalar"] = multiarray.scalar
    _ALLOWED[f"{_core}.numeric", "_frombuffer"] = _frombuffer


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
    array = load_object_array(path)
    if array.shape != ():
        raise ValueError(f"{path} does not hold one object (a 0-d object array); it was written for something else")
    return array.item()


def load_object_array(path: str | Path) -> NDArray[Any]:
    """The object array of any shape that ``numpy.save`` wrote; raises like `load_plain_object`."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; give the path of an .npy file")
    check_is_itself(path)
    with path.open("rb") as file:
        return read_object_array(path, file)


def load_plain_pickle(path: str | Path) -> Any:
    """The object that ``pickle.dump`` wrote: arrays and plain containers only; raises like `load_plain_object`."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; give the path of a pickle")
    check_is_itself(path)
    with path.open("rb") as file:
        return _unpickle(path, file)


def check_is_itself(path: Path) -> None:
    """ValueError for a file that stands in place of the one that is meant, such as a Git LFS pointer or a web page."""
    stand_in = what_stands_there(path, "the data")
    if stand_in:
        raise ValueError(f"{path}: {stand_in}")


def header_words(error: Exception) -> str:
    """What is wrong with the header of an .npy file, without Python's names for parts of what it says."""
    return re.sub(r": <[\w.]+ object at 0x[0-9a-f]+>", "", error_text(error))


def read_object_array(path: Path, file: IO[bytes]) -> NDArray[Any]:
    """The object array that an open .npy file, or a member of an .npz archive, holds; ``path`` is for messages.

    Raises:
        ValueError: see `load_plain_object`.
    """
    try:
        _, _, dtype = HEADERS[np.lib.format.read_magic(file)](file)
    except Exception as error:  # the header is read as Python's literals, which raise many types
        raise ValueError(f"{path} is not an .npy file of version 1 or 2: {header_words(error)}") from error
    if not dtype.hasobject:
        raise ValueError(f"{path} holds an array of {dtype}, expected a pickled object")
    array = _unpickle(path, file)
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{path} does not hold an object array; it was written for something else")
    return array


def _unpickle(path: Path, file: IO[bytes]) -> Any:
    try:
        with memory_of(path):
            return _PlainUnpickler(file, encoding="latin1").load()  # what Python 2 wrote: bytes of arrays as texts
    except UnexplainedMemoryError:
        raise
    except Exception as error:  # a damaged pickle may raise almost anything
        raise ValueError(f"{path} was not read: {error}{'' if str(error) else 'it is damaged'}") from error
