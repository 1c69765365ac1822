"""Batched, differentiable forward kinematics of a hand in torch.

The constants (offsets, joint axes) are read from the compiled MuJoCo model, so both agree by construction. Everything
is expressed in the hand base frame ``_h`` (the palm), in metres.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.geometry.transforms import quat_multiply, quat_rotate, transform_points
from envs.hand.chain import read_chain
from envs.hand.hand import Hand, link_indices


@dataclass(frozen=True)
class HandPose:
    """Where every part of B hands is, in the hand base frame.

    Attributes:
        links: names of the L links, `Hand.links`.
        link_position: (B, L, 3) metres.
        link_quat: (B, L, 4) wxyz.
        fingertips: in the order of `Hand.fingers` (B, F, 3), metres.
    """

    links: tuple[str, ...]
    link_position: Tensor
    link_quat: Tensor
    fingertips: Tensor

    def surface_points(self, links: Sequence[str], local_points: Tensor) -> Tensor:
        """Points fixed to links, in the hand frame.

        Args:
            links: K names of links, repeats allowed.
            local_points: one point for each, in that link's frame, metres, (K, 3).
        Returns:
            (B, K, 3) metres.
        """
        index = link_indices(links, self.links)
        return self.link_position[:, index] + self.directions(links, local_points)

    def directions(self, links: Sequence[str], local_directions: Tensor) -> Tensor:
        """Vectors fixed to links (K, 3), for instance surface normals, in the hand frame: (B, K, 3)."""
        quat = self.link_quat[:, link_indices(links, self.links)]
        return quat_rotate(quat, local_directions.to(quat))


@dataclass(frozen=True)
class _Tree:
    """How the L links hang together, palm first; the others in the order of their distance from it, level by level.

    Attributes:
        order: the links without the palm, level by level.
        place: where each link stands in the palm and that order (L,).
        sizes: links of each level.
        parents: of each level, where the parents stand in the level before it.
        parent: parent of each link in ``order``, in the order of the links.
        is_above: 1 where a link (columns, as in ``order``) is the row's link or above it (L, L - 1).
    """

    order: Tensor
    place: Tensor
    sizes: list[int]
    parents: list[Tensor]
    parent: Tensor
    is_above: Tensor


@dataclass(frozen=True)
class _Constants:
    """Model constants in one dtype on one device; those of links in the order of `_Tree.order`."""

    offset: Tensor  # (L - 1, 3) of a link's origin in its parent, metres
    rest: Tensor  # (L - 1, 4, 4) that multiplies a parent's quaternion by the rest rotation, joint at zero
    turn: Tensor  # (L - 1, 4, 4) the same by the rest rotation and half a turn about the joint's axis
    is_above: Tensor  # see `_Tree`
    tip_point: Tensor  # (F, 3) fingertips in their links, metres
    ratio: Tensor  # (C,) of the coupling
    angle_offset: Tensor  # (C,) of the coupling, radians


class HandKinematics:
    """Forward kinematics of a hand's actuated and coupled joints; see `forward`.

    Rotations are handled level by level from the palm outwards, positions of all links at once: on a CPU the number of
    operations is what a call costs.

    Args:
        hand: the hand.

    Raises:
        RuntimeError: its model has joints that this does not describe.
    """

    def __init__(self, hand: Hand) -> None:
        self.hand = hand
        chain = read_chain(hand)
        self._tree = _tree(chain.parents)
        order = self._tree.order - 1
        self._joint_column = torch.tensor(chain.joint_column)[order]
        self._parent_column = torch.tensor(hand.parent_columns, dtype=torch.long)
        self._tip_link = torch.tensor(hand.link_indices([finger.tip_link for finger in hand.fingers]))
        offset, rest, axis = (torch.as_tensor(each)[order] for each in (chain.offset, chain.rest_quat, chain.axis))
        turn = quat_multiply(rest, torch.cat([torch.zeros_like(axis[:, :1]), axis], dim=1))
        self._arrays = (
            offset,
            _from_the_right(rest),
            _from_the_right(turn),
            self._tree.is_above,
            torch.as_tensor(np.array([finger.tip_point for finger in hand.fingers])),
            torch.as_tensor(np.array(hand.coupled.ratio)),
            torch.as_tensor(np.array(hand.coupled.offset)),
        )
        self._cache: dict[tuple[torch.dtype, torch.device], _Constants] = {}

    def forward(self, joint_pos: Tensor, coupled_pos: Tensor | None = None) -> HandPose:
        """Poses of all links and fingertips in the hand base frame.

        Args:
            joint_pos: actuated joints, radians, (B, J), float32 or float64.
            coupled_pos: coupled joints, radians, (B, C); as they follow from their parents where not given.
        Raises:
            ValueError: wrong shape or number type, or a value that is not finite.
        """
        check_joints(self.hand, joint_pos, "joint_pos", self.hand.joints)
        constants = self._constants(joint_pos)
        if coupled_pos is None:
            coupled_pos = constants.ratio * joint_pos[:, self._parent_column] + constants.angle_offset
        check_joints(self.hand, coupled_pos, "coupled_pos", self.hand.coupled.names)
        if coupled_pos.shape[0] != joint_pos.shape[0]:
            raise ValueError(
                f"coupled_pos has {coupled_pos.shape[0]} rows, joint_pos {joint_pos.shape[0]}; give one each"
            )
        angles = torch.cat((joint_pos, coupled_pos), dim=-1)[:, self._joint_column]
        return self._chain(constants, angles)

    def _chain(self, constants: _Constants, angles: Tensor) -> HandPose:
        """Poses of all links from the angles of their joints (B, L - 1), in the order of the tree.

        q_link = q_parent q_rest (cos(angle / 2) + sin(angle / 2) axis), a product that is linear in q_parent; a link is
        where the offsets of itself and of those above it, each turned as its parent is, add up to.
        """
        tree, half = self._tree, 0.5 * angles[..., None, None]
        local = half.cos() * constants.rest + half.sin() * constants.turn
        quat = angles.new_tensor([1.0, 0.0, 0.0, 0.0]).expand(len(angles), 1, 4)
        levels = [quat]
        for own, parents in zip(local.split(tree.sizes, dim=1), tree.parents, strict=True):
            quat = (own * quat[:, parents, None]).sum(dim=-1)
            levels.append(quat)
        link_quat = torch.cat(levels, dim=1)[:, tree.place]
        with full_precision(angles):
            link_position = constants.is_above @ quat_rotate(link_quat[:, tree.parent], constants.offset)
        tips = link_position[:, self._tip_link] + quat_rotate(link_quat[:, self._tip_link], constants.tip_point)
        return HandPose(self.hand.links, link_position=link_position, link_quat=link_quat, fingertips=tips)

    def _constants(self, like: Tensor) -> _Constants:
        key = (like.dtype, like.device)
        if key not in self._cache:
            self._cache[key] = _Constants(*(array.to(dtype=key[0], device=key[1]) for array in self._arrays))
        return self._cache[key]


def check_joints(hand: Hand, values: Tensor, what: str, names: Sequence[str]) -> None:
    """Accept joints (B, len(names)) of a hand that are finite numbers in float32 or float64.

    Raises:
        ValueError: names ``what``, and the first value that is none.
    """
    if values.ndim != 2 or values.shape[1] != len(names):
        raise ValueError(
            f"{what} has shape {tuple(values.shape)}, expected (B, {len(names)}): {', '.join(names)} of the hand "
            f"{hand.name}"
        )
    if not values.is_floating_point():
        raise ValueError(f"{what} has type {values.dtype}, expected float32 or float64 radians")
    if not torch.compiler.is_exporting() and not torch.isfinite(values).all():  # a graph cannot ask
        row, column = torch.nonzero(~torch.isfinite(values))[0].tolist()
        raise ValueError(
            f"{what} holds {values[row, column].item()} in row {row}, column {column}; expected finite radians"
        )


def full_precision(like: Tensor) -> AbstractContextManager[object]:
    """Keeps products on the device of ``like`` in the type of their factors: bfloat16 is off by millimetres."""
    kind = like.device.type
    return torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else nullcontext()


def fingertip_centres(
    hand: Hand, wrist_pose_w: NDArray[np.float64], joint_pos: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean of the fingertips in the world (K, 3), m, for wrists (K, 7) and joints (K, J), rad."""
    tips_h = HandKinematics(hand).forward(torch.as_tensor(joint_pos)).fingertips
    return transform_points(torch.as_tensor(wrist_pose_w), tips_h).mean(dim=1).numpy()


def _from_the_right(quat: Tensor) -> Tensor:
    """Matrices (..., 4, 4) M with M p = p q, the product of quaternions p with those given (..., 4)."""
    unit = torch.eye(4, dtype=quat.dtype)
    return torch.stack([quat_multiply(unit[row], quat) for row in range(4)], dim=-1)


def _tree(parents: Sequence[int]) -> _Tree:
    """The tree of links; parents[i] is the parent of link i + 1, and comes before it."""
    depth = [0]
    for parent in parents:
        depth.append(depth[parent] + 1)
    levels = [[link for link, steps in enumerate(depth) if steps == level] for level in range(max(depth) + 1)]
    order = [link for level in levels[1:] for link in level]
    is_above = torch.zeros(len(depth), len(order), dtype=torch.float64)
    for link, parent in enumerate(parents, start=1):
        is_above[link] = is_above[parent]
        is_above[link, order.index(link)] = 1.0
    return _Tree(
        order=torch.tensor(order),
        place=torch.tensor([0, *order]).argsort(),
        sizes=[len(level) for level in levels[1:]],
        parents=[
            torch.tensor([before.index(parents[link - 1]) for link in level]) for before, level in pairwise(levels)
        ],
        parent=torch.tensor([parents[link - 1] for link in order]),
        is_above=is_above,
    )
