"""Steps drawn from replay buffers, with their surfaces: made once for several gradient steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from datamodules.types import each_tensor
from envs.bisector.points import BisectorPoints
from lightning_modules.sac.replay import ReplayBuffer, Situation, Transitions
from lightning_modules.sac.view import SurfaceView


@dataclass(frozen=True)
class Inputs:
    """What the networks see in B situations: surfaces, and states (B, S)."""

    points: BisectorPoints
    state: Tensor

    def rows(self, rows: Tensor, device: torch.device | str) -> Self:
        """Those of the situations ``rows`` (K,), repeats allowed, on a device."""
        return type(self)(self.points.of_hands(rows).to(device), self.state[rows].to(device))


@dataclass(frozen=True)
class Pool:
    """B steps: what was seen, done and paid, and what was seen next; where nothing follows, anything.

    Attributes:
        action: the stop action last (B, J + 1).
        rewards: of the grasp and of each part (B, 1 + P).
        ends: nothing follows (B,) bool.
        before: what was seen.
        after: what was seen next.
    """

    action: Tensor
    rewards: Tensor
    ends: Tensor
    before: Inputs
    after: Inputs

    def __len__(self) -> int:
        return len(self.action)

    def rows(self, rows: Tensor, device: torch.device | str = "cpu") -> Self:
        """The steps ``rows`` (K,), repeats allowed, on a device."""
        action, rewards, ends = (each[rows].to(device) for each in (self.action, self.rewards, self.ends))
        return type(self)(action, rewards, ends, self.before.rows(rows, device), self.after.rows(rows, device))


def draw_pool(view: SurfaceView, buffers: Sequence[ReplayBuffer], count: int, generator: torch.Generator) -> Pool:
    """``count`` steps of all buffers together, each as likely as any (She et al. 2022: by turns, as often).

    Args:
        view: makes their surfaces.
        buffers: of which one at least holds steps.
        count: steps.
        generator: decides which.
    """
    held = torch.tensor([len(buffer) for buffer in buffers])
    chosen = torch.multinomial(held.double(), count, replacement=True, generator=generator)
    shares = torch.bincount(chosen, minlength=len(buffers)).tolist()
    draws = [buffer.draw(share, generator) for buffer, share in zip(buffers, shares, strict=True) if share]
    steps: Transitions = each_tensor(lambda *parts: torch.cat(parts), *(draw.steps for draw in draws))
    following: Situation = each_tensor(lambda *parts: torch.cat(parts), *(draw.following for draw in draws))
    seen = [
        Inputs(view.points(each).thinned(view.num_points), view.state(each)) for each in (steps.situation, following)
    ]
    return Pool(steps.action, steps.rewards, steps.ends, *seen)
