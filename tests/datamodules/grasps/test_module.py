"""The data module: splits in a fixed order, reproducible parts, messages that name what is wrong."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, nn

from datamodules.grasps.dataset import EvaluationStream
from datamodules.grasps.grasp_file import save_grasp_set
from datamodules.grasps.grasp_set import GraspSet, concatenate
from datamodules.grasps.module import GraspDataModule
from datamodules.types import GraspBatch
from envs.objects.split_file import write_split_file
from tests.datamodules.grasps.examples import made_up_set
from tests.learning import uneven_set

pytestmark = pytest.mark.usefixtures("fast_objects")

MakeModule = Callable[..., GraspDataModule]


@pytest.fixture
def make(tmp_path: Path) -> MakeModule:
    """A data module on a set of 12 training grasps and two of each other split."""

    def module(grasps: GraspSet | None = None, **settings: object) -> GraspDataModule:
        if grasps is None:
            held_out = [
                made_up_set("box_00015", "unseen_instances", 2),
                made_up_set("stapler_00000", "unseen_families", 2),
            ]
            grasps = concatenate([uneven_set((4, 8)), *held_out], {})
        save_grasp_set(grasps, tmp_path / "set.npz")
        return GraspDataModule(path=str(tmp_path / "set.npz"), num_points=16, **settings)  # type: ignore[arg-type]

    return module


def streams(module: GraspDataModule) -> list[EvaluationStream]:
    return [loader.dataset for loader in module.val_dataloader()]  # type: ignore[misc]


def developed() -> GraspSet:
    """Of every split a different number of grasps."""
    held_out = [
        made_up_set("stapler_00000", "unseen_families", 2),
        made_up_set("box_00015", "unseen_instances", 3),
        made_up_set("trowel_00000", "development", 4),
    ]
    return concatenate([*held_out, uneven_set((4, 8))], {})


def test_loaders_follow_the_order_of_the_splits(make: MakeModule) -> None:
    module = make()
    splits = [module.grasps.object_splits[stream.table.object_index[0]] for stream in streams(module)]
    assert splits == ["train", "unseen_instances", "unseen_families"]
    assert [len(stream.table) for stream in streams(module)] == [12, 2, 2]
    assert [len(loader) for loader in module.test_dataloader()] == [1, 1, 1]


def test_validation_is_on_development_and_a_test_on_the_others(make: MakeModule) -> None:
    module = make(developed(), batch_size=1)
    assert module.val_splits == ("train", "development")
    assert [len(loader) for loader in module.val_dataloader()] == [12, 4]
    assert module.test_splits == ("train", "unseen_instances", "unseen_families")
    assert [len(loader) for loader in module.test_dataloader()] == [12, 3, 2]


def test_a_test_may_be_of_development_objects(make: MakeModule) -> None:
    module = make(developed(), batch_size=1, test_splits=["development"])
    assert [len(loader) for loader in module.test_dataloader()] == [4]
    with pytest.raises(ValueError, match=r"set.npz has grasps of train, .*, none of which is to be measured \(held\)"):
        make(developed(), test_splits=["held"]).test_dataloader()


def test_a_set_without_development_objects_is_validated_on_all_its_splits(make: MakeModule) -> None:
    module = make()
    assert module.val_splits == module.test_splits == ("train", "unseen_instances", "unseen_families")


def test_loaders_hand_on_grasp_batches(make: MakeModule) -> None:
    module = make(batch_size=5, batches_per_epoch=2)
    batches = list(module.train_dataloader())
    assert [len(batch) for batch in batches] == [5, 5]
    assert all(isinstance(batch, GraspBatch) and batch.points_h.shape == (5, 16, 3) for batch in batches)


def test_the_evaluated_training_grasps_are_spread_evenly(make: MakeModule) -> None:
    module = make(max_train_evaluation=4)
    expected = module.grasps.split("train").rows(np.array([0, 3, 7, 11]))  # 4 of 0..11, ends included
    np.testing.assert_array_equal(module.table("train").grasps.joint_pos, expected.joint_pos)
    assert len(module.training_grasps()) == 12


def test_validation_takes_an_even_part_and_a_test_everything(make: MakeModule) -> None:
    held_out = [made_up_set("box_00015", "unseen_instances", 7), made_up_set("stapler_00000", "unseen_families", 2)]
    module = make(concatenate([uneven_set((4, 8)), *held_out], {}), max_validation=3, max_train_evaluation=5)
    assert [len(stream.table) for stream in streams(module)] == [5, 3, 2]
    expected = module.grasps.split("unseen_instances").rows(np.array([0, 3, 6]))  # 3 of 0..6, ends included
    np.testing.assert_array_equal(streams(module)[1].table.grasps.joint_pos, expected.joint_pos)
    tested = [loader.dataset.table for loader in module.test_dataloader()]  # type: ignore[attr-defined]
    assert [len(table) for table in tested] == [5, 7, 2]
    assert tested[1] is module.table("unseen_instances")


def test_without_a_limit_validation_takes_everything(make: MakeModule) -> None:
    assert [len(stream.table) for stream in streams(make(max_validation=None))] == [12, 2, 2]


def test_one_process_makes_the_clouds_for_all(make: MakeModule, monkeypatch: pytest.MonkeyPatch) -> None:
    module, asked = make(), []
    monkeypatch.setattr("datamodules.grasps.module.object_clouds", lambda _, names: asked.append(names))
    module.prepare_data()
    assert asked == []
    monkeypatch.setattr("datamodules.grasps.module.num_ranks", lambda: 2)
    module.prepare_data()
    assert asked == [("box_00000", "box_00001", "box_00015", "stapler_00000")]


def test_tables_do_not_keep_the_objects(make: MakeModule) -> None:
    module = make()
    module.table("unseen_instances")
    next(iter(module.train_dataloader()))
    assert module.library._objects == {}


def test_a_part_of_the_training_grasps_is_the_same_for_the_same_seed(make: MakeModule) -> None:
    first = make(max_train_grasps=5, seed=1).training_grasps()
    again = make(max_train_grasps=5, seed=1).training_grasps()
    other = make(max_train_grasps=5, seed=2).training_grasps()
    assert len(first) == 5
    np.testing.assert_array_equal(first.joint_pos, again.joint_pos)
    assert not np.array_equal(first.joint_pos, other.joint_pos)


def test_a_larger_part_than_there_is_takes_all(make: MakeModule) -> None:
    assert len(make(max_train_grasps=100).training_grasps()) == 12


def test_a_trainer_moves_the_stream_on_from_epoch_to_epoch(make: MakeModule, tmp_path: Path) -> None:
    class Recorder(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(()))
            self.seen: list[list[int]] = []

        def training_step(self, batch: GraspBatch, batch_idx: int) -> Tensor:
            self.seen.append(batch.grasp_index.tolist())
            return self.weight * 1.0

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    recorder, module = Recorder(), make(batch_size=6, batches_per_epoch=2)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    Trainer(
        max_epochs=2, limit_val_batches=0, accelerator="cpu", enable_checkpointing=False,
        default_root_dir=tmp_path, **quiet,
    ).fit(recorder, module)  # fmt: skip
    assert len(recorder.seen) == 4
    assert recorder.seen[:2] != recorder.seen[2:]
    assert recorder.seen[:2] == [batch.grasp_index.tolist() for batch in make(
        batch_size=6, batches_per_epoch=2).train_dataloader()]  # fmt: skip


def test_an_unknown_split_is_named_with_those_there_are(make: MakeModule) -> None:
    with pytest.raises(ValueError, match=r"no split 'validation'; it has: train, unseen_instances, unseen_families"):
        make().table("validation")


def test_a_set_of_some_splits_has_loaders_for_these(make: MakeModule) -> None:
    module = make(uneven_set())
    assert module.val_splits == ("train",)
    assert len(list(module.train_dataloader())) == 250
    assert [len(stream.table) for stream in streams(module)] == [10]
    held_out = make(made_up_set("stapler_00000", "unseen_families", 2))
    assert [len(stream.table) for stream in streams(held_out)] == [2]
    with pytest.raises(ValueError, match=r"no split 'train'; it has: unseen_families"):
        held_out.train_dataloader()


def test_groups_of_objects_serve_training_and_every_evaluation(make: MakeModule) -> None:
    module = make(uneven_set((2, 3)))
    evaluated = module.table("train").batch(torch.arange(2)).objects
    trained = next(iter(module.train_dataloader())).objects
    assert evaluated is not None
    assert trained is not None
    assert trained.clouds is evaluated.clouds


def test_an_object_without_grasps_is_named(make: MakeModule) -> None:
    empty = made_up_set("can_00000", "train", 1).rows(np.zeros(0, dtype=int))
    module = make(concatenate([uneven_set((2,)), empty], {}))
    with pytest.raises(ValueError, match=r"no grasp of object 'can_00000'; synthesis found none, choose another"):
        module.grasps.of_object("can_00000")
    with pytest.raises(ValueError, match=r"does not know the object 'mug_00000'; it lists 2 objects"):
        module.grasps.of_object("mug_00000")
    assert set(module.train_dataloader().dataset.__iter__().__next__().objects.rows.tolist()) == {0}


def test_an_object_of_another_split_file_is_named(make: MakeModule, tmp_path: Path) -> None:
    splits = {"train": ["box_00001"], "unseen_instances": ["box_00015"], "unseen_families": ["stapler_00000"]}
    write_split_file(tmp_path / "splits.json", splits)
    with pytest.raises(ValueError, match=r"object 'box_00000' of the grasp set is not in the split file"):
        make(split_file=str(tmp_path / "splits.json")).train_dataloader()


def test_a_missing_file_names_the_command_that_makes_one(tmp_path: Path) -> None:
    module = GraspDataModule(path=str(tmp_path / "none.npz"))
    with pytest.raises(
        FileNotFoundError, match=r"none\.npz does not exist; make one with: python -m datamodules\.synth"
    ):
        module.train_dataloader()


def test_a_truncated_file_is_named(make: MakeModule) -> None:
    module = make()
    path = Path(module.path)
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(ValueError, match=r"set\.npz cannot be read .*truncated, or not a grasp set"):
        module.val_dataloader()


@pytest.mark.parametrize("settings", [{"batch_size": 0}, {"batches_per_epoch": 0}])
def test_empty_batches_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"batch_size is \d+ and batches_per_epoch \d+; both have to be at least 1"):
        GraspDataModule(**settings)  # type: ignore[arg-type]
