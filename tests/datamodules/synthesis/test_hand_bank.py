"""Banks of hand shapes: the gap between the pads, computed twice, and how entries are chosen."""

from dataclasses import replace

import mujoco
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from datamodules.synthesis.hand_bank import BankSettings, PadGeometry, build_bank, pad_geometry
from envs.hand.kinematics import HandKinematics
from envs.hand.shadow import shadow_hand
from tests.datamodules.grasps.examples import TYPES, prototypes

HAND = shadow_hand()

Array = NDArray[np.float64]

SMALL = BankSettings(num_phases=10, num_copies=4)
EXACT = BankSettings(num_phases=10, num_copies=1, jitter=0.0, min_alignment=-2.0)


def _geometry(grasp_type: str, joint_pos: Array) -> PadGeometry:
    return pad_geometry(HAND, grasp_type, HandKinematics(HAND).forward(torch.as_tensor(joint_pos)))


def _pads_by_mujoco(grasp_type: str, joint_pos: Array) -> tuple[Array, Array]:
    """Points and normals (P, 3) of thumb pad and opposing pads in the hand frame."""
    model = HAND.model()
    data = mujoco.MjData(model)
    values = np.concatenate([joint_pos, HAND.coupled_from_actuated(joint_pos)])
    for name, value in zip(HAND.all_joints, values, strict=True):
        data.joint(HAND.element(name)).qpos[0] = value
    mujoco.mj_kinematics(model, data)
    points, normals = [], []
    for pad in (HAND.thumb_pad, *HAND.grasp_type(grasp_type).opposing):
        body = data.body(HAND.element(pad.link))
        rotation = body.xmat.reshape(3, 3)
        points.append(rotation @ np.array(pad.point) + body.xpos)
        normals.append(rotation @ np.array(pad.normal))
    return np.array(points), np.array(normals)


@pytest.mark.parametrize("grasp_type", ["lateral", "wrap", "pinch_MF", "tripod", "precision"])
def test_pad_geometry_agrees_with_mujoco(grasp_type: str) -> None:
    rng = np.random.default_rng(0)
    limits = HAND.limits
    joint_pos = rng.uniform(limits.low, limits.high, (5, 18))
    geometry = _geometry(grasp_type, joint_pos)
    for row in range(5):
        points, normals = _pads_by_mujoco(grasp_type, joint_pos[row])
        gap = points[1:].mean(axis=0) - points[0]
        axis = gap / np.linalg.norm(gap)
        # forward kinematics and MuJoCo agree to 1e-5 m and rad (tests/envs/hand)
        np.testing.assert_allclose(geometry.aperture[row], np.linalg.norm(gap), atol=2e-5)
        np.testing.assert_allclose(geometry.centre_h[row], points[0] + 0.5 * gap, atol=2e-5)
        np.testing.assert_allclose(geometry.axis_h[row], axis, atol=2e-3)  # 2e-5 m over a gap of at least 1 cm
        alignment = min(normals[0] @ axis, -normals[1:].mean(axis=0) @ axis)
        np.testing.assert_allclose(geometry.alignment[row], alignment, atol=2e-3)


@pytest.mark.parametrize("grasp_type", TYPES)
def test_bank_entries_describe_the_shape_midway_between_preshape_and_target(grasp_type: str) -> None:
    # phases p - 0.3 and p + 0.25 of a line within the limits: the entry lies at 0.3 / 0.55 of the way between
    line = prototypes()[grasp_type]
    settings = replace(EXACT, num_phases=3)
    bank = build_bank(HAND, grasp_type, line, settings, np.random.default_rng(0))
    middle = line[0].open + 0.5 * (line[0].closed - line[0].open)
    between = bank.preshape[1] + 0.3 / 0.55 * (bank.target[1] - bank.preshape[1])
    np.testing.assert_allclose(between, middle, atol=1e-9)
    geometry = _geometry(grasp_type, middle[None])
    np.testing.assert_allclose(bank.aperture[1], geometry.aperture[0], atol=1e-6)
    np.testing.assert_allclose(bank.centre_h[1], geometry.centre_h[0], atol=1e-6)


@pytest.mark.parametrize("grasp_type", TYPES)
def test_aperture_shrinks_from_preshape_over_entry_to_target(grasp_type: str) -> None:
    bank = build_bank(
        HAND,
        grasp_type,
        prototypes()[grasp_type],
        replace(EXACT, min_alignment=0.35),
        np.random.default_rng(0),
    )
    assert len(bank.aperture) >= 3
    assert (np.diff(bank.aperture) < 0.0).all()
    assert (_geometry(grasp_type, bank.preshape).aperture > bank.aperture).all()
    assert (_geometry(grasp_type, bank.target).aperture < bank.aperture).all()


def test_number_of_entries_is_phases_times_copies_times_prototypes() -> None:
    lines = prototypes()["wrap"] * 2
    bank = build_bank(HAND, "wrap", lines, replace(SMALL, min_alignment=-2.0), np.random.default_rng(0))
    assert len(bank.aperture) == 10 * 4 * 2
    assert bank.preshape.shape == bank.target.shape == (80, 18)
    np.testing.assert_allclose(np.linalg.norm(bank.axis_h, axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("grasp_type", TYPES)
def test_entries_whose_pads_do_not_face_one_another_are_left_out(grasp_type: str) -> None:
    line = prototypes()[grasp_type]
    everything = build_bank(HAND, grasp_type, line, EXACT, np.random.default_rng(0))
    joints = line[0].open + np.linspace(0.0, 1.0, 10)[:, None] * (line[0].closed - line[0].open)
    facing = _geometry(grasp_type, joints).alignment >= 0.35
    assert 0 < facing.sum() < 10
    kept = build_bank(HAND, grasp_type, line, replace(EXACT, min_alignment=0.35), np.random.default_rng(0))
    np.testing.assert_array_equal(kept.aperture, everything.aperture[facing])
    np.testing.assert_array_equal(kept.target, everything.target[facing])


def test_joints_stay_within_the_limits_and_jitter_is_shared_along_a_line() -> None:
    settings = replace(SMALL, jitter=0.3, min_alignment=-2.0)
    bank = build_bank(HAND, "wrap", prototypes()["wrap"], settings, np.random.default_rng(0))
    limits = HAND.limits
    for joints in (bank.preshape, bank.target):
        assert ((joints >= limits.low) & (joints <= limits.high)).all()
    # THJ4 is the same at both ends of the line: along one copy only its jitter is left
    thumb = bank.preshape[:, 13].reshape(4, 10)
    np.testing.assert_allclose(thumb, np.tile(thumb[:, :1], (1, 10)), atol=1e-12)
    assert np.ptp(thumb[:, 0]) > 0.0


def test_same_generator_same_bank() -> None:
    first, second = (build_bank(HAND, "wrap", prototypes()["wrap"], SMALL, np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(first.preshape, second.preshape)
