"""Neighbour indices of every object cloud, worked out once per training run instead of once per example."""

import threading

import torch
from torch import Tensor

from envs.geometry.point_grouping import CloudGrouping, GroupingLevel, GroupingSpec

_BUILD_CHUNK = 16  # clouds grouped at once: bounds the distance matrices to some 70 MB at 512 x 1024 float64

_ADDING = threading.Lock()  # of all caches: a lock of its own could not be copied with a module


class GroupingCache:
    """Groupings by object index; several threads may ask at once.

    The same index must mean the same cloud, in the same order, up to rigid motion.

    That contract is checked cheaply: a few distances between points of each cloud must equal those of the cloud that
    was grouped. Indices are held in 16 bits where they fit, with room for more clouds than there are: 3,000 objects
    take 17 MB at the compact size, and a batch no more time than with 30.
    """

    def __init__(self, spec: GroupingSpec, tolerance: float = 1.0e-3) -> None:
        """spec: what to group. tolerance: metres by which a checked distance may differ (float32 and sensor noise)."""
        self.spec = spec
        self.tolerance = tolerance
        self._row: dict[int, int] = {}
        self._levels: list[GroupingLevel] = []
        self._signature: Tensor | None = None

    def __len__(self) -> int:
        """Number of clouds held."""
        return len(self._row)

    def __call__(self, object_index: Tensor, points_h: Tensor) -> CloudGrouping:
        """Grouping of each cloud of a batch; new objects are grouped and kept.

        Args:
            object_index: (B,) integers that identify the clouds.
            points_h: (B, N, 3), metres, any frame.
        Raises:
            ValueError: shapes that do not fit, a cloud that cannot be grouped, or one that is not the cloud which was
                grouped under its index.
        """
        if object_index.ndim != 1 or points_h.ndim != 3 or points_h.shape[0] != object_index.shape[0]:
            raise ValueError(
                f"object_index {tuple(object_index.shape)} and points_h {tuple(points_h.shape)} do not fit; "
                "expected (B,) and (B, N, 3)."
            )
        indices = object_index.tolist()
        if any(index not in self._row for index in indices):
            with _ADDING:
                new = {index: i for i, index in reversed(list(enumerate(indices))) if index not in self._row}
                if new:
                    self._add(new, points_h)
        if self._signature is None or not indices:
            raise ValueError("the batch is empty; give at least one cloud.")
        rows = torch.tensor([self._row[index] for index in indices], device=points_h.device)
        self._check_same(indices, self._signature[rows], _signature(points_h))
        return CloudGrouping(
            tuple(
                GroupingLevel(level.centre_index[rows].long(), level.neighbour_index[rows].long())
                for level in self._levels
            )
        )

    def _add(self, new: dict[int, int], points_h: Tensor) -> None:
        """Group the clouds at the batch positions new[index]."""
        positions = torch.tensor(list(new.values()), device=points_h.device)
        built = CloudGrouping.cat([self.spec.build(points_h[chunk]) for chunk in positions.split(_BUILD_CHUNK)])
        small = torch.int16 if points_h.shape[1] <= 2**15 else torch.int32
        count = len(self._row)
        held: list[GroupingLevel | None] = [*self._levels] or [None for _ in built.levels]
        self._levels = [
            GroupingLevel(
                _put(None if old is None else old.centre_index, count, level.centre_index.to(small)),
                _put(None if old is None else old.neighbour_index, count, level.neighbour_index.to(small)),
            )
            for old, level in zip(held, built.levels, strict=True)
        ]
        self._signature = _put(self._signature, count, _signature(points_h[positions]))
        for index in new:  # last: who finds a row may read it without the lock
            self._row[index] = len(self._row)

    def _check_same(self, indices: list[int], expected: Tensor, found: Tensor) -> None:
        gap = (found - expected).abs().amax(1)
        if bool((gap > self.tolerance).any()):
            worst = int(gap.argmax())
            raise ValueError(
                f"the cloud of object {indices[worst]} differs by {1e3 * gap[worst].item():.2f} mm in the distances "
                f"between its points from the one first seen under that index (allowed {1e3 * self.tolerance:g} mm). "
                "One object_index must stand for one cloud up to rigid motion: give changed clouds their own index."
            )


def _put(held: Tensor | None, count: int, values: Tensor) -> Tensor:
    """``held`` with ``values`` after its first ``count`` rows, in place when there is room, else in twice the room."""
    end = count + len(values)
    if held is None or end > len(held) or held.device != values.device:
        room = values.new_empty((max(end, 2 * count), *values.shape[1:]))
        if held is not None:
            room[:count] = held[:count]
        held = room
    held[count:end] = values
    return held


def _signature(points: Tensor) -> Tensor:
    """Distances (B, 8) between 8 points spread over the order of each cloud and their successors."""
    picks = torch.linspace(0, points.shape[1] - 1, 9, device=points.device).long()
    chosen = points.detach()[:, picks]
    return (chosen[:, 1:] - chosen[:, :-1]).norm(dim=-1)
