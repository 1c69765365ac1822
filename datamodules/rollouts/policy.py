"""What moves the fingers: the seam between the task and everything that acts in it."""

from typing import Protocol

from envs.physics.base import Array
from envs.task.episodes import Episodes
from envs.task.observations import Observation


class FingerPolicy(Protocol):
    """A controller of E worlds: learnt, scripted, or a live user's."""

    def start(self, episodes: Episodes) -> None:
        """New episodes begin in all worlds. Learnt policies must not read hidden fields; scripts may, and say so."""
        ...

    def act(self, observation: Observation, step: int) -> Array:
        """Actions (E, 18) in [-1, 1]; 1 moves a joint by 0.05 rad in control step ``step`` (0, 1, ...)."""
        ...
