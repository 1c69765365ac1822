"""What the collector needs of a learning policy."""

from typing import Protocol

import torch

from datamodules.types import ActorStep
from envs.observations import Observation


class RolloutActor(Protocol):
    """A policy that explores and says how: implemented by the modules that learn."""

    @property
    def policy_version(self) -> int:
        """Optimiser steps taken so far."""
        ...

    def start(self, num_worlds: int, generator: torch.Generator) -> None:
        """Episodes begin in all worlds; exploration draws from ``generator``."""
        ...

    def step(self, observation: Observation) -> ActorStep:
        """Decide for every world."""
        ...

    def take_seconds(self) -> dict[str, float]:
        """Wall-clock seconds by part (primitive, policy) since the last call."""
        ...
