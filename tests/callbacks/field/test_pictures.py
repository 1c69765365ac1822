"""Pictures of a few held-out grasps, in TensorBoard during fit and as files in test."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.loggers import TensorBoardLogger
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import IMAGES, EventAccumulator
from torch import nn

from callbacks.field import pictures
from callbacks.field.pictures import FieldPictures, pick_varied
from datamodules.grasps.grasp_file import save_grasp_set
from datamodules.grasps.grasp_set import GraspSet, concatenate
from datamodules.grasps.module import GraspDataModule
from envs.conventions import MAX_JOINT_STEP
from envs.hand.shadow import shadow_hand
from lightning_modules.primitive import GraspPrimitive
from tests.callbacks.conftest import Quiet
from tests.datamodules.grasps.examples import made_up_set
from tests.learning import tiny_module

HAND = shadow_hand()

NAMES = {"before_after", "field", "denoising"}


def small(**options: Any) -> FieldPictures:
    return FieldPictures(**({"every_n_epochs": 1, "num_grasps": 1, "num_frames": 2, "size": 24} | options))


def test_test_writes_png_files(data: GraspDataModule, quiet: Quiet, tmp_path: Path) -> None:
    quiet(small(num_grasps=2)).test(tiny_module(), data, verbose=False)
    folder = tmp_path / "pictures"
    assert {path.name for path in folder.iterdir()} == {f"{name}.png" for name in NAMES}
    shapes = {name: np.asarray(Image.open(folder / f"{name}.png")).shape for name in NAMES}
    assert all(shape[2] == 3 for shape in shapes.values())
    # two grasps: two pairs in a row, four pictures of the field in a row, two strips of two frames below one another
    assert shapes["before_after"][1] > 4 * 24
    assert shapes["field"][1] > 4 * 24
    assert shapes["denoising"][0] > 2 * 24
    assert shapes["denoising"][1] < 4 * 24


def test_fit_puts_them_on_the_board_every_few_epochs(data: GraspDataModule, quiet: Quiet, tmp_path: Path) -> None:
    logger = TensorBoardLogger(tmp_path, name="board")
    quiet(small(every_n_epochs=2), logger=logger, max_epochs=3).fit(tiny_module(), data)
    board = EventAccumulator(str(logger.log_dir), size_guidance={IMAGES: 0})
    board.Reload()
    assert set(board.Tags()["images"]) == {f"field/{name}" for name in NAMES}
    for name in NAMES:
        assert [event.step for event in board.Images(f"field/{name}")] == [4]  # after the second epoch of two steps
    assert not (tmp_path / "pictures").exists()


@pytest.mark.parametrize("options", [{"every_n_epochs": 0}, {"every_n_epochs": 5}])
def test_nothing_is_drawn_when_it_is_not_due(
    options: dict[str, int], data: GraspDataModule, quiet: Quiet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FieldPictures, "draw", lambda *_: pytest.fail("drawn"))
    quiet(small(**options), logger=TensorBoardLogger(tmp_path), max_epochs=2).fit(tiny_module(), data)


def test_a_run_without_tensorboard_draws_nothing(
    data: GraspDataModule, quiet: Quiet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FieldPictures, "draw", lambda *_: pytest.fail("drawn"))
    quiet(small()).fit(tiny_module(), data)


def test_the_hand_is_shown_where_the_field_took_it(
    data: GraspDataModule, quiet: Quiet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An action of 1 on one joint for 50 steps: drawn before at the open hand, after at the joint's limit."""
    drawn: dict[str, Any] = {"field": []}

    def act(self: Any, joint_pos: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        action = torch.zeros_like(joint_pos)
        action[:, 7] = 1.0
        return action

    def before_and_after(scene: Any, before: Any, after: Any, **_: Any) -> np.ndarray:
        drawn.update(before=before, after=after, scene=scene)
        return np.zeros((8, 8, 3), dtype=np.uint8)

    def field_picture(hand: Any, joints: Any, step: Any, points: Any, **_: Any) -> np.ndarray:
        drawn["field"].append((joints, step, points))
        return np.zeros((8, 8, 3), dtype=np.uint8)

    monkeypatch.setattr(GraspPrimitive, "act", act)
    monkeypatch.setattr(pictures, "before_and_after", before_and_after)
    monkeypatch.setattr(pictures, "field_picture", field_picture)
    quiet(small()).test(tiny_module(), data, verbose=False)
    np.testing.assert_allclose(drawn["before"], HAND.open_pose.copy(), atol=1e-6)
    expected = HAND.open_pose.copy()
    expected[7] = HAND.limits.high[7]
    np.testing.assert_allclose(drawn["after"], expected, atol=1e-6)
    (start, step, points), (later, *_) = drawn["field"]
    np.testing.assert_allclose(start, HAND.open_pose.copy(), atol=1e-6)
    assert step[7] == pytest.approx(MAX_JOINT_STEP)
    assert later[7] > start[7]
    # the cloud of the grasp that is shown, as its wrist sees it
    grasps = data.grasps.split("unseen_instances")
    expected_cloud = data.library.get(grasps.object_names()[0]).cloud[:64]
    spread = np.linalg.norm(np.ptp(points, axis=0)) / np.linalg.norm(np.ptp(expected_cloud, axis=0))
    assert points.shape == (64, 3)
    assert 0.5 < spread < 2.0
    np.testing.assert_allclose(drawn["scene"].object_pose_w, grasps.object_pose_w[0], atol=1e-6)


def test_the_same_grasps_are_shown_every_time(
    data: GraspDataModule, quiet: Quiet, monkeypatch: pytest.MonkeyPatch
) -> None:
    titles: list[str] = []

    def filmstrip(scene: Any, joints: Any, times: Any, *, size: int, title: str) -> np.ndarray:
        titles.append(title)
        assert len(joints) == len(times) == 2
        assert (times[0], round(times[1], 3)) == (1.0, 0.001)
        return np.zeros((8, 8, 3), dtype=np.uint8)

    monkeypatch.setattr(pictures, "denoising_filmstrip", filmstrip)
    for _ in range(2):
        quiet(small(num_grasps=2)).test(tiny_module(), data, verbose=False)
    assert titles[:2] == titles[2:]
    assert "box_00092" in titles[0]
    assert "stapler_00000" in titles[1]


def mixed() -> GraspSet:
    parts = [
        made_up_set("box_00015", "unseen_instances", 4), made_up_set("box_00016", "unseen_instances", 2),
        made_up_set("stapler_00000", "unseen_families", 3),
    ]  # fmt: skip
    grasps = concatenate(parts, {})
    grasps.type_index[:] = [0, 0, 1, 2, 0, 3, 0, 0, 4]
    return grasps


def test_splits_then_types_then_objects_take_turns() -> None:
    grasps = mixed()
    # row 0 (instances, type 0), then the other split and another type: row 8, then a new type of instances: row 2 of
    # the same object or row 5 of another: the other object; then families again, where only type 0 is left: row 6
    assert pick_varied(grasps, 4).tolist() == [0, 8, 5, 6]
    assert [HAND.type_names[index] for index in grasps.type_index[[0, 8, 5]]] == [
        HAND.type_names[0],
        HAND.type_names[4],
        HAND.type_names[3],
    ]


def test_fit_shows_development_objects_and_a_test_those_that_it_tests(tmp_path: Path, fast_objects: None) -> None:
    splits = {"box_00000": "train", "trowel_00000": "development", "box_00015": "unseen_instances"}
    parts = [made_up_set(name, split, 2) for name, split in splits.items()]
    save_grasp_set(concatenate(parts, {}), tmp_path / "set.npz")
    data = GraspDataModule(path=str(tmp_path / "set.npz"), num_points=64)
    for shown, name in ((data.val_splits, "trowel_00000"), (data.test_splits, "box_00015"), (("train",), "box_00000")):
        titles = pictures._shown(data, shown, 4).titles
        assert [title.rpartition(", ")[2] for title in titles] == [name, name]


def test_no_more_grasps_are_shown_than_there_are() -> None:
    assert sorted(pick_varied(mixed(), 100).tolist()) == list(range(9))


@pytest.mark.parametrize("options", [{"num_grasps": 0}, {"num_frames": 1}, {"size": 8}])
def test_senseless_sizes_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"num_grasps is \d+, num_frames \d+ and size \d+; allowed are at least 1, 2"):
        small(**options)


def test_other_modules_are_refused(data: GraspDataModule, quiet: Quiet) -> None:
    class Other(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(()))

        def test_step(self, *_: Any) -> None:
            return None

    with pytest.raises(TypeError, match=r"FieldPictures got GraspDataModule and Other, expected GraspDataModule and"):
        quiet(small()).test(Other(), data, verbose=False)
