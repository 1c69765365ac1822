"""Neighbour indices of every object cloud, worked out once per training run instead of once per example."""

import torch
from torch import Tensor

from envs.geometry.point_grouping import CloudGrouping, GroupingSpec

_BUILD_CHUNK = 16  # clouds grouped at once: bounds the distance matrices to some 70 MB at 512 x 1024 float64


class GroupingCache:
    """Groupings by object index. The same index must mean the same cloud, in the same order, up to rigid motion.

    That contract is checked cheaply: a few distances between points of each cloud must equal those of the cloud that
    was grouped.
    """

    def __init__(self, spec: GroupingSpec, tolerance: float = 1.0e-3) -> None:
        """spec: what to group. tolerance: metres by which a checked distance may differ (float32 and sensor noise)."""
        self.spec = spec
        self.tolerance = tolerance
        self._row: dict[int, int] = {}
        self._grouping: CloudGrouping | None = None
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
        new = {index: i for i, index in reversed(list(enumerate(indices))) if index not in self._row}
        if new:
            self._add(new, points_h)
        if self._grouping is None or self._signature is None:
            raise ValueError("the batch is empty; give at least one cloud.")
        rows = torch.tensor([self._row[index] for index in indices], device=points_h.device)
        self._check_same(indices, self._signature[rows], _signature(points_h))
        return self._grouping.index_select(rows)

    def _add(self, new: dict[int, int], points_h: Tensor) -> None:
        """Group the clouds at the batch positions new[index]."""
        positions = torch.tensor(list(new.values()), device=points_h.device)
        built = [self.spec.build(points_h[chunk]) for chunk in positions.split(_BUILD_CHUNK)]
        signature = _signature(points_h[positions])
        if self._grouping is not None and self._signature is not None:
            built.insert(0, self._grouping.to(points_h.device))
            signature = torch.cat([self._signature.to(points_h.device), signature])
        self._grouping = CloudGrouping.cat(built)
        self._signature = signature
        for index in new:
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


def _signature(points: Tensor) -> Tensor:
    """Distances (B, 8) between 8 points spread over the order of each cloud and their successors."""
    picks = torch.linspace(0, points.shape[1] - 1, 9, device=points.device).long()
    chosen = points.detach()[:, picks]
    return (chosen[:, 1:] - chosen[:, :-1]).norm(dim=-1)
