"""Noticing that the user lifts, from the wrist alone, to close a little and keep the grip (GraspGF App. D.2)."""

from collections import deque

import torch
from torch import Tensor

from envs.hand.hand import Hand
from envs.trials.lift import CLOSE_ANGLE

WINDOW_S = 0.15
"""Seconds over which a movement is looked at: the mean place in their first half against that in their last."""

MIN_RISE = 0.006
"""Metres between the two from which on the wrist moves at all (chosen: 8 cm/s; tremor and most noise stay below)."""


class RiseReflex:
    """Which of E wrists rise, told from where they were seen.

    A wrist rises from when it moves upwards more than sideways until it moves in another direction; while it stands
    still nothing changes. It also does so where the user only passes by: the hand cannot know.

    Args:
        pose_w: wrist poses at the start (E, 7).
        period_s: seconds between two looks.
    """

    def __init__(self, pose_w: Tensor, period_s: float) -> None:
        self._half = max(1, round(0.5 * WINDOW_S / period_s))
        self._places: deque[Tensor] = deque([pose_w[:, :3]] * (2 * self._half), maxlen=2 * self._half)
        self.is_rising = torch.zeros(len(pose_w), dtype=torch.bool, device=pose_w.device)
        self.has_begun = self.is_rising.clone()

    def look(self, pose_w: Tensor, first: Tensor | None = None) -> None:
        """Wrist poses (E, 7) one period later; where ``first`` (E,) bool, the wrist stood there ever since.

        ``is_rising`` (E,) says which rise now, ``has_begun`` (E,) which did not a period ago.
        """
        place = pose_w[:, :3]
        if first is not None:
            for index, earlier in enumerate(self._places):
                self._places[index] = torch.where(first[:, None], place, earlier)
            self.is_rising = self.is_rising & ~first
        self._places.append(place)
        places = torch.stack(list(self._places))
        way = places[self._half :].mean(dim=0) - places[: self._half].mean(dim=0)
        sideways = way[:, :2].norm(dim=1)
        goes_up = (way[:, 2] > MIN_RISE) & (way[:, 2] > sideways)
        goes_elsewhere = (way.norm(dim=1) > MIN_RISE) & ~goes_up
        was_rising = self.is_rising
        self.is_rising = (was_rising | goes_up) & ~goes_elsewhere
        self.has_begun = self.is_rising & ~was_rising

    def grip(self, command: Tensor, joint_pos: Tensor, hand: Hand) -> Tensor:
        """Commands (E, J), rad, of hands whose wrists rise: closed by 0.1 rad when it begins, and held from then on.

        Args:
            command: the commands before (E, J), rad.
            joint_pos: the joints (E, J), rad.
            hand: the hand.
        """
        closing = torch.tensor(hand.closing).to(command)
        return torch.where(self.has_begun[:, None], joint_pos + CLOSE_ANGLE * closing, command)
