"""The Lightning data module of the primitive."""

import logging

import numpy as np
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader

from datamodules.grasps.approach_views import ApproachViews
from datamodules.grasps.dataset import EvaluationStream, GraspTable, TrainingStream
from datamodules.grasps.grasp_set import GraspSet, load_grasp_set
from datamodules.types import GraspBatch
from envs.conventions import NUM_CLOUD_POINTS, SPLITS
from envs.objects.library import ObjectLibrary

_LOG = logging.getLogger(__name__)

VALIDATION_SPLITS: tuple[str, ...] = SPLITS
"""Order of the validation and test loaders; metrics are named after them."""


class GraspDataModule(LightningDataModule):
    """Grasps in the hand frame, in three splits, training balanced over objects.

    Args:
        path: grasp set file.
        batch_size: clouds in a training batch.
        batches_per_epoch: training batches in an epoch.
        num_points: points of each cloud.
        split_file: objects; the default split file when None.
        max_train_grasps: a random part of the training grasps, for data-scaling studies; all when None.
        max_train_evaluation: training grasps evaluated in validation and test, drawn evenly; the rest is too many.
        seed: decides the order of batches.
        views: training sees the objects from wrists on their way, too; from the grasps alone when None.
    """

    def __init__(
        self,
        path: str = "data/grasps.npz",
        batch_size: int = 64,
        batches_per_epoch: int = 250,
        num_points: int = NUM_CLOUD_POINTS,
        split_file: str | None = None,
        max_train_grasps: int | None = None,
        max_train_evaluation: int = 300,
        seed: int = 0,
        views: ApproachViews | None = None,
    ) -> None:
        super().__init__()
        # for the checkpoint; a logger would insist on one value for settings that the module has too, such as seed
        self.save_hyperparameters(logger=False)
        if batch_size < 1 or batches_per_epoch < 1:
            raise ValueError(
                f"batch_size is {batch_size} and batches_per_epoch {batches_per_epoch}; both have to be at least 1"
            )
        self.path = path
        self.batch_size = batch_size
        self.batches_per_epoch = batches_per_epoch
        self.num_points = num_points
        self.max_train_grasps = max_train_grasps
        self.max_train_evaluation = max_train_evaluation
        self.seed = seed
        self.views = views
        self.library = ObjectLibrary(split_file)
        self._grasps: GraspSet | None = None
        self._tables: dict[str, GraspTable] = {}

    @property
    def grasps(self) -> GraspSet:
        """The whole grasp set, read at first use."""
        if self._grasps is None:
            self._grasps = load_grasp_set(self.path)
        return self._grasps

    def table(self, split: str) -> GraspTable:
        """Evaluation grasps of a split ("train": an even part of the training grasps), built at first use.

        Raises:
            ValueError: the grasp set has no such split.
        """
        if split not in self._tables:
            grasps = self.grasps.split(split)
            if split == "train" and len(grasps) > self.max_train_evaluation:
                grasps = grasps.rows(np.linspace(0, len(grasps) - 1, self.max_train_evaluation).astype(int))
            self._tables[split] = GraspTable(grasps, self.library, self.num_points)
        return self._tables[split]

    def training_grasps(self) -> GraspSet:
        """The grasps that are trained on."""
        grasps = self.grasps.split("train")
        if self.max_train_grasps is not None and self.max_train_grasps < len(grasps):
            rng = np.random.default_rng(self.seed)
            grasps = grasps.rows(np.sort(rng.permutation(len(grasps))[: self.max_train_grasps]))
        return grasps

    def train_dataloader(self) -> DataLoader[GraspBatch]:
        """One epoch of balanced batches."""
        table = GraspTable(self.training_grasps(), self.library, self.num_points)
        _LOG.info("training on %d grasps of %d objects", len(table), len(set(table.object_index.tolist())))
        stream = TrainingStream(table, self.batch_size, self.batches_per_epoch, self.seed, self._position, self.views)
        return DataLoader(stream, batch_size=None, num_workers=0)

    def _position(self) -> tuple[int, int]:
        if self.trainer is None:
            return 0, 0
        return self.trainer.current_epoch, self.trainer.global_rank

    def _evaluation_loaders(self) -> list[DataLoader[GraspBatch]]:
        streams = [EvaluationStream(self.table(split), self.batch_size) for split in VALIDATION_SPLITS]
        return [DataLoader(stream, batch_size=None, num_workers=0) for stream in streams]

    def val_dataloader(self) -> list[DataLoader[GraspBatch]]:
        """One loader a split, in the order of VALIDATION_SPLITS."""
        return self._evaluation_loaders()

    def test_dataloader(self) -> list[DataLoader[GraspBatch]]:
        """The same as for validation."""
        return self._evaluation_loaders()
