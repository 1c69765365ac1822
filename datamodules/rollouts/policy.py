"""What moves the fingers: the seam between the task and everything that acts in it."""

from typing import Protocol, runtime_checkable

from envs.physics.base import Array
from envs.task.episodes import Episodes
from envs.task.observations import Observation


class FingerPolicy(Protocol):
    """A controller of E hands: learnt, scripted, or a live user's."""

    def start(self, num_worlds: int) -> None:
        """New episodes begin, in so many worlds."""
        ...

    def act(self, observation: Observation, step: int) -> Array:
        """Actions (E, J) in [-1, 1] of control step ``step`` (0, 1, ...); 1 moves a joint as far as the task allows."""
        ...


@runtime_checkable
class ToldPolicy(FingerPolicy, Protocol):
    """A script that is told what learnt policies must not know: goals, and when the wrist will arrive."""

    def tell(self, episodes: Episodes) -> None:
        """The episodes that are about to `start`."""
        ...


def start_policy(policy: FingerPolicy, episodes: Episodes) -> None:
    """The episodes begin; only policies that say so are told what they are."""
    if isinstance(policy, ToldPolicy):
        policy.tell(episodes)
    policy.start(len(episodes))


def hidden_groups(policy: FingerPolicy) -> tuple[str, ...]:
    """Hidden observation groups that worlds have to show a policy: its attribute of that name, none for most."""
    return tuple(getattr(policy, "hidden_groups", ()))
