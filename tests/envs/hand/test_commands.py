"""From actions to joint targets."""

import pytest
import torch
from torch import Tensor

from envs.hand.commands import check_action, next_command
from envs.hand.shadow import shadow_hand

HAND = shadow_hand()

WIDE = 10.0
LIMITS = HAND.limits
LOW, HIGH = torch.tensor(LIMITS.low), torch.tensor(LIMITS.high)


def _middle(count: int = 2) -> Tensor:
    return (0.5 * (LOW + HIGH)).repeat(count, 1)


def after(command: Tensor, action: Tensor, joint_pos: Tensor, max_gap: float = WIDE) -> Tensor:
    return next_command(command, action, joint_pos, LIMITS, max_step=0.05, max_gap=max_gap)


def test_an_action_of_one_moves_the_command_by_a_twentieth_of_a_radian() -> None:
    command = _middle()
    action = torch.linspace(-1.0, 1.0, 2 * HAND.num_joints, dtype=torch.float64).reshape(2, HAND.num_joints)
    torch.testing.assert_close(after(command, action, command) - command, 0.05 * action)


def test_larger_actions_are_clipped() -> None:
    command = _middle()
    action = torch.tensor([-7.0, 3.0], dtype=torch.float64).repeat(2, HAND.num_joints // 2)
    torch.testing.assert_close(after(command, action, command) - command, 0.05 * action.sign())


def test_commands_add_up_although_the_joints_lag_behind() -> None:
    joint_pos = _middle(1)
    command = joint_pos
    for _ in range(3):
        command = after(command, torch.ones(1, HAND.num_joints), joint_pos, 0.2)
    torch.testing.assert_close(command - joint_pos, torch.full_like(command, 0.15))


def test_the_command_does_not_wind_up_against_an_object() -> None:
    joint_pos = _middle(1)
    command = joint_pos
    for _ in range(20):
        command = after(command, torch.ones(1, HAND.num_joints), joint_pos, 0.2)
    torch.testing.assert_close(command - joint_pos, torch.full_like(command, 0.2))
    # so it lets go at once: from 0.2 to 0.15 ahead
    command = after(command, -torch.ones(1, HAND.num_joints), joint_pos, 0.2)
    torch.testing.assert_close(command - joint_pos, torch.full_like(command, 0.15))


def test_commands_end_at_the_limits() -> None:
    joint_pos = torch.stack([LOW, HIGH])
    action = torch.tensor([[-1.0], [1.0]]).expand(2, HAND.num_joints)
    assert torch.equal(after(joint_pos, action, joint_pos), joint_pos)


def test_the_command_given_is_not_changed() -> None:
    command = _middle(1)
    kept = command.clone()
    after(command, torch.ones(1, HAND.num_joints), command)
    assert torch.equal(command, kept)


def test_actions_that_cannot_be_are_named() -> None:
    assert check_action(torch.zeros(2, 3), (2, 3), 4).shape == (2, 3)
    with pytest.raises(ValueError, match=r"the action has shape \(2, 4\) at step 4, expected \(2, 3\)"):
        check_action(torch.zeros(2, 4), (2, 3), 4)
    with pytest.raises(ValueError, match="not finite at step 4 in world 1; the weights or the input of what acts"):
        check_action(torch.tensor([[0.0], [torch.inf]]), (2, 1), 4)
