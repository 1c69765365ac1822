"""A task of one step that a baseline must solve before its curve on the real one says anything."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import yaml
from jsonargparse import ArgumentParser
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader

from datamodules.rollouts.stream import RolloutStream
from datamodules.types import Rollout
from envs.task.observations import OBSERVATION_GROUPS, Observation
from lightning_modules.residual_ppo_module import ResidualPPOModule
from tests.assisting import made_up_observation
from tests.learning import ROOT
from tests.lightning_modules.made_up_rollouts import decide, fit, paid_rollout

WORLDS, ROLLOUTS = 64, 12
POINTS = 64

Wants = Callable[[Observation], Tensor]
"""The action (E, 18) that a situation wants."""

INDEPENDENT = "lightning_modules.ppo.exploration.IndependentNoise"

SMALL_ENCODER = {
    "class_path": "lightning_modules.networks.point_encoders.PointNetEncoder",
    "init_args": {"widths": [8], "feature_widths": [8]},
}


def baseline(name: str, **settings: Any) -> ResidualPPOModule:
    """The module of a configuration with bold steps, to be done soon; networks, inputs and exploration as they are."""
    model = yaml.safe_load((ROOT / "configs" / "baselines" / f"{name}.yaml").read_text())["model"]
    steady = {"factor": 1.0}
    bold = {"minibatch_size": 48, "learning_rate": 1.0e-3, "learning_rate_rule": steady, "clip": 0.8, "gamma": 0.0}
    model["init_args"] |= {**bold, **settings}
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(ResidualPPOModule, "model")
    module: ResidualPPOModule = parser.instantiate(parser.parse_object({"model": model})).model
    return module


def is_large() -> Tensor:
    return torch.arange(WORLDS) % 2 == 0


def situations(seed: int, num_steps: int) -> list[Observation]:
    """Steps of made-up worlds: half of the objects are three times as large, the told joints are equal."""
    told = torch.rand(WORLDS, 1, generator=torch.Generator().manual_seed(seed)) - 0.5
    found = []
    for step in range(num_steps):
        seen = dict(made_up_observation(WORLDS, 1000 * seed + step, tuple(OBSERVATION_GROUPS)).groups)
        points = seen["points_h"][:, :POINTS]
        centre = points.mean(dim=1, keepdim=True)
        seen["points_h"] = torch.where(is_large()[:, None, None], 1.0, 1 / 3) * (points - centre) + centre
        seen["other_joints"] = told.expand(-1, 18).clone()
        found.append(Observation(seen))
    return found


def the_told_joints(seen: Observation) -> Tensor:
    return seen["other_joints"]


def open_for_the_large(seen: Observation) -> Tensor:
    return torch.where(is_large(), -0.5, 0.5)[:, None].expand(-1, 18)


class Task(LightningDataModule):
    """Rollouts in which every step is paid for coming near an action."""

    def __init__(self, wants: Wants, num_steps: int) -> None:
        super().__init__()
        self._wants, self._num_steps, self._drawn = wants, num_steps, 0

    def train_dataloader(self) -> DataLoader[Rollout]:
        return DataLoader(RolloutStream(ROLLOUTS, self._collect), batch_size=None)

    def _collect(self) -> Rollout:
        assert self.trainer is not None
        self._drawn += 1
        module: Any = self.trainer.lightning_module
        seen = situations(self._drawn, self._num_steps)
        wanted = torch.stack([self._wants(each) for each in seen])
        decided = decide(module, self._drawn, seen)
        return paid_rollout(module, decided, lambda steps: -(steps.action - wanted).square().mean(dim=-1))


def error(module: ResidualPPOModule, wants: Wants) -> float:
    """Mean squared difference from what is wanted in situations that were not learnt from."""
    seen = situations(0, 4)
    with torch.no_grad():
        return float(
            torch.stack([(torch.as_tensor(module.policy().act(at, 0)) - wants(at)).square() for at in seen]).mean()
        )


def test_ppo_tells_objects_apart_by_an_encoder_from_scratch(tmp_path: Path) -> None:
    module = baseline("ppo")
    before = error(module, open_for_the_large)
    fit(module, Task(open_for_the_large, num_steps=3), tmp_path)
    assert error(module, open_for_the_large) < 0.9 * before


def test_ppo_goal_goes_where_it_is_told(tmp_path: Path) -> None:
    module = baseline("ppo_goal", encoder=SMALL_ENCODER)
    before = error(module, the_told_joints)
    fit(module, Task(the_told_joints, num_steps=15), tmp_path)
    assert error(module, the_told_joints) < 0.8 * before


def test_independent_noise_of_the_tables_is_enough_where_one_step_pays(tmp_path: Path) -> None:
    noise = {"class_path": INDEPENDENT, "init_args": {"action_dim": 18, "std": 0.155}}
    module = baseline("ppo_goal", encoder=SMALL_ENCODER, exploration=noise)
    before = error(module, the_told_joints)
    fit(module, Task(the_told_joints, num_steps=15), tmp_path)
    assert error(module, the_told_joints) < 0.7 * before
