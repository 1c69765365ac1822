"""What moves the fingers in worlds of IBS: the policy, exploring or not, and the script that demonstrates.

The original's stop action ends an episode: the hand closes there and is lifted. Here the wrist goes its own way and the
task or the user lifts, so that fingers which have stopped are held as they are until then.
"""

import abc
import time
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from datamodules.types import Decision
from envs.conventions import MAX_JOINT_STEP
from envs.hand.hand import Hand
from envs.physics.base import Array
from envs.task.observations import Observation
from lightning_modules.sac.networks import IBSActor
from lightning_modules.sac.targets import squashed, stops_now
from lightning_modules.sac.view import Seen, SurfaceView

DEMONSTRATION_GROUPS = ("goal_joints", "remaining")
"""Hidden observation groups that the demonstrating script needs besides those of the policy."""

_THERE_RAD = 0.01
"""Largest distance of a command from its goal at which a demonstration stops."""

_LIKELY = 0.5
"""Probability of a stop from which on a policy that does not explore stops."""


class ActingWorlds(abc.ABC):
    """Acts in some worlds and keeps what is learnt from; see `datamodules.rollouts.actor.ExploringWorlds`.

    Its memory: the fields of `Situation`; ``action`` (E, J + 1), the stop action last; contacts of each part ``inside``
    and ``colliding`` (E, P); ``decided`` (E,) bool, false where an episode is over or the hand has stopped before.

    Args:
        view: makes surfaces of what is observed.
        stop_draws: uniform numbers in [0, 1) that decide stops (T, E).
    """

    def __init__(self, view: SurfaceView, stop_draws: Tensor) -> None:
        self._view = view
        self._stop_draws = iter(stop_draws)
        self._step = 0
        self._holds = torch.zeros(stop_draws.shape[1], dtype=torch.bool)
        self.seconds: dict[str, float] = {"policy": 0.0}

    @abc.abstractmethod
    def actions(self, observation: Observation, seen: Seen, rows: Tensor) -> Tensor:
        """Actions (K, J + 1) in the worlds ``rows`` (K,), of which observation and what is seen are."""

    @torch.no_grad()
    def step(self, observation: Observation, moving: Tensor) -> Decision:
        """See `ExploringWorlds.step`."""
        began = time.perf_counter()
        decides = moving.cpu() & ~self._holds
        # a hand that holds is looked at no more; one is, so that there is something of everything to keep
        rows = (decides if bool(decides.any()) else torch.arange(len(decides)) == 0).nonzero()[:, 0]
        observation = observation.rows(rows)
        seen = self._view.look(observation)
        action = self.actions(observation, seen, rows)
        draw = next(self._stop_draws)
        stops = stops_now(action[:, -1], draw[rows], seen.contacts.touching)
        kept = {
            **vars(seen.situation),
            "action": action,
            "inside": seen.contacts.inside,
            "colliding": seen.contacts.colliding,
            "decided": decides[rows],
        }
        count = len(decides)
        memory = {
            name: value.new_zeros(count, *value.shape[1:]).index_copy(0, rows, value) for name, value in kept.items()
        }
        self._holds[rows] |= stops & decides[rows]
        self._step += 1
        hand_action = torch.where((memory["decided"] & ~self._holds)[:, None], memory["action"][:, :-1], 0.0)
        self.seconds["policy"] += time.perf_counter() - began
        return Decision(hand_action, None, memory)


class ExploringIBS(ActingWorlds):
    """The policy, with its own noise.

    Args:
        actor: decides.
        view: makes surfaces of what is observed.
        draws: standard normal numbers of every step (T, E, J + 1).
        stop_draws: uniform ones (T, E).
    """

    def __init__(self, actor: IBSActor, view: SurfaceView, draws: Tensor, stop_draws: Tensor) -> None:
        super().__init__(view, stop_draws)
        self._actor = actor
        self._draws = iter(draws)

    def actions(self, observation: Observation, seen: Seen, rows: Tensor) -> Tensor:
        """See `ActingWorlds.actions`."""
        device = self._actor.encoder.centre_h.device
        output = self._actor(seen.points.to(device), self._view.state(seen.situation).to(device))
        return squashed(output, next(self._draws)[rows].to(device)).action.cpu()


class DemonstratingIBS(ActingWorlds):
    """Closes the fingers evenly on the wrist's way, so that they are at the stored grasp when it arrives; then stops.

    Needs the hidden groups `DEMONSTRATION_GROUPS`.
    """

    def actions(self, observation: Observation, seen: Seen, rows: Tensor) -> Tensor:
        """See `ActingWorlds.actions`."""
        return demonstrated(self._view.hand, observation, self._step).cpu()


def demonstrated(hand: Hand, observation: Observation, step: int) -> Tensor:
    """Actions (E, J + 1) along the straight way from the present command to the grasp's joints, there on arrival.

    Args:
        hand: the hand.
        observation: with the groups `DEMONSTRATION_GROUPS`.
        step: control steps since the episodes began; in the first one nothing tells when the wrist arrives.
    """
    way = hand.denormalise(observation["goal_joints"]) - hand.denormalise(observation["command"])
    left, to_arrival = observation["remaining"].unbind(1)
    # shares of the episode's length, which is therefore step / (1 - left)
    steps_left = (to_arrival * step / (1.0 - left).clamp_min(1e-6)).round().clamp_min(1.0)
    action = (way / steps_left[:, None] / MAX_JOINT_STEP).clamp(-1.0, 1.0) * float(step > 0)
    is_there = (to_arrival <= 0.0) & (way.abs().amax(1) < _THERE_RAD)
    return torch.cat([action, torch.where(is_there, 1.0, -1.0)[:, None]], 1)


class IBSPolicy:
    """The policy without exploration; it stops where it is more likely than not to.

    Args:
        actor: decides.
        view: makes surfaces of what is observed.

    Attributes:
        hidden_groups: hidden observation groups that worlds have to show it.
    """

    def __init__(self, actor: IBSActor, view: SurfaceView) -> None:
        self._actor = actor
        self._view = view
        self._holds = torch.zeros(0, dtype=torch.bool)
        self.hidden_groups = view.hidden_groups

    def to(self, device: torch.device | str) -> Self:
        """The same policy, its networks on another device; surfaces stay on the CPU."""
        self._actor.to(device)
        return self

    def start(self, num_worlds: int) -> None:
        """See `FingerPolicy.start`."""
        self._holds = torch.zeros(num_worlds, dtype=torch.bool)

    @torch.no_grad()
    def act(self, observation: Observation, step: int) -> Array:
        """See `FingerPolicy.act`."""
        action = torch.zeros(len(observation), self._view.hand.num_joints, dtype=torch.float64)
        rows = (~self._holds).nonzero()[:, 0]
        if len(rows):
            seen = self._view.look(observation.rows(rows))
            device = self._actor.encoder.centre_h.device
            mean = self._actor(seen.points.to(device), self._view.state(seen.situation).to(device)).mean.tanh().cpu()
            stops = stops_now(mean[:, -1], torch.full((len(rows),), _LIKELY), seen.contacts.touching)
            action[rows] = torch.where(stops[:, None], 0.0, mean[:, :-1]).double()
            self._holds[rows] = stops
        return action.numpy()


def begin_worlds(
    actor: IBSActor,
    view: SurfaceView,
    sizes: Sequence[int],
    num_steps: int,
    generator: torch.Generator,
    *,
    demonstrates: bool,
) -> list[ActingWorlds]:
    """Parts of the worlds; one draw for all of them, whatever the parts.

    Args:
        actor: decides, unless the script ``demonstrates``.
        view: makes surfaces of what is observed.
        sizes: worlds of each part.
        num_steps: control steps of an episode, T.
        generator: where the noise comes from.
    """
    total, worlds = sum(sizes), list(sizes)
    stops = torch.rand(num_steps, total, generator=generator).split(worlds, 1)
    if demonstrates:
        return [DemonstratingIBS(view, own) for own in stops]
    draws = torch.randn(num_steps, total, view.hand.num_joints + 1, generator=generator).split(worlds, 1)
    return [ExploringIBS(actor, view, *own) for own in zip(draws, stops, strict=True)]
