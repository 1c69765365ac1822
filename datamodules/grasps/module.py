"""The Lightning data module of the primitive."""

import logging
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader

from datamodules.grasps.approach_views import ApproachViews
from datamodules.grasps.cloud_store import object_clouds
from datamodules.grasps.dataset import EvaluationStream, GraspTable, TrainingStream
from datamodules.grasps.grasp_file import load_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from datamodules.grasps.identity import HAND, check_trained_on, training_identity
from datamodules.grasps.splits import development_or, present_splits
from datamodules.ranks import num_ranks
from datamodules.types import GraspBatch
from envs.conventions import NUM_CLOUD_POINTS, SPLITS, UNSEEN_SPLITS
from envs.hand.hand import Hand
from envs.hand.identity import hand_identity
from envs.objects.library import ObjectLibrary

_LOG = logging.getLogger(__name__)


class GraspDataModule(LightningDataModule):
    """Grasps by splits in the hand frame, training balanced over objects.

    Under several processes each trains on batches of its own, of ``batch_size`` clouds each; every process evaluates
    everything, so that validation is the same for any number of them.

    Args:
        path: grasp set file.
        batch_size: clouds in a training batch.
        batches_per_epoch: training batches in an epoch.
        num_points: points of each cloud.
        split_file: objects; the default split file when None.
        max_train_grasps: a random part of the training grasps, for data-scaling studies; all when None.
        max_train_evaluation: training grasps evaluated in validation and test, drawn evenly; the rest is too many.
        max_validation: grasps of each other split evaluated in validation, drawn evenly; all when None, as in a test.
        test_splits: splits of a test, those of them that the set has. Validation is on training and development.
        seed: decides the order of batches.
        views: training sees the objects from wrists on their way, too; from the grasps alone when None.
    """

    without_effect_on_training = ("max_train_evaluation", "max_validation", "test_splits")
    """Settings that may change when training is resumed."""

    def __init__(
        self,
        path: str = "data/grasps.npz",
        batch_size: int = 64,
        batches_per_epoch: int = 250,
        num_points: int = NUM_CLOUD_POINTS,
        split_file: str | None = None,
        max_train_grasps: int | None = None,
        max_train_evaluation: int = 300,
        max_validation: int | None = 1000,
        test_splits: Sequence[str] = (SPLITS[0], *UNSEEN_SPLITS),
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
        self.max_validation = max_validation
        self._tested = tuple(test_splits)
        self.seed = seed
        self.views = views
        self.library = ObjectLibrary(split_file)
        self._tables: dict[tuple[str, int | None], GraspTable] = {}

    @cached_property
    def grasps(self) -> GraspSet:
        """The whole grasp set, read at first use."""
        return load_grasp_set(self.path)

    @property
    def hand(self) -> Hand:
        """The hand that the grasps are of."""
        return self.grasps.hand

    @property
    def val_splits(self) -> tuple[str, ...]:
        """Training and development, all splits of a set without the latter: one validation loader each."""
        watched = development_or(self.grasps, self.path, self.grasps.splits)
        return tuple(split for split in self.grasps.splits if split in (SPLITS[0], *watched))

    @property
    def test_splits(self) -> tuple[str, ...]:
        """One test loader each.

        Raises:
            ValueError: the grasp set has none of those that are to be tested.
        """
        return present_splits(self.grasps, self.path, self._tested)

    def state_dict(self) -> dict[str, Any]:
        """What stands for the grasps that are trained on, for the checkpoint."""
        return {"trained_on": self._trained_on()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Refuse to go on training on other grasps, and any use with another hand of the same name.

        Raises:
            ValueError: see `check_trained_on`.
        """
        now, names = self._trained_on(), {"training grasps": self.path, HAND: self.hand.name}
        if self.trainer is None or self.trainer.state.fn != "fit":
            now = {HAND: now[HAND]}
        check_trained_on(state_dict.get("trained_on", {}), now, names)

    def _trained_on(self) -> dict[str, str]:
        return {HAND: hand_identity(self.hand), "training grasps": training_identity(self.grasps)}

    def prepare_data(self) -> None:
        """Under several processes: make what no cache holds yet, once for all of them."""
        if num_ranks() > 1:
            object_clouds(self.library, tuple(name for name in self.grasps.objects if name in self.library))

    def table(self, split: str, most: int | None = None) -> GraspTable:
        """Evaluation grasps of a split ("train": an even part of the training grasps), built at first use.

        Args:
            split: one of SPLITS.
            most: an even part of so many grasps; all of them when None.

        Raises:
            ValueError: the grasp set has no such split.
        """
        if split == "train":
            most = self.max_train_evaluation
        if (split, most) not in self._tables:
            grasps = self.grasps.split(split)
            if most is not None and len(grasps) > most:
                grasps = grasps.rows(np.linspace(0, len(grasps) - 1, most).astype(int))
            self._tables[split, most] = GraspTable(grasps, self.library, self.num_points)
        return self._tables[split, most]

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

    def _evaluation_loaders(self, splits: Sequence[str], most: int | None) -> list[DataLoader[GraspBatch]]:
        streams = [EvaluationStream(self.table(split, most), self.batch_size) for split in splits]
        return [DataLoader(stream, batch_size=None, num_workers=0) for stream in streams]

    def val_dataloader(self) -> list[DataLoader[GraspBatch]]:
        """One loader for each of `val_splits`, with at most ``max_validation`` grasps."""
        return self._evaluation_loaders(self.val_splits, self.max_validation)

    def test_dataloader(self) -> list[DataLoader[GraspBatch]]:
        """One for each of `test_splits`, with all grasps of others than training."""
        return self._evaluation_loaders(self.test_splits, None)
