"""Commands on the device say the same as those of the reference in numpy."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from envs.hand.shadow import shadow_hand
from envs.physics.mjwarp.commands import Fingers, base_velocities, controls, finite_on, poses_on
from envs.physics.rotation import rotation_vector_between
from envs.physics.settings import PhysicsSettings
from tests.hands import ABILITY_HAND, needs_ability_hand

CPU = torch.device("cpu")
HAND = shadow_hand()


def poses(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.hstack([rng.normal(size=(count, 3)), Rotation.random(count, rng=rng).as_quat(scalar_first=True)])


def test_bases_turn_as_in_the_reference() -> None:
    start, end, settings = poses(64, 0), poses(64, 1), PhysicsSettings()
    found = base_velocities(torch.as_tensor(start), torch.as_tensor(end), settings).numpy() * settings.control_dt
    # float32 in the end, of numbers up to 6
    np.testing.assert_allclose(found[:, :3], end[:, :3] - start[:, :3], atol=1e-6)
    np.testing.assert_allclose(found[:, 3:], rotation_vector_between(start[:, 3:], end[:, 3:]), atol=1e-6)


def test_a_world_is_told_the_same_whatever_its_neighbours_are() -> None:
    start, end = torch.as_tensor(poses(64, 0)).float(), torch.as_tensor(poses(64, 1))
    whole = base_velocities(start, end, PhysicsSettings())
    for count in (1, 2, 3, 7):
        assert torch.equal(base_velocities(start[:count], end[:count], PhysicsSettings()), whole[:count])


@pytest.mark.parametrize(
    "hand", [HAND, pytest.param(ABILITY_HAND, marks=needs_ability_hand)], ids=["shadow", "ability"]
)
def test_fingers_are_clamped_and_coupled_as_by_the_hand(hand: object) -> None:
    joints = np.random.default_rng(0).uniform(-3.0, 3.0, (16, hand.num_joints))
    inside = hand.clamp(joints)
    expected = np.hstack([inside, hand.coupled_from_actuated(inside)])
    np.testing.assert_allclose(Fingers(hand, CPU).clamped(torch.as_tensor(joints).float()), expected, atol=1e-6)


def test_controls_stay_near_the_joints() -> None:
    gap = PhysicsSettings().max_target_gap
    present, target = torch.zeros(1, 3), torch.tensor([[2.0 * gap, -2.0 * gap, 0.5 * gap]])
    torch.testing.assert_close(controls(present, target, PhysicsSettings()), torch.tensor([[gap, -gap, 0.5 * gap]]))


def test_poses_come_with_unit_quaternions_whatever_they_were_given_as() -> None:
    given = poses(3, 0)
    given[:, 3:] *= 1.0 + 5e-4
    for kind in (given, torch.as_tensor(given), torch.as_tensor(given).float()):
        found = poses_on(CPU, "wrist_pose_w", kind, 3)
        assert found.dtype == torch.float64
        np.testing.assert_allclose(found[:, 3:].norm(dim=1), 1.0, atol=1e-6)


def test_infinity_in_one_row_is_refused_and_named() -> None:
    values = torch.zeros(3, 2)
    values[2, 1] = torch.inf
    with pytest.raises(ValueError, match="joint_target row 2 holds NaN or infinity"):
        finite_on(CPU, "joint_target", values, (3, 2))
