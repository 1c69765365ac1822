"""From actions to joint targets."""

import numpy as np

from envs.conventions import MAX_JOINT_STEP, NUM_JOINTS
from envs.hand.commands import next_command
from envs.hand.model import joint_limits, open_hand

WIDE = 10.0


def _middle(count: int = 2) -> np.ndarray:
    limits = joint_limits()
    return np.tile(0.5 * (limits.low + limits.high), (count, 1))


def test_an_action_of_one_moves_the_command_by_a_twentieth_of_a_radian() -> None:
    command = _middle()
    action = np.linspace(-1.0, 1.0, 2 * NUM_JOINTS).reshape(2, NUM_JOINTS)
    found = next_command(command, action, command, WIDE)
    np.testing.assert_allclose(found - command, 0.05 * action, atol=1e-12)
    assert MAX_JOINT_STEP == 0.05


def test_larger_actions_are_clipped() -> None:
    command = _middle()
    action = np.tile([-7.0, 3.0], (2, NUM_JOINTS // 2))
    found = next_command(command, action, command, WIDE)
    np.testing.assert_allclose(found - command, np.tile([-0.05, 0.05], (2, NUM_JOINTS // 2)), atol=1e-12)


def test_commands_add_up_although_the_joints_lag_behind() -> None:
    joint_pos = _middle(1)
    command = joint_pos
    for _ in range(3):
        command = next_command(command, np.ones((1, NUM_JOINTS)), joint_pos, 0.2)
    np.testing.assert_allclose(command - joint_pos, 0.15, atol=1e-12)


def test_the_command_does_not_wind_up_against_an_object() -> None:
    joint_pos = _middle(1)
    command = joint_pos
    for _ in range(20):
        command = next_command(command, np.ones((1, NUM_JOINTS)), joint_pos, 0.2)
    np.testing.assert_allclose(command - joint_pos, 0.2, atol=1e-12)
    # so it lets go at once: from 0.2 to 0.15 ahead
    command = next_command(command, -np.ones((1, NUM_JOINTS)), joint_pos, 0.2)
    np.testing.assert_allclose(command - joint_pos, 0.15, atol=1e-12)


def test_commands_end_at_the_limits() -> None:
    limits = joint_limits()
    joint_pos = np.stack([limits.low, limits.high])
    action = np.array([[-1.0], [1.0]]) * np.ones(NUM_JOINTS)
    np.testing.assert_allclose(next_command(joint_pos, action, joint_pos, WIDE), joint_pos, atol=1e-12)


def test_the_command_given_is_not_changed() -> None:
    command = np.tile(open_hand(), (1, 1))
    kept = command.copy()
    next_command(command, np.ones((1, NUM_JOINTS)), command, 0.2)
    np.testing.assert_array_equal(command, kept)
