"""Grasps of one split as tensors, and the streams of batches that training and evaluation read."""

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from datamodules.grasps.approach_views import ApproachViews
from datamodules.grasps.cloud_store import object_clouds, object_shapes
from datamodules.grasps.grasp_set import GraspSet
from datamodules.grasps.shape_check import check_shapes, tells_shapes
from datamodules.types import GraspBatch
from envs.conventions import NUM_CLOUD_POINTS
from envs.geometry.object_clouds import KnownObjects, ObjectClouds
from envs.geometry.table import table_plane
from envs.geometry.transforms import pose_compose, pose_invert, transform_points
from envs.hand.kinematics import HandKinematics
from envs.objects.library import ObjectLibrary


class GraspTable:
    """The grasps of one split, ready to be gathered into batches.

    Args:
        grasps: grasps of one split.
        library: gives the object clouds.
        num_points: points of a cloud that are used, the first of the farthest-point order.

    Raises:
        ValueError: no grasps, an object that the library does not know or that has another shape now, or more points
            than a cloud has.
    """

    def __init__(self, grasps: GraspSet, library: ObjectLibrary, num_points: int) -> None:
        if len(grasps) == 0:
            raise ValueError("the split has no grasps; make a grasp set that covers it, or choose another split")
        self.grasps = grasps
        present = np.unique(grasps.object_index)
        unknown = [grasps.objects[index] for index in present if grasps.objects[index] not in library]
        if unknown:
            raise ValueError(
                f"object {unknown[0]!r} of the grasp set is not in the split file; use the one it was made with "
                "(--data.init_args.split_file)"
            )
        self.hand = grasps.hand
        self.joint_pos = self.hand.normalise(torch.as_tensor(grasps.joint_pos)).clamp(-1.0, 1.0)
        self._object_to_hand = pose_invert(torch.as_tensor(grasps.wrist_pose_o))
        wrist_pose_w = pose_compose(torch.as_tensor(grasps.object_pose_w), torch.as_tensor(grasps.wrist_pose_o))
        self._table_h = table_plane(wrist_pose_w).float()
        # those of the whole set, whatever part of it this is: one file serves every table
        known = tuple(name for name in grasps.objects if name in library)
        if not 1 <= num_points <= NUM_CLOUD_POINTS:
            raise ValueError(f"num_points is {num_points}, allowed 1..{NUM_CLOUD_POINTS}")
        row_of = {name: row for row, name in enumerate(known)}
        rows = np.array([row_of.get(name, -1) for name in grasps.objects])
        self._clouds = _known_clouds(library, known, num_points)
        shown = tuple(grasps.objects[index] for index in present)
        if tells_shapes(grasps):
            check_shapes(grasps, shown, object_shapes(library, known)[[row_of[name] for name in shown]])
        self._cloud_row = torch.as_tensor(rows[grasps.object_index])
        self.object_index = torch.as_tensor(grasps.object_index).long()
        self.is_easy = None if grasps.is_easy is None else torch.as_tensor(grasps.is_easy)

    def __len__(self) -> int:
        return len(self.joint_pos)

    def batch(self, rows: Tensor) -> GraspBatch:
        """The grasps at ``rows`` (B,), clouds moved into each grasp's hand frame."""
        objects = KnownObjects(self._clouds, self._cloud_row[rows])
        points_h = transform_points(self._object_to_hand[rows], self._clouds.points_o[objects.rows])
        return GraspBatch(self.joint_pos[rows], points_h, rows, objects, self._table_h[rows])

    def way_back_h(self) -> Tensor:
        """Unit vectors from fingertip centre to wrist of every grasp (G, 3), hand frame (GraspGF App. A.1)."""
        tips_h = HandKinematics(self.hand).forward(torch.as_tensor(self.grasps.joint_pos)).fingertips
        return -torch.nn.functional.normalize(tips_h.mean(dim=1), dim=1)

    def balanced_weights(self) -> Tensor:
        """Probability of each grasp (G,) such that every object is drawn equally often."""
        counts = torch.bincount(self._cloud_row)
        return 1.0 / (counts[self._cloud_row].double() * (counts > 0).sum())


@lru_cache(maxsize=8)
def _known_clouds(library: ObjectLibrary, names: tuple[str, ...], num_points: int) -> ObjectClouds:
    """Their groups serve every table of the same set."""
    return ObjectClouds(object_clouds(library, names)[:, :num_points])


class TrainingStream(IterableDataset[GraspBatch]):
    """One epoch of batches balanced over objects; the order depends on seed, epoch and rank only.

    A resumed run therefore sees the batches that an uninterrupted one would have seen.

    Args:
        table: the training grasps.
        batch_size: grasps (clouds) in a batch, for each rank.
        num_batches: batches in an epoch.
        seed: decides the order.
        position: gives the present (epoch, rank).
        views: sees the objects from wrists on their way; from the grasps alone when None.
    """

    def __init__(
        self,
        table: GraspTable,
        batch_size: int,
        num_batches: int,
        seed: int,
        position: Callable[[], tuple[int, int]],
        views: ApproachViews | None = None,
    ) -> None:
        self._table = table
        self._batch_size = batch_size
        self._num_batches = num_batches
        self._seed = seed
        self._position = position
        self._views = views

    def __len__(self) -> int:
        return self._num_batches

    def __iter__(self) -> Iterator[GraspBatch]:
        epoch, rank = self._position()
        state = np.random.SeedSequence([self._seed, epoch, rank]).generate_state(1, dtype=np.uint64)[0]
        generator = torch.Generator().manual_seed(int(state >> np.uint64(1)))
        weights = self._table.balanced_weights()
        back_h = None if self._views is None else self._table.way_back_h()
        for _ in range(self._num_batches):
            rows = torch.multinomial(weights, self._batch_size, replacement=True, generator=generator)
            batch = self._table.batch(rows)
            if self._views is not None and back_h is not None:
                batch = self._views(batch, back_h[rows], generator)
            yield batch


class EvaluationStream(IterableDataset[GraspBatch]):
    """Every grasp of a split once, in order."""

    def __init__(self, table: GraspTable, batch_size: int) -> None:
        self.table = table
        self._batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self.table) // self._batch_size)

    def __iter__(self) -> Iterator[GraspBatch]:
        for rows in torch.arange(len(self.table)).split(self._batch_size):
            yield self.table.batch(rows)
