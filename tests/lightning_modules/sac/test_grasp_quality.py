"""The quality of grasps against what is known."""

import math

import numpy as np
import pytest
import torch

from envs.bisector.points import BisectorPoints
from lightning_modules.sac.grasp_quality import TORQUE_LENGTH, contact_wrenches, grasp_quality, q1_of


def test_of_unit_wrenches_both_ways_the_ball_touches_the_faces_of_the_cross() -> None:
    # the hull of +-e_i in six dimensions is |w|_1 <= 1, whose faces are 1 / sqrt(6) away
    assert q1_of(np.concatenate([np.eye(6), -np.eye(6)])) == pytest.approx(1.0 / math.sqrt(6.0))


def test_wrenches_to_one_side_hold_nothing() -> None:
    assert q1_of(np.concatenate([np.eye(6), 0.5 * np.eye(6)])) == 0.0
    assert q1_of(np.eye(6)) == 0.0
    assert q1_of(np.zeros((12, 6))) == 0.0


def test_wrenches_lie_on_the_friction_cone_and_turn_about_the_centre() -> None:
    position, normal = np.array([[0.0, 0.05, 0.0]]), np.array([[0.0, -1.0, 0.0]])
    found = contact_wrenches(position, normal, friction=0.5)
    force, torque = found[:, :3], found[:, 3:]
    assert force @ normal[0] == pytest.approx(np.ones(4))
    assert np.linalg.norm(force - normal, axis=1) == pytest.approx(np.full(4, 0.5))
    assert torque == pytest.approx(np.cross(position, force) / TORQUE_LENGTH)


def points_of(position: np.ndarray, direction: np.ndarray, part: list[int]) -> BisectorPoints:
    count = len(position)
    return BisectorPoints(
        hand_index=torch.zeros(count, dtype=torch.long),
        position_h=torch.tensor(position).float(),
        to_hand=-torch.tensor(direction).float(),
        to_scene=torch.tensor(direction).float(),
        hand_distance=torch.zeros(count),
        scene_distance=torch.zeros(count),
        is_palm_side=torch.ones(count, dtype=torch.bool),
        is_object=torch.ones(count, dtype=torch.bool),
        part=torch.tensor(part),
        num_hands=2,
    )


def test_three_fingers_around_an_object_hold_it_and_two_on_a_side_do_not() -> None:
    angle = 2.0 * np.pi * np.arange(3) / 3.0
    out = np.stack([np.cos(angle), np.sin(angle), 0.0 * angle], axis=1)
    around = grasp_quality(points_of(0.04 * out, -out, [1, 2, 5]), torch.zeros(2, 3), friction=1.0)
    assert float(around[0]) > 0.05
    assert float(around[1]) == 0.0  # no contact at all
    side = np.array([[0.04, 0.0, 0.0], [0.04, 0.02, 0.0]])
    pushing = points_of(side, np.tile([[-1.0, 0.0, 0.0]], (2, 1)), [1, 2])
    assert float(grasp_quality(pushing, torch.zeros(2, 3), friction=1.0)[0]) == 0.0
