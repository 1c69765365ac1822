"""Clouds of objects in frames of their own, and which of their points are neighbours: worked out once per object.

Whoever knows the object owns its groups and hands them on with every cloud of it that it moves, turns or disturbs. A
cloud of which nobody knows the object is grouped by itself (`GroupingSpec.build`).
"""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.geometry.point_grouping import CloudGrouping, GroupingLevel, GroupingSpec
from envs.geometry.transforms import quat_to_matrix
from envs.objects.grasp_object import GraspObject

_LOG = logging.getLogger(__name__)

_PROBES = 128
"""Distances, spread over the order of the points, by which clouds are compared with their object."""

_LEAST_CORRELATION = 0.4
"""Of these distances. Noise of 5 mm leaves 0.61 and more, a cloud of another object or in another order has 0.34 and
less (tuned: 1,236 objects of the default split file, 4.6 to 40 cm across, 7,400 pairs of them)."""

_BUILDING = threading.Lock()  # of all objects: a lock of its own could not be copied with its owner


def move_clouds(pose_h: Tensor, cloud: Tensor) -> Tensor:
    """Clouds (E, N, 3), float32, in the frame in which the poses (E, 7) of the clouds' own frames are given.

    The clouds (E, 3, N), m, come one coordinate a row: on a CPU the product of long rows is several times faster.
    """
    rotation = quat_to_matrix(pose_h[:, 3:]).float()
    return torch.baddbmm(pose_h[:, :3, None].float(), rotation, cloud).mT.contiguous()


class ObjectClouds:
    """Clouds of O objects and their groups, of each kind that was asked for; several threads may ask at once.

    Groups are those of the cloud as it stands here, free of noise, whatever pose or noise the clouds have for which
    they are asked. Indices are held in 16 bits where they fit: 3,000 objects take 17 MB at the compact size.

    Args:
        points_o: (O, N, 3), object frames, m; kept, not copied.
        grasp_objects: the objects themselves (O), for whoever needs more of them than a cloud; none when nobody knows.

    Attributes:
        points_o, grasp_objects: as given.
        num_changes: how often the cloud of each object was replaced (O,) int64, on the CPU.

    Raises:
        ValueError: another shape.
    """

    def __init__(
        self, points_o: Tensor | NDArray[np.float32], grasp_objects: Sequence[GraspObject] | None = None
    ) -> None:
        self.points_o = torch.as_tensor(points_o)
        self.grasp_objects = None if grasp_objects is None else tuple(grasp_objects)
        if self.points_o.ndim != 3 or self.points_o.shape[-1] != 3:
            raise ValueError(f"clouds of objects have shape {tuple(self.points_o.shape)}; expected (O, N, 3)")
        self.num_changes = torch.zeros(len(self.points_o), dtype=torch.int64)
        self._kept: dict[tuple[GroupingSpec, torch.device], _Groups] = {}
        self._has_warned = False

    def __len__(self) -> int:
        """Number of objects O."""
        return len(self.points_o)

    def grouping(self, spec: GroupingSpec, rows: Tensor, points: Tensor) -> CloudGrouping:
        """Groups of clouds that show the objects ``rows``, on the device of the clouds.

        A cloud that is clearly not its object's, or whose points stand in another order, is grouped by itself, and a
        warning is given once: wrong groups would give a wrong feature without a word.

        Args:
            spec: what to group.
            rows: (B,) int64, on the CPU.
            points: (B, N, 3), m, any frame.

        Raises:
            ValueError: shapes that do not fit these objects.
        """
        if rows.ndim != 1 or points.shape != (len(rows), *self.points_o.shape[1:]):
            raise ValueError(
                f"rows {tuple(rows.shape)} and points {tuple(points.shape)} do not fit; expected (B,) and "
                f"(B, {self.points_o.shape[1]}, 3). Leave the objects out for clouds that are not known here."
            )
        kept = self._groups(spec, points.device)
        self._complete(spec, kept, rows)
        chosen = rows.to(points.device)
        found = kept.of(chosen)
        strange = (kept.distances[chosen] * _distances(points.detach())).sum(1) < _LEAST_CORRELATION
        if bool(strange.any()):
            self._warn(int(rows[strange.cpu()][0]))
            found.put(strange, spec.build(points[strange]))
        return found

    def change(self, rows: Tensor, points_o: Tensor) -> None:
        """Other clouds (K, N, 3) in the place of those of ``rows`` (K,), on the CPU, whose groups are forgotten."""
        self.points_o[rows] = points_o.detach().to(self.points_o)
        self.num_changes[rows] += 1
        for kept in self._kept.values():
            kept.is_built[rows] = False

    def _groups(self, spec: GroupingSpec, device: torch.device) -> "_Groups":
        kept = self._kept.get((spec, device))
        # room costs nothing until it is written to: of several threads that come here first, one is kept
        return kept or self._kept.setdefault((spec, device), _Groups(spec, self.points_o, device))

    def _complete(self, spec: GroupingSpec, kept: "_Groups", rows: Tensor) -> None:
        """Group the objects among ``rows`` that were not asked for before."""
        if bool(kept.is_built[rows].all()):
            return
        with _BUILDING:
            missing = rows[~kept.is_built[rows]].unique()
            if len(missing):
                clouds = self.points_o[missing]
                kept.put(missing, spec.build(clouds), _distances(clouds))

    def _warn(self, row: int) -> None:
        if not self._has_warned:
            self._has_warned = True
            _LOG.warning(
                "a cloud given as object %d does not look like it and is grouped by itself, which takes milliseconds: "
                "points in another order, another object, or noise as large as the object", row,
            )  # fmt: skip


@dataclass(frozen=True, eq=False)
class KnownObjects:
    """Which objects B clouds show, for the sake of their groups.

    Attributes:
        clouds: the objects.
        rows: row of each cloud's object there (B,) int64, on the CPU whatever the clouds' device.
    """

    clouds: ObjectClouds
    rows: Tensor

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Tensor) -> "KnownObjects":
        """The objects at ``index`` (K,)."""
        return KnownObjects(self.clouds, self.rows[index.cpu()])

    def moved(self, pose_h: Tensor) -> Tensor:
        """Their clouds (B, N, 3), float32, m, in the frame in which the poses (B, 7) of the objects are given."""
        return move_clouds(pose_h, self.clouds.points_o[self.rows].to(pose_h.device).mT)

    @property
    def num_changes(self) -> Tensor:
        """How often these clouds were replaced (B,) int64, on the CPU; while it stays, each is one rigid cloud."""
        return self.clouds.num_changes[self.rows]

    def grouping(self, spec: GroupingSpec, points: Tensor) -> CloudGrouping:
        """Groups of the clouds ``points`` (B, N, 3); see `ObjectClouds.grouping`."""
        return self.clouds.grouping(spec, self.rows, points)


class _Groups:
    """Groups of one kind, with room for every object; pages that no group was written to take no memory."""

    def __init__(self, spec: GroupingSpec, points_o: Tensor, device: torch.device) -> None:
        num_objects, num_points, _ = points_o.shape
        small = torch.int16 if num_points <= 2**15 else torch.int32
        with torch.inference_mode(False):  # what is made within it could not be written to outside
            self.is_built = torch.zeros(num_objects, dtype=torch.bool)
            self.distances = torch.zeros((num_objects, len(_probes(num_points)) - 1), device=device)
            self.grouping = CloudGrouping(
                tuple(
                    GroupingLevel(
                        torch.zeros((num_objects, level.num_centres), dtype=small, device=device),
                        torch.zeros((num_objects, level.num_centres, level.max_neighbours), dtype=small, device=device),
                    )
                    for level in spec.levels
                )
            )

    def put(self, rows: Tensor, built: CloudGrouping, distances: Tensor) -> None:
        self.grouping.put(rows, built)
        self.distances[rows] = distances.to(self.distances)
        self.is_built[rows] = True  # last: who finds a row may read it without the lock

    def of(self, rows: Tensor) -> CloudGrouping:
        levels = self.grouping.levels
        return CloudGrouping(
            tuple(GroupingLevel(lv.centre_index[rows].long(), lv.neighbour_index[rows].long()) for lv in levels)
        )


def _probes(num_points: int) -> range:
    """Points that are compared, spread over their order."""
    return range(0, num_points, max(1, num_points // _PROBES))


def _distances(points: Tensor) -> Tensor:
    """Distances (B, P) between consecutive ones of the compared points of clouds (B, N, 3), of mean 0 and norm 1.

    The inner product of two clouds' is Pearson's correlation; NaN where a cloud is.
    """
    chosen = points[:, :: _probes(points.shape[1]).step]
    distances = (chosen[:, 1:] - chosen[:, :-1]).norm(dim=-1)
    return torch.nn.functional.normalize(distances - distances.mean(1, keepdim=True), dim=1)
