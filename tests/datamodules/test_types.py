"""Batches that cross the border between data and learning."""

from dataclasses import replace

import pytest
import torch

from datamodules.types import Rollout, concatenate_rollouts


@pytest.fixture
def rollout() -> Rollout:
    reward = torch.rand(3, 2)
    return Rollout(
        hand_action=torch.rand(3, 2, 18),
        reward=reward,
        terms={"success": reward},
        is_terminal=torch.tensor([[False] * 2, [False] * 2, [True] * 2]),
        is_valid=torch.tensor([True, False]).expand(3, 2),
        gate=torch.zeros(3, 2),
        grip=torch.zeros(3, 2),
        measures={"success": torch.tensor([1.0, 0.0])},
        memory={"seen": torch.rand(3, 2, 4)},
        policy_version=4,
        seconds={"physics": 1.0},
    )


def test_every_tensor_moves_and_the_rest_stays(rollout: Rollout) -> None:
    moved = rollout.to("meta")
    tensors = [moved.hand_action, moved.memory["seen"], moved.reward, moved.is_terminal, moved.is_valid]
    tensors += [moved.gate, moved.grip]
    tensors += [moved.terms["success"], moved.measures["success"]]
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert moved.policy_version == 4
    assert moved.seconds == {"physics": 1.0}


def test_values_survive_a_move(rollout: Rollout) -> None:
    moved = rollout.to("cpu")
    assert torch.equal(moved.memory["seen"], rollout.memory["seen"])
    assert torch.equal(moved.is_valid, rollout.is_valid)


def test_agent_steps_are_those_that_happened(rollout: Rollout) -> None:
    assert rollout.num_agent_steps == 3
    assert replace(rollout, is_valid=torch.ones(3, 2, dtype=torch.bool)).num_agent_steps == 6


def test_parts_of_the_worlds_stand_side_by_side(rollout: Rollout) -> None:
    other = replace(rollout.to("cpu"), reward=rollout.reward + 1.0, seconds={"physics": 3.0})
    both = concatenate_rollouts([rollout, other])
    assert torch.equal(both.reward, torch.cat([rollout.reward, rollout.reward + 1.0], dim=1))
    assert both.memory["seen"].shape == (3, 4, 4)
    assert both.measures["success"].tolist() == [1.0, 0.0, 1.0, 0.0]
    assert both.seconds == {"physics": 2.0}
