"""Proposals bring the gap of a hand shape onto an antipodal pair, above the table."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from datamodules.synthesis import proposals
from datamodules.synthesis.antipodal import AntipodalPairs
from datamodules.synthesis.hand_bank import BankSettings, GraspBank, build_bank
from datamodules.synthesis.proposals import (
    MAX_UPWARD,
    MIN_LINK_HEIGHT,
    MIN_PAIR_HEIGHT,
    Proposals,
    propose,
)
from envs.geometry.transforms import transform_points
from envs.hand.kinematics import HandKinematics
from envs.hand.shadow import shadow_hand
from tests.datamodules.grasps.examples import TYPES, prototypes

HAND = shadow_hand()

Array = NDArray[np.float64]

CLEARANCE = (-0.004, 0.008)


def _bank(grasp_type: str) -> GraspBank:
    return build_bank(HAND, grasp_type, prototypes()[grasp_type], BankSettings(num_copies=6), np.random.default_rng(0))


def _pairs(first_o: list[list[float]], second_o: list[list[float]]) -> AntipodalPairs:
    first, second = np.array(first_o, dtype=float), np.array(second_o, dtype=float)
    width = np.linalg.norm(second - first, axis=1)
    return AntipodalPairs(first, second, (second - first) / width[:, None], width)


def _pose(height: float, turn: Rotation | None = None) -> Array:
    quat = (turn or Rotation.identity()).as_quat(scalar_first=True)
    return np.array([0.1, -0.2, height, *quat])


def _propose(grasp_type: str, pairs: AntipodalPairs, pose_w: Array, count: int = 800, seed: int = 0) -> Proposals:
    return propose(pairs, _bank(grasp_type), pose_w, count, np.random.default_rng(seed))


ONE_LEVEL = _pairs([[0.01, -0.025, 0.0]], [[0.01, 0.030, 0.0]])


@pytest.mark.parametrize("grasp_type", TYPES)
def test_axis_and_centre_of_the_gap_lie_on_the_pair(grasp_type: str) -> None:
    turn = Rotation.from_euler("xyz", [0.2, -0.3, 1.0])
    bank, pose_w = _bank(grasp_type), _pose(0.12, turn)
    found = _propose(grasp_type, ONE_LEVEL, pose_w)
    assert len(found) > 10
    wrist = Rotation.from_quat(found.wrist_pose_w[:, 3:], scalar_first=True)
    centre_w = wrist.apply(bank.centre_h[found.entry]) + found.wrist_pose_w[:, :3]
    expected = turn.apply(0.5 * (ONE_LEVEL.first_o + ONE_LEVEL.second_o)) + pose_w[:3]
    # the bank's forward kinematics run in float32 in places: 1e-7 of decimetres
    np.testing.assert_allclose(centre_w, np.tile(expected, (len(found), 1)), atol=1e-6)
    cosine = wrist.apply(bank.axis_h[found.entry]) @ turn.apply(ONE_LEVEL.axis_o)[0]
    np.testing.assert_allclose(np.abs(cosine), 1.0, atol=1e-6)
    # the thumb comes to either end
    assert {-1.0, 1.0} == set(np.round(cosine))


def test_aperture_of_the_entry_fits_the_width() -> None:
    pairs = _pairs([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]], [[0.0, 0.055, 0.0], [0.04, 0.0, 0.0]])
    bank, found = _bank("wrap"), _propose("wrap", pairs, _pose(0.12))
    excess = bank.aperture[found.entry] - found.width
    assert excess.min() >= CLEARANCE[0] - 1e-9
    assert excess.max() <= CLEARANCE[1] + 1e-9
    assert set(np.round(found.width, 6)) == {0.055, 0.04}


def test_every_roll_about_the_axis_occurs_while_the_table_is_far() -> None:
    # fingers up and palm up are refused; of the rest every eighth of the circle occurs
    found = _propose("wrap", ONE_LEVEL, _pose(1.0), count=4000)
    wrist = Rotation.from_quat(found.wrist_pose_w[:, 3:], scalar_first=True)
    fingers_w, palm_w = wrist.apply([0.0, 0.0, 1.0]), wrist.apply([0.0, -1.0, 0.0])
    roll = np.arctan2(fingers_w[:, 0], -fingers_w[:, 2])
    occupied, _ = np.histogram(roll, bins=8, range=(-np.pi, np.pi))
    assert (occupied[2:6] > 0).all()
    for upward in (fingers_w[:, 2].max(), palm_w[:, 2].max()):
        assert 0.5 * MAX_UPWARD < upward < MAX_UPWARD


@pytest.mark.parametrize("grasp_type", TYPES)
def test_no_hand_reaches_below_the_table_or_up_through_it(grasp_type: str) -> None:
    bank, found = _bank(grasp_type), _propose(grasp_type, ONE_LEVEL, _pose(0.03), count=4000)
    assert len(found) > 10
    pose = HandKinematics(HAND).forward(torch.as_tensor(bank.preshape[found.entry]))
    points_h = torch.cat([pose.link_position, pose.fingertips], dim=1)
    points_w = transform_points(torch.as_tensor(found.wrist_pose_w), points_h).numpy()
    assert points_w[..., 2].min() > MIN_LINK_HEIGHT - 1e-6
    matrix = Rotation.from_quat(found.wrist_pose_w[:, 3:], scalar_first=True).as_matrix()
    assert matrix[:, 2, 2].max() < MAX_UPWARD
    assert (-matrix[:, 2, 1]).max() < MAX_UPWARD  # the palm faces along -y of the hand


def test_a_low_table_allows_hands_that_a_high_one_refuses() -> None:
    assert len(_propose("wrap", ONE_LEVEL, _pose(0.02))) < len(_propose("wrap", ONE_LEVEL, _pose(0.5)))


@pytest.mark.parametrize(("first", "second"), [(0.0, 0.05), (0.05, 0.0)])
def test_a_contact_point_near_the_table_is_not_used(
    first: float, second: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # without the check of the hand's links, so that only the height of the pair decides
    monkeypatch.setattr(proposals, "_stands_above_table", lambda skeleton_h, *_: np.ones(len(skeleton_h), dtype=bool))
    upright = _pairs([[0.0, 0.0, first]], [[0.0, 0.0, second]])
    assert len(_propose("wrap", upright, _pose(MIN_PAIR_HEIGHT - 0.001))) == 0
    assert len(_propose("wrap", upright, _pose(MIN_PAIR_HEIGHT + 0.001))) > 0


@pytest.mark.parametrize("width", [0.001, 0.3])
def test_widths_without_a_hand_shape_give_no_proposals(width: float) -> None:
    found = _propose("wrap", _pairs([[0.0, 0.0, 0.0]], [[0.0, width, 0.0]]), _pose(0.2))
    assert len(found) == 0
    assert found.wrist_pose_w.shape == (0, 7)


def test_same_generator_same_proposals() -> None:
    first, second = (_propose("wrap", ONE_LEVEL, _pose(0.1), seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.wrist_pose_w, second.wrist_pose_w)
    np.testing.assert_array_equal(first.entry, second.entry)
