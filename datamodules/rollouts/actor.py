"""What the collector needs of a learning policy."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from datamodules.types import Decision
from envs.task.observations import Observation


class ExploringWorlds(Protocol):
    """A policy that explores in some worlds, from the start of their episodes on, and says how.

    What it remembers is its own, so that several of one policy may act at the same time on threads of their own.
    """

    def step(self, observation: Observation, moving: Tensor) -> Decision:
        """Decide for the worlds whose episodes go on, ``moving`` (E,) bool; of the others anything may be said."""
        ...

    @property
    def seconds(self) -> dict[str, float]:
        """Wall-clock seconds by part (primitive, policy) so far."""
        ...


class RolloutActor(Protocol):
    """A policy that learns: implemented by the modules."""

    @property
    def policy_version(self) -> int:
        """Rollouts learnt from so far."""
        ...

    def begin(self, sizes: Sequence[int], num_steps: int, generator: torch.Generator) -> Sequence[ExploringWorlds]:
        """Episodes of at most ``num_steps`` steps begin in all worlds, which are stepped in parts of these sizes.

        Exploration is drawn from ``generator`` for all worlds at once: it depends neither on how they are divided nor
        on which part is faster.
        """
        ...
