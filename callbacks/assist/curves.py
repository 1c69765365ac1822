"""What primitive and policy do in the course of an episode, as a figure (GraspGF Fig. 12)."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from callbacks.training.figures import dress, save_figure
from datamodules.types import Rollout
from envs.files import write_atomically
from envs.hand.hand import Hand
from envs.task.rewards import following
from lightning_modules.policy.inputs import STEP_SCALE

_LOG = logging.getLogger(__name__)

_TITLES: dict[str, str] = {
    "primitive_action": "primitive, mean |a_p|",
    "a_s": "scale or gate by the policy, mean",
    "r_sim_rad": "along the primitive, r_sim, rad",
    "wrist_progress": "wrist, share of its way",
}
"""Curves in the order of the figure, and what stands above them."""

_LAST_MOVE = slice(-6, -3)
"""Columns of `wrist_motion` with the wrist's position one step ago, seen from where it is."""


@dataclass(frozen=True)
class StepCurve:
    """Mean and quartiles over worlds of something that changes from control step to control step, (T,) each.

    Attributes:
        mean: over the worlds.
        low, high: their quartiles.
        num_worlds: how many worlds still run in the step; what few are left says little.
    """

    mean: list[float]
    low: list[float]
    high: list[float]
    num_worlds: list[int]


class EpisodeCurves(Callback):
    """Draws the last rollout of every epoch, step by step: mean over its worlds, and the band between the quartiles.

    Worlds end at their own times: a step counts over those that still run in it, whose number stands beside the curves,
    and a dotted line in the figure where half of them have ended.

    During ``fit`` a TensorBoard figure ``episodes/curves`` after every epoch; at its end the curves of the last epoch
    as ``episode_curves.png`` and ``episode_curves.json`` in the trainer's root folder.
    """

    def __init__(self) -> None:
        self._curves: dict[str, StepCurve] = {}
        self._title = ""

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Take the curves of the epoch's last rollout; the rollout itself is not kept.

        Raises:
            TypeError: batches of another task.
        """
        if not isinstance(batch, Rollout):
            raise TypeError(
                f"EpisodeCurves got a batch {type(batch).__name__}, expected Rollout; take it out of trainer.callbacks"
            )
        if trainer.is_last_batch and trainer.is_global_zero:
            columns = getattr(pl_module, "input_columns", {})
            self._curves = episode_curves(cast(Hand, pl_module.hand), batch, columns)
            count = batch.is_valid.shape[1]
            self._title = f"last rollout of epoch {trainer.current_epoch}, {count} worlds; band: quartiles"

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The figure for TensorBoard."""
        boards = [logger.experiment for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]
        if self._curves and boards and trainer.is_global_zero:
            for board in boards:
                board.add_figure("episodes/curves", draw_curves(self._curves, self._title), trainer.global_step)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write picture and numbers."""
        if not self._curves or not trainer.is_global_zero:
            return
        path = Path(trainer.default_root_dir) / "episode_curves.png"
        save_figure(draw_curves(self._curves, self._title), path)
        content = {"title": self._title, "curves": {name: vars(curve) for name, curve in self._curves.items()}}
        write_atomically(path.with_suffix(".json"), (json.dumps(content) + "\n").encode())
        _LOG.info("wrote %s and .json", path)


def episode_curves(hand: Hand, rollout: Rollout, columns: Mapping[str, slice]) -> dict[str, StepCurve]:
    """Curves by name over the control steps of a rollout, each step over the worlds that still run in it.

    There are those of what the policy remembers and reads (lightning_modules/policy/inputs.py):

    ``primitive_action``: mean over the joints of |a_p|. ``a_s``: mean of the first half of the policy's output, without
    noise: scales, or gates of `lightning_modules.composition.ExtentAndResidual`; absent when it has none.
    ``r_sim_rad``: <a_p / |a_p|, J_t - J_(t-1)>, rad, unweighted and in every step (GraspGF eq. 11); one value less than
    steps, because a rollout does not keep the joints after a world's last step. ``wrist_progress``: share of the
    wrist's whole way that lies behind it, 1 at its world's last observation.

    Args:
        hand: the hand.
        rollout: of any policy; one that is not residual remembers nothing that is drawn.
        columns: where each part of the policy's inputs stands in its vectors.
    Returns:
        the curves, up to the last step of the world that runs longest.
    """
    runs = rollout.is_valid
    memory = rollout.memory
    read = {name: memory["vectors"][..., place] for name, place in columns.items()}
    a_p, mean, curves = memory.get("primitive_action"), memory.get("mean"), {}
    if a_p is not None:
        curves["primitive_action"] = _over_worlds(a_p.abs().mean(dim=-1), runs)
    if mean is not None and mean.shape[-1] == 2 * rollout.hand_action.shape[-1]:
        curves["a_s"] = _over_worlds(mean[..., : rollout.hand_action.shape[-1]].mean(dim=-1), runs)
    if a_p is not None and "joint_pos" in read and bool(runs[1:].any()):
        curves["r_sim_rad"] = _over_worlds(_followed(a_p, hand.denormalise(read["joint_pos"])), runs[1:])
    if "wrist_motion" in read:
        curves["wrist_progress"] = _over_worlds(_progress(read["wrist_motion"][..., _LAST_MOVE], runs), runs)
    return curves


def _followed(a_p: Tensor, joint_pos: Tensor) -> Tensor:
    """r_sim (T - 1, E) of primitive actions (T, E, J) and the joints they were chosen at (T, E, J), rad."""
    change = joint_pos[1:] - joint_pos[:-1]
    return following(a_p[:-1].flatten(0, 1), change.flatten(0, 1)).unflatten(0, change.shape[:2])


def _progress(last_move: Tensor, runs: Tensor) -> Tensor:
    """Share of the way (T, E) of the wrist, from its moves in the last step (T, E, 3), scaled, where worlds run."""
    moved = STEP_SCALE * last_move.norm(dim=-1)
    way = moved.where(runs, 0.0).cumsum(dim=0)
    return way / way[-1].clamp_min(1e-6)


def _over_worlds(values: Tensor, runs: Tensor) -> StepCurve:
    """The curve of values (T, E) over the worlds that run (T, E) bool, as long as one does."""
    num_worlds = runs.sum(dim=1)
    num_worlds = num_worlds[num_worlds > 0].cpu()
    counted = values.detach().double().where(runs, torch.nan)[: len(num_worlds)].cpu()
    low, high = counted.nanquantile(torch.tensor([0.25, 0.75], dtype=counted.dtype), dim=1)
    mean, low, high = ([round(number, 6) for number in row.tolist()] for row in (counted.nanmean(dim=1), low, high))
    return StepCurve(mean, low, high, num_worlds.tolist())


def draw_curves(curves: dict[str, StepCurve], title: str) -> Figure:
    """One panel a curve over the control steps: its mean, and the band between the quartiles."""
    shown = [name for name in _TITLES if name in curves]
    figure, axes = plt.subplots(1, len(shown), figsize=(3.4 * len(shown), 3.0), squeeze=False, layout="constrained")
    for axis, name in zip(axes[0], shown, strict=True):
        _draw_panel(axis, curves[name], _TITLES[name])
    figure.suptitle(title, fontsize=10)
    return figure


def _draw_panel(axis: Axes, curve: StepCurve, title: str) -> None:
    steps = range(len(curve.mean))
    axis.fill_between(steps, curve.low, curve.high, color="C0", alpha=0.2, linewidth=0.0)
    axis.plot(steps, curve.mean, color="C0", linewidth=1.8)
    if min(curve.low) < 0.0:
        axis.axhline(0.0, color="0.4", linewidth=0.8)
    half = next((step for step, left in enumerate(curve.num_worlds) if 2 * left <= curve.num_worlds[0]), None)
    if half is not None:
        axis.axvline(half, color="0.4", linestyle=":", linewidth=1.0)
    axis.set_xlabel("control step" if half is None else "control step; dotted: half of the worlds left")
    dress(axis, title)
