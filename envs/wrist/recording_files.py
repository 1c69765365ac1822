"""Arrays of recordings' files, checked before they are used."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from envs.wrist.plain_pickle import check_is_itself

Array = NDArray[np.float64]


def read_poses(path: Path, columns: dict[str, int]) -> dict[str, Array]:
    """Arrays of numbers (T, n, columns) of an .npz file by name; all have the same T.

    Args:
        path: the file.
        columns: number of columns of each array.

    Raises:
        ValueError: no such file, a damaged one, or arrays of another kind or shape; names it.
    """
    try:
        check_is_itself(path)
        with np.load(path, allow_pickle=False) as archive:
            found = {name: archive[name] for name in columns}
    except FileNotFoundError:
        raise ValueError(f"{path.name} is not beside it; a recording is both files") from None
    except KeyError as error:
        raise ValueError(f"{path.name} lacks the array {error}; expected {', '.join(columns)}") from error
    except Exception as error:  # zip and npy raise many types for a damaged file
        raise ValueError(f"{path.name} cannot be read ({error}); is it whole?") from error
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
