"""Joints of a hand whose last joints are free, as joints of ours, whose last joints follow: fingertips stay."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.hand.hand import Hand
from envs.hand.kinematics import HandKinematics

Array = NDArray[np.float64]

_STEPS = 8
_DAMPING = 1e-4
"""m^2 / rad^2; small beside what a joint moves a fingertip, squared: 0.03^2."""

_FOLLOWS = 1e-4
"""Radians by which a last joint may differ from what it follows."""


def own_joints(hand: Hand, joints: Array) -> Array:
    """Actuated joints (K, J), rad, within limits, whose fingertips are where those of ``joints`` (K, J + C) are.

    Actuated joints whose coupled ones follow anyhow stay as they are, but for the limits. For the others damped
    Gauss-Newton steps from there bring the fingertips back (App. A.2 of GraspGF evaluates such grasps anew).
    """
    start, coupled = hand.clamp(joints[:, : hand.num_joints]), joints[:, hand.num_joints :]
    free = np.abs(hand.coupled_from_actuated(joints[:, : hand.num_joints]) - coupled).max(axis=1, initial=0) > _FOLLOWS
    if not free.any():
        return start
    kinematics = HandKinematics(hand)
    goal = kinematics.forward(torch.as_tensor(joints[free, : hand.num_joints]), torch.as_tensor(coupled[free]))
    angles = torch.as_tensor(start[free])
    damping = _DAMPING * torch.eye(hand.num_joints, dtype=angles.dtype)
    for _ in range(_STEPS):
        apart, slope = _apart_and_slope(kinematics, angles, goal.fingertips)
        step = torch.linalg.solve(slope.mT @ slope + damping, slope.mT @ apart[..., None])[..., 0]
        angles = torch.as_tensor(hand.clamp((angles - step).numpy()))
    fitted = start.copy()
    fitted[free] = angles.numpy()
    return fitted


def _apart_and_slope(kinematics: HandKinematics, angles: Tensor, goal: Tensor) -> tuple[Tensor, Tensor]:
    """Fingertips minus their goals (K, 3 F), m, and the derivative by the joints (K, 3 F, J)."""
    inputs = angles.clone().requires_grad_(True)
    apart = (kinematics.forward(inputs).fingertips - goal).flatten(1)
    rows = [torch.autograd.grad(column.sum(), inputs, retain_graph=True)[0] for column in apart.unbind(1)]
    return apart.detach(), torch.stack(rows, dim=1)
