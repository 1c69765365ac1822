"""Batched, differentiable forward kinematics of the Shadow Hand in torch.

The constants (offsets, joint axes, fingertip sites) are read from the compiled MuJoCo model, so both agree by
construction. Everything is expressed in the hand base frame ``_h`` (the palm body), in metres.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.conventions import ACTUATED_JOINTS, COUPLED_PARENTS, FINGERS, NUM_COUPLED, NUM_JOINTS
from envs.geometry.transforms import quat_from_axis_angle, quat_multiply, quat_rotate, transform_points
from envs.hand.model import ALL_JOINTS, COUPLING_RATIO, LINKS, bare_hand, element_name, joint_limits


@dataclass(frozen=True)
class HandPose:
    """Where every part of B hands is, in the hand base frame.

    link_position (B, 23, 3) metres and link_quat (B, 23, 4) wxyz in the order of LINKS; fingertips (B, 5, 3) metres in
    the order of FINGERS.
    """

    link_position: Tensor
    link_quat: Tensor
    fingertips: Tensor

    def surface_points(self, links: Sequence[str], local_points: Tensor) -> Tensor:
        """Points fixed to links, in the hand frame.

        Args:
            links: K names of LINKS, repeats allowed.
            local_points: one point for each, in that link's frame, metres, (K, 3).
        Returns:
            (B, K, 3) metres.
        """
        index = link_indices(links)
        return self.link_position[:, index] + self.directions(links, local_points)

    def directions(self, links: Sequence[str], local_directions: Tensor) -> Tensor:
        """Vectors fixed to links (K, 3), for instance surface normals, in the hand frame: (B, K, 3)."""
        quat = self.link_quat[:, link_indices(links)]
        return quat_rotate(quat, local_directions.to(quat))


@dataclass(frozen=True)
class _Level:
    """The links at one distance from the palm; they are moved together. Numbers count in the order of LINKS."""

    links: list[int]
    parents: list[int]


@dataclass(frozen=True)
class _Constants:
    """Model constants in one dtype on one device, order of LINKS without the palm unless said otherwise."""

    offset: Tensor  # (22, 3) of a link's origin in its parent, metres
    rest_quat: Tensor  # (22, 4) of a link in its parent, joint at zero
    axis: Tensor  # (22, 3) joint axis in the link frame
    tip_point: Tensor  # (5, 3) fingertip sites in the distal links, metres


class HandKinematics:
    """Forward kinematics of the 18 actuated and 4 coupled joints; see `forward`.

    Links are handled level by level from the palm outwards, so that a call costs five small batched steps.
    """

    def __init__(self) -> None:
        model = bare_hand()
        bodies = [_body_id(model, name) for name in LINKS]
        joints = [int(model.body_jntadr[body]) for body in bodies[1:]]
        if np.any(model.jnt_pos[joints]) or np.any(model.qpos0):
            raise RuntimeError("the hand model has joint anchors or reference angles that forward kinematics ignores")
        self._offset = model.body_pos[bodies[1:]].copy()
        self._rest_quat = model.body_quat[bodies[1:]].copy()
        self._axis = model.jnt_axis[joints].copy()
        columns = {element_name(name): column for column, name in enumerate(ALL_JOINTS)}
        self._joint_column = torch.tensor([columns[model.joint(joint).name] for joint in joints])
        self._parent_column = torch.tensor([ACTUATED_JOINTS.index(name) for name in COUPLED_PARENTS])
        parents = [bodies.index(int(model.body_parentid[body])) for body in bodies[1:]]
        self._levels = _levels(parents)
        self._tip_link = torch.tensor(link_indices([f"{finger}distal" for finger in FINGERS]))
        self._tip_point = np.array([model.site(element_name(f"S_{finger}tip")).pos for finger in FINGERS])
        self._cache: dict[tuple[torch.dtype, torch.device], _Constants] = {}

    def forward(self, joint_pos: Tensor, coupled_pos: Tensor | None = None) -> HandPose:
        """Poses of all links and fingertips in the hand base frame.

        Args:
            joint_pos: actuated joints, radians, order of ACTUATED_JOINTS, (B, 18), float32 or float64.
            coupled_pos: distal joints, radians, order of COUPLED_JOINTS, (B, 4); COUPLING_RATIO times their parent
                joints where not given.
        Raises:
            ValueError: wrong shape or number type, or a value that is not finite.
        """
        _check_joints(joint_pos, "joint_pos", NUM_JOINTS)
        if coupled_pos is None:
            coupled_pos = COUPLING_RATIO * joint_pos[:, self._parent_column]
        _check_joints(coupled_pos, "coupled_pos", NUM_COUPLED)
        if coupled_pos.shape[0] != joint_pos.shape[0]:
            raise ValueError(
                f"coupled_pos has {coupled_pos.shape[0]} rows, joint_pos {joint_pos.shape[0]}; give one each"
            )
        constants = self._constants(joint_pos)
        angles = torch.cat((joint_pos, coupled_pos), dim=-1)[:, self._joint_column]
        local_quat = quat_multiply(constants.rest_quat, quat_from_axis_angle(constants.axis, angles))
        return self._chain(constants, local_quat)

    def _chain(self, constants: _Constants, local_quat: Tensor) -> HandPose:
        """T_h,link = T_h,parent T_parent,link, level by level; local_quat (B, 22, 4)."""
        batch = local_quat.shape[0]
        positions: list[Tensor] = [local_quat.new_zeros(batch, 3)] * len(LINKS)
        quats: list[Tensor] = [local_quat.new_tensor([1.0, 0.0, 0.0, 0.0]).expand(batch, 4)] * len(LINKS)
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
        return HandPose(link_position=link_position, link_quat=link_quat, fingertips=tips)

    def _constants(self, like: Tensor) -> _Constants:
        key = (like.dtype, like.device)
        if key not in self._cache:
            arrays = (self._offset, self._rest_quat, self._axis, self._tip_point)
            self._cache[key] = _Constants(*(torch.as_tensor(array, dtype=key[0], device=key[1]) for array in arrays))
        return self._cache[key]


def fingertip_centres(wrist_pose_w: NDArray[np.float64], joint_pos: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the five fingertips in the world (K, 3), m, for wrists (K, 7) and joints (K, 18), rad."""
    tips_h = HandKinematics().forward(torch.as_tensor(joint_pos)).fingertips
    return transform_points(torch.as_tensor(wrist_pose_w), tips_h).mean(dim=1).numpy()


def link_indices(links: Sequence[str]) -> list[int]:
    """Positions of link names in LINKS.

    Raises:
        ValueError: unknown link; lists the known ones.
    """
    unknown = [name for name in links if name not in LINKS]
    if unknown:
        raise ValueError(f"unknown hand link {unknown[0]!r}; known links: {', '.join(LINKS)}")
    return [LINKS.index(name) for name in links]


def check_joint_limits(
    joint_pos: Tensor | NDArray[np.floating], what: str = "joint_pos", *, tolerance: float = 1e-5
) -> None:
    """Accept actuated joints (..., 18) in radians that are finite and within their limits.

    Args:
        joint_pos: joints in the order of ACTUATED_JOINTS.
        what: name of the quantity in the message, for instance file and field.
        tolerance: radians beyond a limit that still count as inside (float32 rounding).
    Raises:
        ValueError: names the joint, its row, its value and its range.
    """
    values = np.asarray(joint_pos.detach().cpu() if isinstance(joint_pos, Tensor) else joint_pos, dtype=np.float64)
    if values.shape[-1:] != (NUM_JOINTS,):
        raise ValueError(_shape_message(what, values.shape, NUM_JOINTS))
    limits = joint_limits()
    # written so that NaN, which fails every comparison, is caught too
    inside = (values >= limits.low - tolerance) & (values <= limits.high + tolerance)
    if not inside.all():
        *row, joint = (int(i) for i in np.argwhere(~inside)[0])
        raise ValueError(
            f"{what}: joint {ACTUATED_JOINTS[joint]} is {values[(*row, joint)]:.4f} rad at index {tuple(row)}, "
            f"allowed: {limits.low[joint]:.4f} to {limits.high[joint]:.4f} rad; "
            "clamp it with envs.hand.model.clamp_joints or correct the data"
        )


def _shape_message(what: str, shape: tuple[int, ...], columns: int) -> str:
    return f"{what} has shape {tuple(shape)}, expected (B, {columns}) in the joint order of envs/conventions.py"


def _check_joints(values: Tensor, what: str, columns: int) -> None:
    if values.ndim != 2 or values.shape[1] != columns:
        raise ValueError(_shape_message(what, tuple(values.shape), columns))
    if not values.is_floating_point():
        raise ValueError(f"{what} has type {values.dtype}, expected float32 or float64 radians")
    if not torch.isfinite(values).all():
        row, column = torch.nonzero(~torch.isfinite(values))[0].tolist()
        raise ValueError(
            f"{what} holds {values[row, column].item()} in row {row}, column {column}; expected finite radians"
        )


def _body_id(model: mujoco.MjModel, link: str) -> int:
    return int(model.body(element_name(link)).id)


def _levels(parents: Sequence[int]) -> tuple[_Level, ...]:
    """Links grouped by their distance from the palm; parents[i] is the parent of link i + 1."""
    depth = [0]
    for parent in parents:
        depth.append(depth[parent] + 1)
    groups = [[link for link, steps in enumerate(depth) if steps == level] for level in range(1, max(depth) + 1)]
    return tuple(_Level(links=group, parents=[parents[link - 1] for link in group]) for group in groups)
