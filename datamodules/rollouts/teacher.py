"""A teacher of timing: knows when the wrist will arrive, and says from when on the primitive may act."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.task.episodes import Episodes
from envs.wrist.movement import AUTOMATIC


@dataclass(frozen=True)
class ArrivalTeacher:
    """Lets the primitive act from ``lead`` control steps before arrival on, and no later than step ``latest``.

    Arrival is hidden from policies; one that imitates the teacher has to tell it from how the wrist moves.

    Attributes:
        lead: control steps before arrival.
        latest: step by which fingers that close by up to a radian have to start, to be done when the episode ends; no
            limit where the user lifts, who waits after arrival.
        squeeze: closing action, in units of 0.05 rad a step, that is added later: a firm grip.
        delay: control steps after arrival from which on it is; fingers that press before all of them are there push.

    Raises:
        ValueError: a negative number.
    """

    lead: int = 10
    latest: int = 26
    squeeze: float = 0.3
    delay: int = 0

    def __post_init__(self) -> None:
        if min(self.lead, self.latest, self.squeeze, self.delay) < 0:
            raise ValueError(
                f"the teacher has lead {self.lead}, latest {self.latest}, squeeze {self.squeeze} and delay "
                f"{self.delay}; expected numbers of at least 0"
            )

    def gate(self, episodes: Episodes) -> Tensor:
        """1 where the primitive may act, 0 where it has to wait (T, E)."""
        latest = np.where(episodes.lift_step == AUTOMATIC, self.latest, episodes.max_steps)
        return _from(episodes, np.minimum(episodes.arrival_step - self.lead, latest))

    def grip(self, episodes: Episodes) -> Tensor:
        """Closing action to be added (T, E)."""
        return self.squeeze * _from(episodes, episodes.arrival_step + self.delay)


def _from(episodes: Episodes, start: NDArray[np.int64]) -> Tensor:
    """1 from the step ``start`` (E,) on; 0 before, and where nothing is grasped (T, E)."""
    has_begun = np.arange(episodes.max_steps)[:, None] >= start
    return torch.as_tensor(has_begun & episodes.is_grasp).float()
