"""The hand as capsules and boxes, which are near to what: its collision shapes, moved with its links."""

from dataclasses import dataclass

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.geometry.transforms import quat_multiply, quat_rotate, quat_to_matrix
from envs.hand.hand import Hand
from envs.hand.kinematics import HandKinematics

_LEAST_SIZE = 0.002
"""Metres; smaller geoms of a model only give a link its mass."""

_ROUND = [
    int(kind) for kind in (mujoco.mjtGeom.mjGEOM_SPHERE, mujoco.mjtGeom.mjGEOM_CAPSULE, mujoco.mjtGeom.mjGEOM_CYLINDER)
]


@dataclass(frozen=True)
class PlacedShapes:
    """K capsules and X boxes of B hands, in the hand frame, m; shapes are counted through, capsules first.

    Attributes:
        start: one end of each capsule's axis (B, K, 3).
        axis: unit vectors from there to the other end (B, K, 3); 0 for balls.
        length: of the axes (K,).
        radius: (K,).
        centre: of the boxes (B, X, 3).
        turn: from each box's frame to the hand's (B, X, 3, 3).
        half: half sizes of the boxes (X, 3).
        part: which part of the hand each shape belongs to (K + X,): 0 the palm, 1 + f finger f of `Hand.fingers`.
        palmar: the direction in which each shape's link faces when the hand closes (B, K + X, 3), unit vectors.
    """

    start: Tensor
    axis: Tensor
    length: Tensor
    radius: Tensor
    centre: Tensor
    turn: Tensor
    half: Tensor
    part: Tensor
    palmar: Tensor

    def rows(self, begin: int, end: int) -> "PlacedShapes":
        """The hands from ``begin`` to ``end``."""
        moved = {name: getattr(self, name)[begin:end] for name in ("start", "axis", "centre", "turn", "palmar")}
        still = {name: getattr(self, name) for name in ("length", "radius", "half", "part")}
        return PlacedShapes(**moved, **still)


class HandShapes:
    """The collision shapes of a hand; meshes count as the boxes around them.

    Args:
        hand: the hand.
    """

    def __init__(self, hand: Hand) -> None:
        self.hand = hand
        self._kinematics = HandKinematics(hand)
        model = hand.model()
        solid = [
            geom for geom in range(model.ngeom) if model.geom_contype[geom] and model.geom_rbound[geom] > _LEAST_SIZE
        ]
        capsules = [geom for geom in solid if model.geom_type[geom] in _ROUND]
        boxes = [geom for geom in solid if geom not in capsules]
        link = np.array([model.geom_bodyid[geom] - 1 for geom in (*capsules, *boxes)])
        half_length = np.where(np.isin(model.geom_type, _ROUND[1:]), model.geom_size[:, 1], 0.0)[capsules]
        axis = _turn(model.geom_quat[capsules])[:, :, 2] * (half_length > 0.0)[:, None]
        self._link = torch.tensor(link)
        self._start = _tensor(model.geom_pos[capsules] - half_length[:, None] * axis)
        self._axis = _tensor(axis)
        self._length = _tensor(2.0 * half_length)
        self._radius = _tensor(model.geom_size[capsules, 0])
        aabb = model.geom_aabb.reshape(-1, 2, 3)[boxes]
        quat = model.geom_quat[boxes].reshape(-1, 4)
        self._centre = _tensor(model.geom_pos[boxes] + np.einsum("xij,xj->xi", _turn(quat), aabb[:, 0]))
        self._quat = _tensor(quat)
        self._half = _tensor(aabb[:, 1])
        part_of = np.zeros(len(hand.links), dtype=np.int64)
        for index, finger in enumerate(hand.fingers):
            part_of[hand.link_indices(hand.links_of(finger))] = 1 + index
        self._part = torch.tensor(part_of[link])
        self._palmar = self._palmar_of_links()[self._link]

    @property
    def num_parts(self) -> int:
        """Parts of the hand: palm and fingers."""
        return 1 + len(self.hand.fingers)

    def _palmar_of_links(self) -> Tensor:
        """Where links face, in their own frames (L, 3): -y of the straight hand; as its pad does for the thumb."""
        hand, straight = self.hand, torch.zeros(1, self.hand.num_joints)
        pose = self._kinematics.forward(straight)
        facing = torch.tensor([0.0, -1.0, 0.0]).repeat(len(hand.links), 1)
        pad = hand.thumb_pad
        facing[hand.link_indices(hand.links_of(hand.fingers[-1]))] = pose.directions(
            [pad.link], torch.tensor([pad.normal])
        )[0, 0]
        return quat_rotate(pose.link_quat[0] * torch.tensor([1.0, -1.0, -1.0, -1.0]), facing)

    def place(self, joint_pos: Tensor, coupled_pos: Tensor) -> PlacedShapes:
        """The shapes of hands with these joints (B, J) and coupled joints (B, C), rad."""
        pose = self._kinematics.forward(joint_pos.float(), coupled_pos.float())
        capsules = len(self._length)
        position, quat = pose.link_position[:, self._link], pose.link_quat[:, self._link]
        of_capsules, of_boxes = quat[:, :capsules], quat[:, capsules:]
        return PlacedShapes(
            start=position[:, :capsules] + quat_rotate(of_capsules, self._start),
            axis=quat_rotate(of_capsules, self._axis),
            length=self._length,
            radius=self._radius,
            centre=position[:, capsules:] + quat_rotate(of_boxes, self._centre),
            turn=quat_to_matrix(quat_multiply(of_boxes, self._quat)),
            half=self._half,
            part=self._part,
            palmar=quat_rotate(quat, self._palmar),
        )


def _turn(quat: NDArray[np.float64]) -> NDArray[np.float64]:
    matrices: NDArray[np.float64] = quat_to_matrix(torch.as_tensor(quat)).numpy()
    return matrices


def _tensor(values: NDArray[np.float64]) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)
