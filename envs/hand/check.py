"""What can be told about a hand without an object: frame, closing direction, pads, coupling, inertias, overlaps."""

from collections.abc import Iterator
from dataclasses import dataclass

import mujoco
import numpy as np
import torch

from envs.hand.hand import Hand
from envs.hand.kinematics import HandKinematics, HandPose
from envs.hand.parts import Array

_SHAPES = 20_000
"""Random joint vectors in which pads are looked at."""

_FACING = 0.5
"""Least cosine between a pad's normal and the way to the pad opposite, as in the search for hand shapes."""

_WIDEST_GAP = 0.04
"""Metres; pads that random shapes never bring nearer hardly meet."""

_MOST_GYRATION = 4.0
"""Radius of gyration over the size of a link, 20 mm at least; the Shadow Hand's file, which works, has up to 3.5."""


@dataclass(frozen=True)
class Remark:
    """Something that was looked at.

    Attributes:
        subject: what it is about.
        is_fine: False where the hand's file should be looked at.
        text: what was found; where it is not fine, what to correct.
    """

    subject: str
    is_fine: bool
    text: str


def check_hand(hand: Hand) -> list[Remark]:
    """Remarks on a hand, in the order in which to mend what is not fine."""
    return [
        _frame(hand),
        *_closing(hand),
        *_coupling(hand),
        _overlaps(hand),
        *_inertias(hand),
        *_pads(hand),
    ]


def _pose(hand: Hand, joints: Array) -> HandPose:
    return HandKinematics(hand).forward(torch.tensor(np.atleast_2d(joints)))


def _frame(hand: Hand) -> Remark:
    tips = _pose(hand, hand.open_pose).fingertips[0, :-1].mean(dim=0).numpy()
    is_fine = bool(tips[2] > 0.03 and tips[2] > 2.0 * np.abs(tips[:2]).max())
    text = f"fingertips of the open hand lie at {_mm(tips)} mm (mean)"
    return Remark("palm frame", is_fine, text if is_fine else f"{text}; z has to run along the fingers: base_quat")


def _closing(hand: Hand) -> Iterator[Remark]:
    """Each closing joint brings its fingertip nearer to the grasp centre, or the hand's palmar side (-y)."""
    centre = np.asarray(hand.grasp_centre_h)
    for number, finger in enumerate(hand.fingers):
        for name in finger.joints:
            column = hand.joints.index(name)
            sign = hand.closing[column]
            if sign == 0:
                continue
            step = hand.open_pose.copy()
            step[column] += 0.2 * sign * (hand.limits.high - hand.limits.low)[column]
            before, after = _pose(hand, np.stack([hand.open_pose, hand.clamp(step)])).fingertips[:, number].numpy()
            gain = np.linalg.norm(before - centre) - np.linalg.norm(after - centre)
            is_fine = bool(gain > 0.0 or (after - before)[1] < 0.0)
            text = f"closing moves the tip of {finger.name} by {_mm(after - before)} mm"
            yield Remark(name, is_fine, text if is_fine else f"{text}, away from the grasp centre: sign in closing?")


def _coupling(hand: Hand) -> Iterator[Remark]:
    ends = hand.coupled_from_actuated(np.stack([hand.limits.low, hand.limits.high]))
    for column, name in enumerate(hand.coupled.names):
        low, high = hand.coupled_limits.low[column], hand.coupled_limits.high[column]
        least, most = ends[:, column].min(), ends[:, column].max()
        is_fine = bool(least >= low - 1e-6 and most <= high + 1e-6)
        text = f"runs from {least:.3f} to {most:.3f} rad over the range of {hand.coupled.parents[column]}"
        yield Remark(
            name, is_fine, text if is_fine else f"{text}, allowed {low:.3f} to {high:.3f}: narrow its parent's limits"
        )


def _overlaps(hand: Hand) -> Remark:
    scene = mujoco.MjSpec()
    hand.attach(scene).add_freejoint()
    model = scene.compile()
    data = mujoco.MjData(model)
    angles = (*hand.open_pose, *hand.coupled_from_actuated(hand.open_pose))
    for name, angle in zip(hand.all_joints, angles, strict=True):
        data.joint(hand.element(name)).qpos[0] = angle
    mujoco.mj_kinematics(model, data)
    mujoco.mj_collision(model, data)
    pairs = {
        " and ".join(sorted(model.body(body).name.removeprefix(hand.element("")) for body in bodies))
        for bodies, distance in zip(model.geom_bodyid[data.contact.geom], data.contact.dist, strict=True)
        if distance < 0.0
    }
    if not pairs:
        return Remark("open pose", True, "no link overlaps another")
    return Remark("open pose", False, f"these links overlap: {', '.join(sorted(pairs))}; change open_pose or capsules")


def _inertias(hand: Hand) -> Iterator[Remark]:
    """No link has the inertia of something far larger, which would make it sluggish."""
    model = hand.model()
    for link in hand.links[1:]:
        body = model.body(hand.element(link))
        shapes = np.flatnonzero(model.geom_bodyid == body.id)
        reach = max((np.linalg.norm(model.geom_pos[g] - body.ipos) + model.geom_rbound[g] for g in shapes), default=0.0)
        gyration = float(np.sqrt(body.inertia.max() / body.mass[0]))
        if gyration > _MOST_GYRATION * max(reach, 0.02):
            yield Remark(
                link,
                False,
                f"of {1e3 * body.mass[0]:.1f} g it has the inertia of a ring of {1e3 * gyration:.0f} mm radius, but is "
                f"{1e3 * reach:.0f} mm large: inertia_from_shapes",
            )


def _pads(hand: Hand) -> Iterator[Remark]:
    joints = np.random.default_rng(0).uniform(hand.limits.low, hand.limits.high, (_SHAPES, hand.num_joints))
    pose = _pose(hand, joints.astype(np.float32))
    for kind in hand.grasp_types:
        pads = (hand.thumb_pad, *kind.opposing)
        links = [pad.link for pad in pads]
        points = pose.surface_points(links, torch.tensor([pad.point for pad in pads]))
        normals = pose.directions(links, torch.tensor([pad.normal for pad in pads]))
        gap = points[:, 1:].mean(dim=1) - points[:, 0]
        width = gap.norm(dim=1)
        axis = gap / width.clamp_min(1e-9)[:, None]
        facing = torch.minimum((normals[:, 0] * axis).sum(dim=1), -(normals[:, 1:].mean(dim=1) * axis).sum(dim=1))
        widths = width[facing > _FACING].numpy()
        if len(widths) == 0:
            yield Remark(kind.name, False, "the pads never face one another: look at their normals")
            continue
        text = (
            f"in random shapes the pads face one another over {1e3 * widths.min():.0f} to {1e3 * widths.max():.0f} mm"
        )
        is_fine = bool(widths.min() < _WIDEST_GAP)
        yield Remark(kind.name, is_fine, text if is_fine else f"{text}: it can hold little")


def _mm(point: Array) -> str:
    return "(" + ", ".join(f"{1e3 * value:.0f}" for value in point) + ")"
