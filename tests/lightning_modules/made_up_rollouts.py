"""Rollouts of a residual policy on made-up observations, without physics, for tests of how it acts and learns."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningDataModule, Trainer
from torch import Tensor
from torch.utils.data import DataLoader

from datamodules.rollouts.stream import RolloutStream
from datamodules.types import Decision, Rollout, each_tensor
from envs.task.observations import OBSERVATION_GROUPS, Observation
from lightning_modules.followers import Heading
from lightning_modules.ppo.memory import PolicyMemory
from lightning_modules.residual_ppo_module import ResidualPPOModule
from tests.assisting import made_up_observation

STEPS, WORLDS = 6, 16

Make = Callable[..., ResidualPPOModule]
"""Makes a tiny module with the given settings; a fixture."""


@lru_cache(maxsize=1)
def observations() -> list[Observation]:
    return [made_up_observation(WORLDS, seed, tuple(OBSERVATION_GROUPS)) for seed in range(STEPS)]


def everywhere(observation: Observation) -> Tensor:
    """Every world moves (E,)."""
    return torch.ones(len(observation), dtype=torch.bool)


def decide(module: ResidualPPOModule, seed: int = 0, seen: Sequence[Observation] = ()) -> Decision:
    """All steps of made-up episodes, stacked; of observations that are the same every time where none are given."""
    seen = seen or observations()
    [acting] = module.begin([len(seen[0])], 50, torch.Generator().manual_seed(seed))
    decided = [acting.step(observation, everywhere(observation)) for observation in seen]
    return each_tensor(lambda *steps: torch.stack(steps), *decided)


def act(module: ResidualPPOModule, seed: int = 0) -> PolicyMemory:
    """What the policy remembers of `decide`."""
    return PolicyMemory.of(decide(module, seed).memory)


Reward = Callable[[PolicyMemory], Tensor]


def wants_scale(target: float = 0.2) -> Reward:
    """Pays for a_s near a target (T, E)."""
    return lambda steps: -(steps.action[..., :18] - target).square().mean(dim=-1)


NO_TEACHER = torch.full((STEPS, WORLDS), torch.nan)


def rollout(module: ResidualPPOModule, reward: Reward, seed: int = 0, gate: Tensor = NO_TEACHER) -> Rollout:
    return paid_rollout(module, decide(module, seed), reward, gate)


def paid_rollout(module: ResidualPPOModule, decided: Decision, reward: Reward, gate: Tensor | None = None) -> Rollout:
    """What was decided, with its pay."""
    paid = reward(PolicyMemory.of(decided.memory))
    gate = torch.full(paid.shape, torch.nan) if gate is None else gate
    num_worlds = paid.shape[1]
    is_terminal = torch.zeros(paid.shape, dtype=torch.bool)
    is_terminal[-1] = True
    return Rollout(
        hand_action=decided.hand_action,
        reward=paid,
        terms={"made_up": paid},
        is_terminal=is_terminal,
        is_valid=torch.ones(paid.shape, dtype=torch.bool),
        memory=decided.memory,
        gate=gate,
        grip=0.0 * gate,
        measures={"success": paid.sum(0), "is_grasp": torch.ones(num_worlds)},
        policy_version=module.policy_version,
        seconds={"physics": 1.0},
    )


class MadeUpRollouts(LightningDataModule):
    """Rollouts of the trained module on made-up observations."""

    def __init__(self, count: int, reward: Reward, gate: Tensor = NO_TEACHER) -> None:
        super().__init__()
        self._gate = gate
        self._count = count
        self._reward = reward
        self._collected = 0

    def train_dataloader(self) -> DataLoader[Rollout]:
        return DataLoader(RolloutStream(self._count, self._collect), batch_size=None)

    def _collect(self) -> Rollout:
        assert self.trainer is not None
        self._collected += 1
        module: Any = self.trainer.lightning_module
        return rollout(module, self._reward, seed=self._collected, gate=self._gate)


def fit(module: ResidualPPOModule, data: LightningDataModule, root: Path, **settings: Any) -> Trainer:
    trainer = Trainer(
        max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0, default_root_dir=root, **settings,
    )  # fmt: skip
    trainer.fit(module, data)
    return trainer


def weights(module: ResidualPPOModule) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def assert_same_weights(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


def wanting(a_p: Tensor) -> Heading:
    """A primitive that wants these actions (E, J); where it heads does not matter."""
    nowhere = torch.full_like(a_p, torch.nan)
    return Heading(a_p, nowhere, nowhere)
