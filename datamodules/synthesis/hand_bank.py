"""A bank of hand shapes per grasp type: for each, where the gap between thumb and opposing pads is, and how wide."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from datamodules.synthesis.prototypes import Prototype
from envs.hand.hand import Hand
from envs.hand.kinematics import HandKinematics, HandPose

Array = NDArray[np.float64]


@dataclass(frozen=True)
class BankSettings:
    """How a bank is laid out.

    Attributes:
        num_phases: entries along each line from open (0) to closed (1).
        num_copies: jittered copies of each prototype. Few and close: a type whose joints scatter makes the target of
            the primitive multi-modal.
        jitter: standard deviation of a copy's joint offsets, rad.
        pre_opening: how much more open, in phase, the hand starts.
        squeeze: how far beyond the entry, in phase, the closing targets go.
        min_alignment: entries whose pads face one another less than this are left out (see `PadGeometry`).
    """

    num_phases: int = 28
    num_copies: int = 30
    jitter: float = 0.04
    pre_opening: float = 0.3
    squeeze: float = 0.25
    min_alignment: float = 0.35


@dataclass(frozen=True)
class GraspBank:
    """K hand shapes of one type, hand frame, metres and radians.

    Attributes:
        grasp_type: name of the type.
        aperture: distance between thumb pad and opposing pads (K,).
        centre_h: the point midway between them (K, 3).
        axis_h: unit vector from thumb pad to opposing pads (K, 3).
        preshape: joints from which the hand closes (K, J).
        target: joints it closes towards (K, J).
        skeleton_h: joint centres and fingertips of the preshape (K, P, 3).
    """

    grasp_type: str
    aperture: Array
    centre_h: Array
    axis_h: Array
    preshape: Array
    target: Array
    skeleton_h: Array


@dataclass(frozen=True)
class PadGeometry:
    """The gap between thumb pad and opposing pads of B hands, hand frame.

    Attributes:
        aperture: its width (B,), m.
        centre_h: its middle (B, 3), m.
        axis_h: unit vector from thumb pad to opposing pads (B, 3).
        alignment: how squarely the pads face one another (B,): the smaller of the cosines between the axis and the
            thumb pad's normal, and between its opposite and the mean normal of the opposing pads.
    """

    aperture: Array
    centre_h: Array
    axis_h: Array
    alignment: Array


def pad_geometry(hand: Hand, grasp_type: str, pose: HandPose) -> PadGeometry:
    """Where the gap of a grasp type is in B poses of a hand, from forward kinematics."""
    pads = (hand.thumb_pad, *hand.grasp_type(grasp_type).opposing)
    links = [pad.link for pad in pads]
    points = pose.surface_points(links, torch.tensor([pad.point for pad in pads])).numpy()
    normals = pose.directions(links, torch.tensor([pad.normal for pad in pads])).numpy()
    gap = points[:, 1:].mean(axis=1) - points[:, 0]
    aperture = np.linalg.norm(gap, axis=1)
    axis_h = gap / np.maximum(aperture, 1e-9)[:, None]
    thumb = (normals[:, 0] * axis_h).sum(axis=1)
    opposing = -(normals[:, 1:].mean(axis=1) * axis_h).sum(axis=1)
    centre_h = 0.5 * (points[:, 1:].mean(axis=1) + points[:, 0])
    return PadGeometry(aperture, centre_h, axis_h, np.minimum(thumb, opposing))


def build_bank(
    hand: Hand, grasp_type: str, prototypes: tuple[Prototype, ...], settings: BankSettings, rng: np.random.Generator
) -> GraspBank:
    """All phases of all jittered copies of a type's prototypes, by forward kinematics only."""
    phases = np.linspace(0.0, 1.0, settings.num_phases)
    shapes, preshapes, targets = [], [], []
    for prototype in prototypes:
        jitter = settings.jitter * rng.standard_normal((settings.num_copies, 1, hand.num_joints))
        line = prototype.closed - prototype.open

        def along(shift: float, prototype: Prototype = prototype, line: Array = line, jitter: Array = jitter) -> Array:
            joints = prototype.open + (phases[None, :, None] + shift) * line + jitter
            return hand.clamp(joints).reshape(-1, hand.num_joints)

        shapes.append(along(0.0))
        preshapes.append(along(-settings.pre_opening))
        targets.append(along(settings.squeeze))
    kinematics = HandKinematics(hand)
    geometry = pad_geometry(hand, grasp_type, kinematics.forward(torch.as_tensor(np.concatenate(shapes))))
    keep = geometry.alignment >= settings.min_alignment
    preshape = np.concatenate(preshapes)[keep]
    start = kinematics.forward(torch.as_tensor(preshape))
    return GraspBank(
        grasp_type=grasp_type,
        aperture=geometry.aperture[keep],
        centre_h=geometry.centre_h[keep],
        axis_h=geometry.axis_h[keep],
        preshape=preshape,
        target=np.concatenate(targets)[keep],
        skeleton_h=torch.cat([start.link_position, start.fingertips], dim=1).numpy(),
    )
