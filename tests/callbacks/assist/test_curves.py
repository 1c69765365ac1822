"""Primitive and policy over the steps of an episode."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.loggers import TensorBoardLogger
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import IMAGES, EventAccumulator
from torch import Tensor, nn
from torch.utils.data import DataLoader

from callbacks.assist import curves
from callbacks.assist.curves import EpisodeCurves, StepCurve, draw_curves
from datamodules.types import Rollout
from envs.hand.shadow import shadow_hand
from envs.task.observations import Observation
from lightning_modules.followers import Heading
from lightning_modules.policy.inputs import ApproachInputs
from tests.assisting import made_up_observation
from tests.callbacks.conftest import Quiet

HAND = shadow_hand()

STEPS, WORLDS = 5, 4


def made_up_rollout(action_dim: int = 36) -> Rollout:
    """World e of step t: a_p = -(t + 1) in joint 0 alone, a_s = e, a_r = 9; joints and wrist of `observation`."""
    a_p = torch.zeros(STEPS, WORLDS, 18)
    a_p[..., 0] = -(torch.arange(STEPS)[:, None] + 1.0)
    mean = torch.full((STEPS, WORLDS, action_dim), 9.0)
    mean[..., :18] = torch.arange(WORLDS)[:, None]
    zero = torch.zeros(STEPS, WORLDS)
    headings = [Heading(action, action, action) for action in a_p]
    vectors = torch.stack([ApproachInputs()(HAND, observation(step), headings[step]) for step in range(STEPS)])
    return Rollout(
        hand_action=a_p, reward=zero, terms={}, is_terminal=zero.bool(), is_valid=~zero.bool(),
        measures={"success": zero[0], "is_grasp": zero[0] + 1.0},
        gate=zero, grip=zero, memory={"primitive_action": a_p, "vectors": vectors, "mean": mean},
        policy_version=0, seconds={},
    )  # fmt: skip


def episode_curves(rollout: Rollout) -> dict[str, StepCurve]:
    return curves.episode_curves(HAND, rollout, ApproachInputs().columns(HAND, with_primitive=True))


def observation(step: int) -> Observation:
    """Step t: joint 0 at -0.1 t half ranges; the wrist of world e has gone 0, 1, 2, 3, 3 times e + 1 cm along x."""
    made_up = made_up_observation(WORLDS)
    joint_pos = made_up["joint_pos"] * 0.0
    joint_pos[:, 0] = -0.1 * step
    history = made_up["wrist_history"][:, -1:].repeat(1, 5, 1)
    gone = torch.tensor([min(max(step - back, 0), 3) for back in (4, 3, 2, 1, 0)])
    history[..., 0] = 0.01 * gone * (torch.arange(WORLDS)[:, None] + 1.0)
    return replace(made_up, groups={**made_up.groups, "joint_pos": joint_pos, "wrist_history": history})


def test_the_primitives_action_is_averaged_over_the_joints() -> None:
    curve = episode_curves(made_up_rollout())["primitive_action"]
    assert curve.mean == pytest.approx([(step + 1) / 18 for step in range(STEPS)], abs=1e-6)  # one joint of 18
    assert curve.low == curve.mean == curve.high


def test_the_scale_is_the_policys_mean_with_quartiles_over_worlds() -> None:
    curve = episode_curves(made_up_rollout())["a_s"]
    assert curve.mean == [1.5] * STEPS  # worlds have 0, 1, 2, 3
    assert (curve.low, curve.high) == ([0.75] * STEPS, [2.25] * STEPS)


def test_a_policy_without_scales_has_no_curve_of_them() -> None:
    assert list(episode_curves(made_up_rollout(18))) == ["primitive_action", "r_sim_rad", "wrist_progress"]


def test_a_policy_that_remembers_neither_scales_nor_inputs_has_no_curves() -> None:
    rollout = replace(made_up_rollout(), memory={"action": torch.zeros(STEPS, WORLDS, 19)})
    assert curves.episode_curves(HAND, rollout, {}) == {}


def test_r_sim_is_the_movement_along_the_primitives_direction() -> None:
    curve = episode_curves(made_up_rollout())["r_sim_rad"]
    # <a_p / |a_p|, dJ> = (-1)(-0.1 half ranges), however large a_p; nothing is known after the last step
    expected = 0.1 * float(HAND.half_ranges(torch.zeros(18))[0])
    assert curve.mean == pytest.approx([expected] * (STEPS - 1), abs=1e-5)


def test_progress_is_the_share_of_the_wrists_way() -> None:
    curve = episode_curves(made_up_rollout())["wrist_progress"]
    assert curve.mean == pytest.approx([0.0, 1 / 3, 2 / 3, 1.0, 1.0], abs=1e-5)
    assert curve.high == pytest.approx(curve.low, abs=1e-5)


def ended(rollout: Rollout, lengths: list[int]) -> Rollout:
    """Worlds that run for so many steps; NaN in what is remembered of later ones."""
    is_valid = torch.arange(STEPS)[:, None] < torch.tensor(lengths)
    memory = {name: values.where(is_valid[..., None], torch.nan) for name, values in rollout.memory.items()}
    return replace(rollout, is_valid=is_valid, memory=memory)


def test_each_step_counts_over_the_worlds_that_still_run_in_it() -> None:
    found = episode_curves(ended(made_up_rollout(), [2, 4, 1, 4]))
    scales = found["a_s"]
    assert scales.num_worlds == [4, 3, 2, 2]  # nothing runs in the fifth step
    assert scales.mean == pytest.approx([1.5, 4 / 3, 2.0, 2.0])  # worlds 0 to 3; 0, 1, 3; 1, 3
    assert scales.low == [0.75, 0.5, 1.5, 1.5]
    assert found["r_sim_rad"].num_worlds == [3, 2, 2]
    expected = 0.1 * float(HAND.half_ranges(torch.zeros(18))[0])
    assert found["r_sim_rad"].mean == pytest.approx([expected] * 3, abs=1e-5)
    # worlds 1 and 3 have come all their way at step 3, world 0 at step 1
    assert found["wrist_progress"].mean == pytest.approx([0.0, (1.0 + 1 / 3 + 1 / 3) / 3, 2 / 3, 1.0], abs=1e-5)


def test_a_line_says_where_half_of_the_worlds_have_ended() -> None:
    whole, part = (
        draw_curves(episode_curves(each), "") for each in (made_up_rollout(), ended(made_up_rollout(), [2, 4, 1, 4]))
    )
    assert whole.axes[1].get_xlabel() == "control step"
    assert part.axes[1].get_xlabel() == "control step; dotted: half of the worlds left"
    assert np.asarray(part.axes[1].lines[-1].get_xdata()).tolist() == [2, 2]
    assert part.axes[1].get_title().startswith("scale or gate")


def test_every_curve_has_a_panel() -> None:
    curves = episode_curves(made_up_rollout())
    figure = draw_curves(curves, "epoch 3")
    assert [np.size(axis.lines[0].get_ydata()) for axis in figure.axes] == [5, 5, 4, 5]
    assert np.asarray(figure.axes[1].lines[0].get_ydata()).tolist() == pytest.approx(curves["a_s"].mean)


# --- in fit


class Learner(LightningModule):
    """Learns nothing."""

    hand = HAND
    input_columns = ApproachInputs().columns(HAND, with_primitive=True)

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        return self.weight

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.0)


def loader(*batches: Any) -> "DataLoader[Any]":
    return DataLoader(list(batches), batch_size=None)  # type: ignore[arg-type]


def scaled(rollout: Rollout, a_s: float) -> Rollout:
    return replace(rollout, memory=rollout.memory | {"mean": torch.full_like(rollout.memory["mean"], a_s)})


def test_fit_writes_the_last_rollout_without_a_logger(quiet: Quiet, tmp_path: Path) -> None:
    rollout = made_up_rollout()
    quiet(EpisodeCurves(), max_epochs=2).fit(Learner(), loader(scaled(rollout, 0.2), scaled(rollout, 0.6)))
    written = json.loads((tmp_path / "episode_curves.json").read_text())
    assert written["title"].startswith(f"last rollout of epoch 1, {WORLDS} worlds")
    assert set(written["curves"]) == {"primitive_action", "a_s", "r_sim_rad", "wrist_progress"}
    assert written["curves"]["a_s"]["mean"] == pytest.approx([0.6] * STEPS)  # of the second of the two
    picture = np.asarray(Image.open(tmp_path / "episode_curves.png"))
    assert picture.shape[1] > 3 * picture.shape[0]  # four panels side by side


def test_tensorboard_gets_a_figure_an_epoch(quiet: Quiet, tmp_path: Path) -> None:
    board = TensorBoardLogger(tmp_path)
    quiet(EpisodeCurves(), logger=board, max_epochs=2).fit(Learner(), loader(made_up_rollout(), made_up_rollout()))
    board.experiment.close()
    events = EventAccumulator(board.log_dir, size_guidance={IMAGES: 0}).Reload()
    assert [image.step for image in events.Images("episodes/curves")] == [2, 4]  # two batches an epoch


def test_batches_of_another_task_are_refused(quiet: Quiet) -> None:
    with pytest.raises(TypeError, match="EpisodeCurves got a batch Tensor, expected Rollout; take it out of"):
        quiet(EpisodeCurves()).fit(Learner(), loader(torch.zeros(2)))
