"""Noticing that the user lifts, from the wrist alone, to close a little and keep the grip (GraspGF App. D.2)."""

import math
from collections import deque

import torch
from torch import Tensor

from envs.hand.hand import Hand
from envs.trials.lift import CLOSE_ANGLE

WINDOW_S = 0.15
"""Seconds over which a movement is looked at: the mean place in their first half against that in their last."""

MIN_RISE = 0.006
"""Metres between the two from which on the wrist moves at all (chosen: 8 cm/s; tremor stays below)."""

LONGER = (1, 2, 4)
"""Times that the window may be as long, with a distance in proportion, where a wrist is seen with errors."""

CERTAINTY = 3.0
"""Standard deviations of the errors' own difference of means that a movement has to exceed (chosen)."""

_SCATTER_PLACES = 8
"""Places that the errors are told from."""

_SECOND_DIFFERENCE = math.sqrt(6.0) * math.sqrt(2.0) / math.gamma(1.5)
"""Mean length of a second difference of places whose coordinates have independent normal errors of deviation 1."""


class RiseReflex:
    """Which of E wrists rise, told from where they were seen.

    A wrist rises from when it moves upwards more than sideways until it moves in another direction; while it stands
    still nothing changes. It also does so where the user only passes by: the hand cannot know. A wrist that is seen to
    jump about is looked at for longer, so that errors of centimetres are no rise.

    Args:
        pose_w: wrist poses at the start (E, 7).
        period_s: seconds between two looks.
    """

    def __init__(self, pose_w: Tensor, period_s: float) -> None:
        half = max(1, round(0.5 * WINDOW_S / period_s))
        self._halves = [half * times for times in LONGER]
        count = max(2 * self._halves[-1], _SCATTER_PLACES)
        self._places: deque[Tensor] = deque([pose_w[:, :3]] * count, maxlen=count)
        self.is_rising = torch.zeros(len(pose_w), dtype=torch.bool, device=pose_w.device)
        self.has_begun = self.is_rising.clone()

    def begin(self, pose_w: Tensor, first: Tensor) -> None:
        """Where ``first`` (E,) bool, the wrist stood at its pose (E, 7) ever since; the others are left alone."""
        for index, earlier in enumerate(self._places):
            self._places[index] = torch.where(first[:, None], pose_w[:, :3], earlier)
        self.is_rising = self.is_rising & ~first
        self.has_begun = self.has_begun & ~first

    def look(self, pose_w: Tensor, first: Tensor | None = None) -> None:
        """Wrist poses (E, 7) one period later; where ``first`` (E,) bool, the wrist stood there ever since.

        ``is_rising`` (E,) says which rise now, ``has_begun`` (E,) which did not a period ago.
        """
        if first is not None:
            self.begin(pose_w, first)
        self._places.append(pose_w[:, :3])
        way, least = self._moved(torch.stack(list(self._places)))
        sideways = way[:, :2].norm(dim=1)
        goes_up = (way[:, 2] > least) & (way[:, 2] > sideways)
        goes_elsewhere = (way.norm(dim=1) > least) & ~goes_up
        was_rising = self.is_rising
        self.is_rising = (was_rising | goes_up) & ~goes_elsewhere
        self.has_begun = self.is_rising & ~was_rising

    def _moved(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """How far wrists moved, m, (E, 3), and from which distance on that is a movement (E,), of places (P, E, 3)."""
        scatter = places[-_SCATTER_PLACES:].diff(dim=0).diff(dim=0).norm(dim=2).mean(dim=0) / _SECOND_DIFFERENCE
        way, least = torch.zeros_like(places[0]), torch.zeros_like(scatter)
        open_yet = torch.ones_like(scatter, dtype=torch.bool)
        for half, times in zip(self._halves, LONGER, strict=True):
            errors, enough = CERTAINTY * scatter * math.sqrt(2.0 / half), MIN_RISE * times
            recent, before = places[-half:].mean(dim=0), places[-2 * half : -half].mean(dim=0)
            way = torch.where(open_yet[:, None], recent - before, way)
            least = torch.where(open_yet, errors.clamp_min(enough), least)
            open_yet = open_yet & (errors > enough)
        return way, least

    def grip(self, command: Tensor, joint_pos: Tensor, hand: Hand) -> Tensor:
        """Commands (E, J), rad, of hands whose wrists rise: closed by 0.1 rad, within the limits of the joints, when it
        begins, and held from then on.

        Args:
            command: the commands before (E, J), rad.
            joint_pos: the joints (E, J), rad.
            hand: the hand.
        """
        closing = torch.tensor(hand.closing).to(command)
        closed = (joint_pos + CLOSE_ANGLE * closing).clip(*hand.limits.tensors(command))
        return torch.where(self.has_begun[:, None], closed, command)
