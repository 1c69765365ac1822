"""Files of strangers: plain numpy arrays and containers, of which nothing is ever run."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy._core import multiarray
from numpy.typing import NDArray

from envs.memory_limit import UnexplainedMemoryError, memory_of
from envs.workers import error_text
from envs.wrist.plain_arrays import check_member_size, read_numbers
from envs.wrist.plain_pickle import (
    check_is_itself,
    header_words,
    load_object_array,
    load_plain_pickle,
    read_object_array,
)

MAX_FIELD_BYTES = 64_000_000
"""Bytes of a field of an .npz archive: a grasp takes some hundred, and a few kilobytes may unfold to gigabytes."""


_ZIP = b"PK\x03\x04"
"""First bytes of an archive."""


def load_npz(path: Path, wanted: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Those fields of an .npz archive that it has; object arrays through the restricted reader.

    Raises:
        ValueError: not such an archive, or damaged; names the file.
    """
    found = {}
    try:
        check_is_itself(path)
        with zipfile.ZipFile(path) as archive:
            for name in wanted:
                if f"{name}.npy" in archive.namelist():
                    found[name] = _member(path, archive, f"{name}.npy")
    except OSError as error:
        raise _unreadable(path, error) from error
    except MemoryError:
        raise  # of the machine, not of the file
    except Exception as error:  # zip raises many types for a damaged file
        if str(error).startswith(str(path)):
            raise
        raise ValueError(f"{path} is not an .npz archive ({error_text(error)}); fetch it again") from error
    return found


def _unreadable(path: Path, error: OSError) -> ValueError:
    """The file is not there any more, is a link to nothing, or must not be read."""
    return ValueError(f"{path} cannot be read ({error.strerror or error}); bring it back, or allow reading it")


def _member(path: Path, archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    source = f"{path}, field {name[:-4]}"
    num_bytes = check_member_size(source, archive, name, MAX_FIELD_BYTES, "it is no grasp")
    with archive.open(name) as file:
        try:
            return read_numbers(file, num_bytes)
        except MemoryError:
            raise
        except Exception as error:  # the header is read as Python's literals, which raise many types
            if "allow_pickle" not in str(error):
                raise ValueError(f"{source}: {header_words(error)}; fetch the file again") from error
    with archive.open(name) as file:
        return read_object_array(path, file)


def load_npy(path: Path) -> NDArray[Any]:
    """The array of an .npy file: numbers, or objects of plain containers.

    Raises:
        ValueError: not such a file, damaged, or naming anything else; names the file.
    """
    try:
        check_is_itself(path)
        with path.open("rb") as file:
            if file.read(len(_ZIP)) == _ZIP:
                raise ValueError(f"{path} is an .npz archive under the name .npy; rename it")
            file.seek(0)
            return read_numbers(file, path.stat().st_size)
    except OSError as error:
        raise _unreadable(path, error) from error
    except MemoryError:
        raise
    except Exception as error:  # the header is read as Python's literals, which raise many types
        if str(error).startswith(str(path)):
            raise
        if "allow_pickle" not in str(error):
            raise ValueError(f"{path} is not an .npy file ({header_words(error)}); fetch it again") from error
    return load_object_array(path)


def load_pth(path: Path) -> Any:
    """What a .pth or .pkl file holds: arrays and plain containers, pickled by themselves or by ``torch.save``.

    Raises:
        ValueError: damaged, or naming anything else; names the file.
    """
    if not zipfile.is_zipfile(path):
        return load_plain_pickle(path)
    kinds = (np.float32, np.float64, np.int32, np.int64, np.uint8, np.bool_, np.str_, np.bytes_)
    functions = (multiarray._reconstruct, multiarray.scalar)
    of_numpy_1 = [(function, f"numpy.core.multiarray.{function.__name__}") for function in functions]
    allowed: list[Any] = [*functions, *of_numpy_1, np.ndarray, np.dtype, *(type(np.dtype(kind)) for kind in kinds)]
    try:
        with memory_of(path), torch.serialization.safe_globals(allowed):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except UnexplainedMemoryError:
        raise
    except Exception as error:  # zip and unpickler raise many types for a damaged file
        cause = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{path} was not read: {cause}; only arrays and containers are") from error
    return content.numpy() if isinstance(content, torch.Tensor) else content


def text_keys(fields: Mapping[Any, Any]) -> dict[str, Any]:
    """The fields by names that are texts; Python 2 and some writers store them as bytes."""
    return {_text(name): value for name, value in fields.items()}


def word(value: Any) -> str:
    """A name or path in a field, which may be of any kind of text, bytes or an array of one."""
    held = np.asarray(value, dtype=object)
    return _text(held.item() if held.size == 1 else value)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def number(source: str, fields: Mapping[str, Any], name: str) -> float:
    """A finite number of a file's fields.

    Raises:
        ValueError: absent, no number or not finite; names source and field.
    """
    values = vector(source, fields, name, None)
    if values.size != 1:
        raise ValueError(f"{source}, field {name}: {values.size} values, expected one number; leave this entry out")
    return float(values.ravel()[0])


def vector(source: str, fields: Mapping[str, Any], name: str, size: int | None) -> NDArray[np.float64]:
    """Finite numbers of a file's fields, ``size`` of them, or of any shape when None.

    Raises:
        ValueError: absent, of another size, no numbers or not finite; names source and field.
    """
    if name not in fields:
        raise ValueError(f"{source} lacks the field {name!r}; it has {', '.join(map(str, fields)) or 'none'}")
    try:
        values = np.asarray(fields[name], dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{source}, field {name}: no numbers ({error}); leave this entry out") from error
    if size is not None and values.shape != (size,):
        raise ValueError(f"{source}, field {name}: shape {values.shape}, expected ({size},); leave this entry out")
    if not np.isfinite(values).all():
        raise ValueError(f"{source}, field {name}: NaN or infinity, expected finite numbers; leave this entry out")
    return values
