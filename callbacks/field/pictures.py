"""Pictures of what the field does to a few held-out grasps, in TensorBoard during fit and as files in test."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from numpy.typing import NDArray
from torch import Tensor

from callbacks.field.drawings import GraspScene, before_and_after, denoising_filmstrip, field_picture
from callbacks.field.trials import Array, field_controller
from callbacks.training.turns import boards_in_turn
from datamodules.grasps.dataset import GraspTable
from datamodules.grasps.grasp_set import GraspSet
from datamodules.grasps.module import GraspDataModule
from datamodules.grasps.poses import absolute_pose
from envs.conventions import MAX_JOINT_STEP, SPLITS
from envs.pictures.sheets import contact_sheet, save_png
from envs.pictures.view import Image
from envs.task.settings import TaskSettings
from envs.trials.grasp_trials import follow_freely
from lightning_modules.primitive import GraspPrimitive
from lightning_modules.score_module import ScoreMatchingModule

_LOG = logging.getLogger(__name__)

_ARROW_STEPS = (0, TaskSettings().episode_steps // 3)
"""Control steps of an approach at which the field is drawn: from the open hand, and when the fingers have gathered."""


@dataclass(frozen=True)
class _Shown:
    """The grasps of a picture: their table, what the objects are, where they and the wrists stand."""

    table: GraspTable
    scenes: list[GraspScene]
    titles: list[str]


class FieldPictures(Callback):
    """Pictures of a few held-out grasps, always the same, of different types and objects: of development in fit.

    ``before_after``: the open hand, and the hand after following the field without collisions; ``field``: the cloud
    with the way each fingertip is sent; ``denoising``: a sample on its way from noise to grasp.
    During fit they are TensorBoard images, in ``test`` files in ``<default_root_dir>/pictures``.

    Args:
        every_n_epochs: epochs between pictures in fit; 0 leaves them out.
        num_grasps: grasps shown.
        num_frames: pictures of a filmstrip.
        size: edge of a single picture, pixels.
    """

    def __init__(self, every_n_epochs: int = 10, num_grasps: int = 4, num_frames: int = 6, size: int = 240) -> None:
        if num_grasps < 1 or num_frames < 2 or size < 16:
            raise ValueError(
                f"num_grasps is {num_grasps}, num_frames {num_frames} and size {size}; allowed are at least 1, 2 and 16"
            )
        self.every_n_epochs = every_n_epochs
        self.num_grasps = num_grasps
        self.num_frames = num_frames
        self.size = size
        self._shown: dict[tuple[str, ...], _Shown] = {}

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """In fit: pictures to TensorBoard, every few epochs."""
        boards = boards_in_turn(trainer, self.every_n_epochs)
        for name, image in self.draw(trainer, pl_module).items() if boards else ():
            for board in boards:
                board.add_image(f"field/{name}", image, trainer.global_step, dataformats="HWC")

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Pictures as PNG files."""
        if trainer.is_global_zero:
            folder = Path(trainer.default_root_dir) / "pictures"
            for name, image in self.draw(trainer, pl_module).items():
                save_png(folder / f"{name}.png", image)
            _LOG.info("wrote pictures to %s", folder)

    def draw(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Image]:
        """The pictures (H, W, 3) uint8 by name.

        Raises:
            TypeError: a data module or module other than the primitive's.
        """
        data = trainer.datamodule  # type: ignore[attr-defined]
        if not isinstance(data, GraspDataModule) or not isinstance(pl_module, ScoreMatchingModule):
            raise TypeError(
                f"FieldPictures got {type(data).__name__} and {type(pl_module).__name__}, expected GraspDataModule and "
                "ScoreMatchingModule; take it out of trainer.callbacks"
            )
        splits = data.test_splits if trainer.testing else data.val_splits
        if splits not in self._shown:
            self._shown[splits] = _shown(data, splits, self.num_grasps)
        shown = self._shown[splits]
        primitive, batch = GraspPrimitive(pl_module), shown.table.batch(torch.arange(len(shown.scenes)))
        here = batch.to(pl_module.device)
        feature = primitive.encode(here.points_h, here.objects, here.table_h)
        return {
            **self._followed(shown, primitive, feature, batch.points_h.double().numpy()),
            "denoising": self._filmstrips(shown, primitive, feature),
        }

    def _followed(
        self, shown: _Shown, primitive: GraspPrimitive, feature: Tensor, points_h: NDArray[np.float64]
    ) -> dict[str, Image]:
        """The hand before and after following the field, and where the field sends the fingertips on the way."""
        act = field_controller(primitive, feature, TaskSettings().episode_steps)
        path: list[tuple[Array, Array]] = []

        def controller(rows: NDArray[np.int64], joint_pos: Array, step: int) -> Array:
            path.append((joint_pos, act(rows, joint_pos, step)))
            return path[-1][1]

        final = follow_freely(shown.table.hand, controller, len(shown.scenes))
        pairs = [
            before_and_after(scene, path[0][0][row], final[row], size=self.size, title=shown.titles[row])
            for row, scene in enumerate(shown.scenes)
        ]
        arrows = [
            field_picture(shown.table.hand, joints[row], MAX_JOINT_STEP * action[row], points_h[row], size=self.size)
            for row in range(len(shown.scenes))
            for joints, action in (path[step] for step in _ARROW_STEPS)
        ]
        when = [f"step {step}" for step in _ARROW_STEPS]
        return {
            "before_after": contact_sheet(pairs, columns=2),
            "field": contact_sheet(arrows, [f"{title}, {at}" for title in shown.titles for at in when], columns=4),
        }

    def _filmstrips(self, shown: _Shown, primitive: GraspPrimitive, feature: Tensor) -> Image:
        """One row a grasp: evenly spread states of a sample from noise to grasp."""
        joints, times = primitive.denoise(feature, torch.Generator().manual_seed(0))
        frames = np.linspace(0, len(times) - 1, self.num_frames).round().astype(int)
        path = joints.double().cpu().numpy()
        strips = [
            denoising_filmstrip(
                scene,
                [path[frame, row] for frame in frames],
                [times[frame] for frame in frames],
                size=self.size,
                title=shown.titles[row],
            )
            for row, scene in enumerate(shown.scenes)
        ]
        return contact_sheet(strips, columns=1)


def pick_varied(grasps: GraspSet, count: int) -> NDArray[np.int64]:
    """Rows of up to ``count`` grasps that take turns over splits, then types, then objects; in the set's order."""
    splits = [grasps.object_splits[index] for index in grasps.object_index]
    labels = list(zip(splits, grasps.type_names(), grasps.object_names(), strict=True))
    rows = list(range(len(grasps)))
    chosen: list[int] = []
    while rows and len(chosen) < count:
        taken = [Counter(labels[row][level] for row in chosen) for level in range(3)]
        chosen.append(min(rows, key=lambda row: [taken[level][labels[row][level]] for level in range(3)]))
        rows.remove(chosen[-1])
    return np.array(chosen, dtype=np.int64)


def _shown(data: GraspDataModule, splits: Sequence[str], count: int) -> _Shown:
    shown = [split for split in splits if split != SPLITS[0]] or splits
    held_out = np.array([split in shown for split in data.grasps.object_splits])
    grasps = data.grasps.rows(held_out[data.grasps.object_index])
    grasps = grasps.rows(pick_varied(grasps, count))
    object_w = grasps.object_pose_w.astype(np.float64)
    wrist_w = absolute_pose(object_w, grasps.wrist_pose_o.astype(np.float64))
    names = grasps.object_names()
    scenes = [
        GraspScene(data.hand, data.library.get(name), object_w[row], wrist_w[row]) for row, name in enumerate(names)
    ]
    titles = [f"{kind}, {name}" for kind, name in zip(grasps.type_names(), names, strict=True)]
    return _Shown(GraspTable(grasps, data.library, data.num_points), scenes, titles)
