"""What a control step of the assisting task gives."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from envs.physics.base import PhysicsState
from envs.task.observations import Observation
from envs.task.outcomes import EpisodeOutcome


@dataclass(frozen=True)
class EnvStep:
    """What came of one control step in E worlds.

    Attributes:
        observation: what is known after it.
        terms: weighted terms of the reward by name, (E,) each; none without a reward.
        reward: their sum (E,).
        ended: worlds whose episode ended in this step (E,) bool.
        outcome: how it ended in these, in their order; None where none did.
        state: the simulator's state that was observed, before any lift.
    """

    observation: Observation
    terms: dict[str, Tensor]
    reward: Tensor
    ended: NDArray[np.bool_]
    outcome: EpisodeOutcome | None
    state: PhysicsState
