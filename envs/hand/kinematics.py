"""Batched, differentiable forward kinematics of a hand in torch.

The constants (offsets, joint axes) are read from the compiled MuJoCo model, so both agree by construction. Everything
is expressed in the hand base frame ``_h`` (the palm), in metres.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.geometry.transforms import quat_from_axis_angle, quat_multiply, quat_rotate, transform_points
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
class _Level:
    """The links at one distance from the palm; they are moved together. Numbers count in the order of the links."""

    links: list[int]
    parents: list[int]


@dataclass(frozen=True)
class _Constants:
    """Model constants in one dtype on one device, order of the links without the palm unless said otherwise."""

    offset: Tensor  # (L - 1, 3) of a link's origin in its parent, metres
    rest_quat: Tensor  # (L - 1, 4) of a link in its parent, joint at zero
    axis: Tensor  # (L - 1, 3) joint axis in the link frame
    tip_point: Tensor  # (F, 3) fingertips in their links, metres
    ratio: Tensor  # (C,) of the coupling
    angle_offset: Tensor  # (C,) of the coupling, radians


class HandKinematics:
    """Forward kinematics of a hand's actuated and coupled joints; see `forward`.

    Links are handled level by level from the palm outwards, so that a call costs a few small batched steps.

    Args:
        hand: the hand.

    Raises:
        RuntimeError: its model has joints that this does not describe.
    """

    def __init__(self, hand: Hand) -> None:
        self.hand = hand
        chain = read_chain(hand)
        self._joint_column = torch.tensor(chain.joint_column)
        self._parent_column = torch.tensor(hand.parent_columns, dtype=torch.long)
        self._levels = _levels(chain.parents)
        self._tip_link = torch.tensor(hand.link_indices([finger.tip_link for finger in hand.fingers]))
        self._arrays = (
            chain.offset,
            chain.rest_quat,
            chain.axis,
            np.array([finger.tip_point for finger in hand.fingers]),
            np.array(hand.coupled.ratio),
            np.array(hand.coupled.offset),
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
        local_quat = quat_multiply(constants.rest_quat, quat_from_axis_angle(constants.axis, angles))
        return self._chain(constants, local_quat)

    def _chain(self, constants: _Constants, local_quat: Tensor) -> HandPose:
        """T_h,link = T_h,parent T_parent,link, level by level; local_quat (B, L - 1, 4)."""
        batch, count = local_quat.shape[0], len(self.hand.links)
        positions: list[Tensor] = [local_quat.new_zeros(batch, 3)] * count
        quats: list[Tensor] = [local_quat.new_tensor([1.0, 0.0, 0.0, 0.0]).expand(batch, 4)] * count
        for level in self._levels:
            joints = [link - 1 for link in level.links]
            parent_position = torch.stack([positions[parent] for parent in level.parents], dim=1)
            parent_quat = torch.stack([quats[parent] for parent in level.parents], dim=1)
            position = parent_position + quat_rotate(parent_quat, constants.offset[joints])
            quat = quat_multiply(parent_quat, local_quat[:, joints])
            for column, link in enumerate(level.links):
                positions[link], quats[link] = position[:, column], quat[:, column]
        link_position, link_quat = torch.stack(positions, dim=1), torch.stack(quats, dim=1)
        tips = link_position[:, self._tip_link] + quat_rotate(link_quat[:, self._tip_link], constants.tip_point)
        return HandPose(self.hand.links, link_position=link_position, link_quat=link_quat, fingertips=tips)

    def _constants(self, like: Tensor) -> _Constants:
        key = (like.dtype, like.device)
        if key not in self._cache:
            tensors = (torch.as_tensor(array, dtype=key[0], device=key[1]) for array in self._arrays)
            self._cache[key] = _Constants(*tensors)
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


def fingertip_centres(
    hand: Hand, wrist_pose_w: NDArray[np.float64], joint_pos: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean of the fingertips in the world (K, 3), m, for wrists (K, 7) and joints (K, J), rad."""
    tips_h = HandKinematics(hand).forward(torch.as_tensor(joint_pos)).fingertips
    return transform_points(torch.as_tensor(wrist_pose_w), tips_h).mean(dim=1).numpy()


def _levels(parents: Sequence[int]) -> tuple[_Level, ...]:
    """Links grouped by their distance from the palm; parents[i] is the parent of link i + 1."""
    depth = [0]
    for parent in parents:
        depth.append(depth[parent] + 1)
    groups = [[link for link, steps in enumerate(depth) if steps == level] for level in range(1, max(depth) + 1)]
    return tuple(_Level(links=group, parents=[parents[link - 1] for link in group]) for group in groups)
