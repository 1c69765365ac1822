"""Arrays of recordings' files, checked before they are used."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.wrist.plain_arrays import check_member_size, read_numbers
from envs.wrist.plain_pickle import check_is_itself, header_words

Array = NDArray[np.float64]

MAX_ARRAY_BYTES = 64_000_000
"""Bytes of an array of a recording: a minute of two hands at 1 kHz takes 49 MB."""


def read_poses(path: Path, columns: dict[str, int]) -> dict[str, Array]:
    """Arrays of numbers (T, n, columns) of an .npz file by name; all have the same T.

    Args:
        path: the file.
        columns: number of columns of each array.

    Raises:
        ValueError: no such file, a damaged one, or arrays of another kind, shape or size; names it.
    """
    try:
        check_is_itself(path)
        with zipfile.ZipFile(path) as archive:
            _check_members(path, archive, columns)
            found = {name: _member(archive, f"{name}.npy") for name in columns}
    except FileNotFoundError:
        raise ValueError(f"{path.name} is not beside it; a recording is both files") from None
    except MemoryError:
        raise  # of the machine, not of the file
    except Exception as error:  # zip and npy raise many types for a damaged file
        if str(error).startswith(path.name):
            raise
        raise ValueError(f"{path.name} cannot be read ({header_words(error)}); is it whole?") from error
    for name, width in columns.items():
        array = found[name]
        if array.ndim != 3 or array.shape[2] != width or array.dtype.kind not in "fiu":
            raise ValueError(f"{name} is {array.dtype} of shape {array.shape}, expected numbers (T, n, {width})")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds values that are not finite")
    if len({len(array) for array in found.values()}) > 1:
        lengths = ", ".join(f"{name} {len(array)}" for name, array in found.items())
        raise ValueError(f"its arrays have different numbers of frames: {lengths}")
    return {name: np.asarray(array, dtype=np.float64) for name, array in found.items()}


def _check_members(path: Path, archive: zipfile.ZipFile, columns: dict[str, int]) -> None:
    """ValueError for arrays that are not there, or take more memory than any recording."""
    for name in columns:
        if f"{name}.npy" not in archive.namelist():
            raise ValueError(f"{path.name} lacks the array {name!r}; expected {', '.join(columns)}")
        remedy = "it is no recording, or one to cut into shorter ones"
        check_member_size(f"{path.name}, array {name}", archive, f"{name}.npy", MAX_ARRAY_BYTES, remedy)


def _member(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    with archive.open(name) as file:
        return read_numbers(file, archive.getinfo(name).file_size)


def grasped_object(content: object, num_objects: int) -> int:
    """Which object is taken, by what the description of a recording says.

    Raises:
        ValueError: it does not say it, or names one that is not there.
    """
    index = content.get("ycb_grasp_ind") if isinstance(content, dict) else None
    if type(index) is not int or not 0 <= index < num_objects:
        raise ValueError(f"ycb_grasp_ind is {index!r}, expected one of 0..{num_objects - 1}")
    return index


def sides_of(content: object, num_hands: int) -> list[str]:
    """The sides of the hands, by what the description of a recording says.

    Raises:
        ValueError: it says another number of hands, or other sides.
    """
    sides = content.get("mano_sides") if isinstance(content, dict) else None
    if not isinstance(sides, list) or len(sides) != num_hands or not all(side in ("right", "left") for side in sides):
        raise ValueError(f"mano_sides is {sides!r}, expected right or left for each of {num_hands} hands")
    return sides
