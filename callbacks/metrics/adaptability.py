"""How many of an object's poses are grasped (GraspGF Sec. 5.3, Table 3)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from callbacks.metrics.estimates import estimate


def adaptability(
    is_success: NDArray[np.bool_],
    groups: NDArray[np.int64],
    seeds: NDArray[np.int64],
    poses: int,
    families: NDArray[np.str_] | None = None,
) -> dict[str, Any]:
    """Shares of objects grasped at 0, 1, ... of ``poses`` poses; objects with fewer poses are left out.

    Each seed counts an object anew, as the paper averages over seeds. Intervals resample objects, and families too
    where they are given.

    Args:
        is_success: of N episodes.
        groups: object of each episode (N,).
        seeds: seed of each episode (N,).
        poses: poses of an object.
        families: family of each episode's object (N,).

    Returns:
        ``all.k``: share of the objects that were grasped at k poses, 0..poses. ``grasped.k``: the same among those
        grasped at least once, 1..poses, as in the paper's table; absent when nothing was grasped. ``objects`` with all
        poses and ``left_out`` with fewer. Keys k are text, as in JSON.
    """
    pairs, first, row = np.unique(np.stack([groups, seeds]), axis=1, return_index=True, return_inverse=True)
    row = row.reshape(-1)
    is_whole = np.bincount(row) == poses
    counts = np.bincount(row, weights=is_success.astype(np.float64))[is_whole].round().astype(int)
    objects, kinds = pairs[0][is_whole], None if families is None else families[first[is_whole]]
    number, total = len(np.unique(objects)), len(np.unique(groups))
    found: dict[str, Any] = {"poses": poses, "objects": number, "left_out": total - number}
    if number == 0:
        return found
    at = {str(k): (counts == k).astype(float) for k in range(poses + 1)}
    found["all"] = {k: estimate(share, objects, families=kinds, is_rate=True).as_dict() for k, share in at.items()}
    grasped = (counts > 0).astype(float)
    if grasped.any():
        found["grasped"] = {
            k: estimate(share, objects, families=kinds, below=grasped, is_rate=True).as_dict()
            for k, share in at.items()
            if k != "0"
        }
    return found
