"""Balls for hands, hands over a table, and objects, for tests of bisector surfaces."""

from functools import lru_cache

import torch
from torch import Tensor

from envs.bisector.distance_fields import DistanceFields
from envs.bisector.distances import Scene
from envs.bisector.hand_shapes import HandShapes, PlacedShapes
from envs.hand.hand import Hand
from envs.objects.builder import make_object

TABLE_H = torch.tensor([[0.0, 0.0, 1.0, 0.1]])
"""A table 10 cm below the origin of the hand frame, z up."""


def balls(centres: Tensor, radius: float = 0.02) -> PlacedShapes:
    """One hand of balls (K, 3) of one part."""
    count = len(centres)
    return PlacedShapes(
        start=centres[None],
        axis=torch.zeros(1, count, 3),
        length=torch.zeros(count),
        radius=torch.full((count,), radius),
        centre=torch.zeros(1, 0, 3),
        turn=torch.zeros(1, 0, 3, 3),
        half=torch.zeros(0, 3),
        part=torch.ones(count, dtype=torch.long),
        palmar=torch.tensor([0.0, 0.0, -1.0]).expand(1, count, 3),
    )


@lru_cache(maxsize=1)
def fields() -> DistanceFields:
    """Of a can and a box."""
    return DistanceFields([make_object("can", 0), make_object("box", 0)])


def grasping(hand: Hand, closing: float = 0.8, count: int = 3) -> tuple[PlacedShapes, Scene]:
    """Hands that close around a can and a box before their palms, over a table beside them."""
    joints = torch.tensor(hand.clamp(hand.open_pose + closing * hand.closing)).float().repeat(count, 1)
    coupled = torch.tensor(hand.coupled_from_actuated(joints.double().numpy())).float()
    object_h = torch.tensor([*hand.grasp_centre_h, 1.0, 0.0, 0.0, 0.0]).repeat(count, 1)
    object_h[:, 1] -= 0.01 * torch.arange(count)
    rows = torch.arange(count) % 2
    fields().prepare(rows)
    table_h = torch.tensor([[1.0, 0.0, 0.0, 0.08]]).repeat(count, 1)
    return HandShapes(hand).place(joints, coupled), Scene(table_h, object_h, fields(), rows)
