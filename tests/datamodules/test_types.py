"""Batches that cross the border between data and learning."""

from dataclasses import fields

import pytest
import torch

from datamodules.types import ActorStep, Rollout


@pytest.fixture
def rollout() -> Rollout:
    steps = ActorStep(**{item.name: torch.rand(3, 2, 4) for item in fields(ActorStep)})
    reward = torch.rand(3, 2)
    return Rollout(
        steps=steps,
        reward=reward,
        terms={"success": reward},
        is_terminal=torch.tensor([[False] * 2, [False] * 2, [True] * 2]),
        is_valid=torch.tensor([True, False]),
        gate=torch.zeros(3, 2),
        grip=torch.zeros(3, 2),
        measures={"success": torch.tensor([1.0, 0.0])},
        policy_version=4,
        seconds={"physics": 1.0},
    )


def test_every_tensor_moves_and_the_rest_stays(rollout: Rollout) -> None:
    moved = rollout.to("meta")
    tensors = [getattr(moved.steps, item.name) for item in fields(ActorStep)]
    tensors += [moved.reward, moved.is_terminal, moved.is_valid, moved.gate, moved.grip]
    tensors += [moved.terms["success"], moved.measures["success"]]
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert moved.policy_version == 4
    assert moved.seconds == {"physics": 1.0}


def test_values_survive_a_move(rollout: Rollout) -> None:
    moved = rollout.to("cpu")
    assert torch.equal(moved.steps.action, rollout.steps.action)
    assert torch.equal(moved.is_valid, rollout.is_valid)


def test_agent_steps_are_steps_times_worlds(rollout: Rollout) -> None:
    assert rollout.num_agent_steps == 6
