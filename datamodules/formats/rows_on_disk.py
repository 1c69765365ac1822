"""Rows of one large array: of a pickle of gigabytes those that are asked for are read, not the whole."""

import pickle
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from envs.memory_limit import memory_of

LARGE = 64_000_000
"""Bytes of a file from which its array stays on the disk."""


class Rows(Protocol):
    """A table of numbers (N, W)."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of its numbers."""
        ...

    def row(self, number: int) -> NDArray[np.float64]:
        """One row (W,)."""
        ...

    def column(self, number: int) -> NDArray[np.float64]:
        """One column (N,)."""
        ...


@dataclass(frozen=True)
class RowsInMemory:
    """See `Rows`."""

    array: NDArray[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """See `Rows.shape`."""
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """See `Rows.dtype`."""
        return self.array.dtype

    def row(self, number: int) -> NDArray[np.float64]:
        """See `Rows.row`."""
        return self.array[number].astype(np.float64)

    def column(self, number: int) -> NDArray[np.float64]:
        """See `Rows.column`."""
        return self.array[:, number].astype(np.float64)


@dataclass(frozen=True)
class RowsOnDisk:
    """See `Rows`; they stand in a file from ``begin`` on, one after another."""

    path: Path
    begin: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def row(self, number: int) -> NDArray[np.float64]:
        """See `Rows.row`."""
        with self.path.open("rb") as file:
            return self._read(file, number * self.shape[1], self.shape[1])

    def column(self, number: int) -> NDArray[np.float64]:
        """See `Rows.column`."""
        with self.path.open("rb", buffering=0) as file:
            found = [self._read(file, row * self.shape[1] + number, 1) for row in range(self.shape[0])]
        return np.concatenate([np.zeros(0), *found])

    def _read(self, file: Any, first: int, count: int) -> NDArray[np.float64]:
        file.seek(self.begin + first * self.dtype.itemsize)
        return np.frombuffer(file.read(count * self.dtype.itemsize), self.dtype).astype(np.float64)


def pickled_rows(path: Path) -> RowsOnDisk | None:
    """The rows of a large pickle that is one table of numbers (protocol 3 or later); None for any other file.

    Nothing but the names of such an array is known here, so that nothing a pickle contains is run.
    """
    if path.stat().st_size < LARGE:
        return None
    try:
        with memory_of(path), path.open("rb") as file:
            found = _Unpickler(_Skipping(file)).load()
    except Exception:  # something else, or damaged: the reader of all kinds says what
        return None
    if not isinstance(found, _Table) or found.rows is None:
        return None
    begin, size, shape, dtype = found.rows
    is_whole = len(shape) == 2 and size == int(np.prod(shape)) * dtype.itemsize
    return RowsOnDisk(path, begin, shape, dtype) if is_whole and not dtype.hasobject else None


@dataclass(frozen=True)
class _Stretch:
    """Bytes of a file that were passed over."""

    begin: int
    size: int

    def __len__(self) -> int:
        return self.size


class _Skipping:
    """A file of which large reads are passed over."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.readline = file.readline

    def read(self, count: int) -> Any:
        """The next bytes, or where they stand."""
        if count < LARGE // 2:
            return self._file.read(count)
        begin = self._file.tell()
        return _Stretch(begin, self._file.seek(begin + count) - begin)


class _Table:
    """Stands for the array."""

    rows: tuple[int, int, tuple[int, ...], np.dtype[Any]] | None = None

    def __setstate__(self, state: tuple[Any, tuple[int, ...], np.dtype[Any], bool, Any]) -> None:
        _, shape, dtype, is_fortran, content = state
        if isinstance(content, _Stretch) and not is_fortran:
            self.rows = content.begin, content.size, shape, dtype


def _reconstruct(*_: Any) -> _Table:
    return _Table()


def _frombuffer(content: Any, dtype: np.dtype[Any], shape: tuple[int, ...], order: str) -> _Table:
    table = _Table()
    table.__setstate__((1, shape, dtype, order != "C", content))
    return table


_KNOWN: dict[tuple[str, str], Any] = {("numpy", "ndarray"): np.ndarray, ("numpy", "dtype"): np.dtype}
for _core in ("numpy._core", "numpy.core"):
    _KNOWN[f"{_core}.multiarray", "_reconstruct"] = _reconstruct
    _KNOWN[f"{_core}.numeric", "_frombuffer"] = _frombuffer


class _Unpickler(pickle._Unpickler):  # the one that is written in Python: it takes what a file's read gives
    dispatch: ClassVar[Any] = dict(pickle._Unpickler.dispatch)

    def find_class(self, module_name: str, global_name: str) -> Any:
        """What the pickle of an array names; KeyError for anything else."""
        return _KNOWN[module_name, global_name]


def _load_bytes_that_may_change(unpickler: Any) -> None:
    """Protocol 5 spells arrays so; the inherited way would read them whole."""
    (size,) = struct.unpack("<Q", unpickler.read(8))
    unpickler.append(unpickler.read(size))


_Unpickler.dispatch[pickle.BYTEARRAY8[0]] = _load_bytes_that_may_change
