"""What a primitive has to beat: the nearest training grasp."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.grasps.dataset import GraspTable

Array = NDArray[np.float64]

_PROBE_SPACING = 0.03
"""Metres between the probe points of a cloud descriptor."""


def cloud_descriptor(points_h: Tensor) -> Tensor:
    """Distances from fixed probe points around palm and fingers to a cloud (B, P), m: its wrist-frame geometry.

    A basis point set (Prokudin et al. 2019) on a grid in front of the palm; (B, N, 3) in, hand frame, metres.
    """
    axes = [
        torch.arange(-0.09, 0.0901, _PROBE_SPACING),
        torch.arange(-0.12, 0.0301, _PROBE_SPACING),
        torch.arange(-0.03, 0.1801, _PROBE_SPACING),
    ]
    probes = torch.cartesian_prod(*axes).to(points_h)
    return torch.stack([torch.cdist(probes, cloud).amin(dim=1) for cloud in points_h])


class NearestGrasp:
    """The joints of the training grasp whose cloud looks most alike from the wrist.

    Args:
        train: training grasps to choose from.
        chunk: grasps described at once.
    """

    def __init__(self, train: GraspTable, chunk: int = 256) -> None:
        self._joint_pos = train.grasps.joint_pos.astype(np.float64)
        self._descriptors = _describe(train, chunk)
        self._object_index = train.object_index

    def joints(self, table: GraspTable, chunk: int = 256) -> Array:
        """Joints (G, J), rad, for every grasp of a table of the same grasp set.

        Grasps of the same object are left out: a training grasp must not find itself.
        """
        distance = torch.cdist(_describe(table, chunk), self._descriptors)
        distance[table.object_index[:, None] == self._object_index[None]] = torch.inf
        return self._joint_pos[distance.argmin(dim=1).numpy()]


def _describe(table: GraspTable, chunk: int) -> Tensor:
    rows = torch.arange(len(table)).split(chunk)
    return torch.cat([cloud_descriptor(table.batch(part).points_h[:, ::2]) for part in rows])
