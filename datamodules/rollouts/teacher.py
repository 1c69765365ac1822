"""A teacher of timing: knows when the wrist will arrive, and says from when on the primitive may act."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.conventions import EPISODE_STEPS
from envs.task.episodes import Episodes


@dataclass(frozen=True)
class ArrivalTeacher:
    """Lets the primitive act from ``lead`` control steps before arrival on, and no later than step ``latest``.

    Arrival is hidden from policies; one that imitates the teacher has to tell it from how the wrist moves.

    Attributes:
        lead: control steps before arrival.
        latest: step by which fingers that close by up to a radian have to start, to be done when the episode ends.
        squeeze: closing action, in units of 0.05 rad a step, that is added once the wrist has arrived: a firm grip.

    Raises:
        ValueError: a negative lead or squeeze, or a step outside the episode.
    """

    lead: int = 10
    latest: int = 26
    squeeze: float = 0.3

    def __post_init__(self) -> None:
        if self.lead < 0 or self.squeeze < 0.0 or not 0 <= self.latest <= EPISODE_STEPS:
            raise ValueError(
                f"the teacher has lead {self.lead}, latest {self.latest} and squeeze {self.squeeze}; allowed are a "
                f"lead and a squeeze of at least 0 and 0..{EPISODE_STEPS} for the latest step"
            )

    def gate(self, episodes: Episodes) -> Tensor:
        """1 where the primitive may act, 0 where it has to wait (T, E)."""
        return _from(episodes.arrival_step - self.lead, self.latest)

    def grip(self, episodes: Episodes) -> Tensor:
        """Closing action to be added (T, E)."""
        return self.squeeze * _from(episodes.arrival_step, EPISODE_STEPS)


def _from(start: NDArray[np.int64], latest: int) -> Tensor:
    """1 from the step ``start`` (E,) on, at the latest from ``latest`` on; 0 before (T, E)."""
    return (torch.arange(EPISODE_STEPS)[:, None] >= torch.as_tensor(start.clip(0, latest))).float()
