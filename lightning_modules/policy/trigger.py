"""When a hand should begin to close, from how far the object is and how fast the wrist: a rule of three numbers."""

from dataclasses import dataclass

import torch
from torch import Tensor

from envs.hand.hand import Hand
from envs.ranges import FINITE, check_numbers
from envs.task.observations import Observation
from lightning_modules.policy.primitive_view import grasp_centre_distance

ANY_DISTANCE = 1.0
"""Metres within which the object always is: no condition on the distance."""

ANY_SPEED = 1.0
"""Share of its peak that the speed never exceeds: no condition on slowing down."""

MOVING = 0.05
"""Metres a second below which a wrist rests: a tremor of 1 mm at 8 Hz is as fast (chosen here)."""


@dataclass(frozen=True)
class Trigger:
    """Thresholds of distance d and wrist speed v at which to begin: d <= d_0 + k v and v <= share * (peak of v so far).

    The first is that of Rand et al. 2007 (PMC2093960): closing begins at a distance that depends on the speed. The
    second is the slow phase of a reach (Jeannerod 1984), relative to the peak so that quick and slow reaches have one.
    Special cases: distance only (k = 0, share = ANY_SPEED), slowing down only (d_0 = ANY_DISTANCE, k = 0), Rand's
    (share = ANY_SPEED).

    Attributes:
        distance_m: d_0, m, from the grasp centre of the hand to the nearest point of the cloud.
        slow_share: share of the peak, once that was above MOVING.
        per_speed_s: k, s; above 0 a fast hand begins farther away.

    Raises:
        ValueError: a distance or share that is not above 0, a share above 1, or a per_speed_s that is not finite.
    """

    distance_m: float
    slow_share: float = ANY_SPEED
    per_speed_s: float = 0.0

    def __post_init__(self) -> None:
        if not self.distance_m > 0.0 or not 0.0 < self.slow_share <= ANY_SPEED:
            raise ValueError(
                f"a trigger has distance_m {self.distance_m} and slow_share {self.slow_share}; allowed are distances "
                f"above 0 ({ANY_DISTANCE:g}: any) and shares above 0 up to {ANY_SPEED:g} (any speed)"
            )
        check_numbers({"per_speed_s": self.per_speed_s}, {"per_speed_s": FINITE})

    def __str__(self) -> str:
        """Short enough for the name of a file."""
        return f"{self.distance_m:g}_{self.slow_share:g}_{self.per_speed_s:g}"

    def is_time(self, distance: Tensor, speed: Tensor, peak: Tensor) -> Tensor:
        """Whether to begin (E,) bool, from distances, m, speeds and their peaks so far, m/s, (E,) each."""
        is_near = distance <= self.distance_m + self.per_speed_s * speed
        if self.slow_share == ANY_SPEED:
            return is_near
        return is_near & (peak > MOVING) & (speed <= self.slow_share * peak)


class TriggerWatch:
    """Watches E worlds and remembers in which of them it was time to begin, until their episodes end.

    Args:
        trigger: the rule.
        hand: the hand in all worlds.
        period_s: seconds between two wrist poses of the history.
    """

    def __init__(self, trigger: Trigger, hand: Hand, period_s: float) -> None:
        self._trigger = trigger
        self._hand = hand
        self._period_s = period_s

    def start(self, num_worlds: int) -> None:
        """New episodes begin: it is time in none."""
        self._peak = torch.zeros(num_worlds)
        self._has_begun = torch.zeros(num_worlds, dtype=torch.bool)

    def look(self, observation: Observation) -> Tensor:
        """Worlds in which it is, or was, time (E,) bool; reads the groups wrist_history and points_h."""
        before_w, now_w = observation["wrist_history"][:, -2:, :3].cpu().unbind(dim=1)
        speed = (now_w - before_w).norm(dim=1) / self._period_s
        self._peak = torch.maximum(self._peak, speed)
        distance = grasp_centre_distance(self._hand, observation["points_h"]).cpu()
        self._has_begun = self._has_begun | self._trigger.is_time(distance, speed, self._peak)
        return self._has_begun
