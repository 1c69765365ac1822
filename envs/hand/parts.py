"""What a hand is made of: limits, couplings, fingers, gains."""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]


@dataclass(frozen=True)
class JointLimits:
    """Lower and upper limits of joints, radians, each (J,), or (C,) for the coupled ones, float64, read-only."""

    low: Array
    high: Array
    _kept: dict[tuple[torch.dtype, torch.device], tuple[Tensor, Tensor]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def tensors(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Both in the dtype and on the device of ``like``; made once: in a control step they would cost more than its
        arithmetic."""
        key = (like.dtype, like.device)
        if key not in self._kept:
            with torch.inference_mode(False):  # gradients may need them later
                low, high = (torch.tensor(end, dtype=key[0], device=key[1]) for end in (self.low, self.high))
            self._kept[key] = (low, high)
        return self._kept[key]


@dataclass(frozen=True)
class Coupling:
    """The C joints that follow others: target = ratio times the parent's target + offset.

    Attributes:
        names: the coupled joints.
        parents: the actuated joint that each follows.
        ratio: radians of the joint over radians of its parent.
        offset: radians of the joint where its parent is at zero.
        is_rigid: a linkage ties the joints to their parents; otherwise tendons pull them, and contact may hold them
            back.
    """

    names: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    ratio: tuple[float, ...] = ()
    offset: tuple[float, ...] = ()
    is_rigid: bool = False

    def __post_init__(self) -> None:
        lengths = {len(self.names), len(self.parents), len(self.ratio), len(self.offset)}
        if len(lengths) > 1:
            raise ValueError(
                f"coupling has {len(self.names)} joints, {len(self.parents)} parents, {len(self.ratio)} ratios and "
                f"{len(self.offset)} offsets; give one of each for every coupled joint"
            )

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Finger:
    """A finger: its actuated joints from the palm outwards, and its tip, a point in the frame of a link, metres."""

    name: str
    joints: tuple[str, ...]
    tip_link: str
    tip_point: tuple[float, float, float]


@dataclass(frozen=True)
class Gains:
    """What drives a joint: position gain, N m / rad, damping, N m s / rad, and largest torque, N m."""

    position: float = 10.0
    velocity: float = 0.2
    force_limit: float = 10.0
