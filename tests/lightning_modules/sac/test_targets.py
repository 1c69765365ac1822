"""The formulas of soft actor-critic with a vector of values, by hand."""

import math

import pytest
import torch
from torch import nn

from lightning_modules.sac.targets import (
    Gaussian,
    Values,
    actor_loss,
    critic_loss,
    descend_plainly,
    follow_slowly,
    grasp_rewards,
    part_rewards,
    squashed,
    stops_now,
    temperature_loss,
    value_targets,
)


def test_the_density_of_squashed_actions_integrates_to_one() -> None:
    action = torch.linspace(-0.9995, 0.9995, 20001)[:, None]
    mean, log_std = torch.full_like(action, 0.3), torch.full_like(action, math.log(0.7))
    noise = (action.atanh() - mean) / log_std.exp()
    found = squashed(Gaussian(mean, log_std), noise)
    assert torch.allclose(found.action, action, atol=1e-5)
    assert float(torch.trapezoid(found.log_prob.exp(), action[:, 0])) == pytest.approx(1.0, abs=1e-3)


def test_the_density_of_several_actions_is_the_product() -> None:
    # z = (0.5, -1): log N = -0.125 - 0.9189, -0.5 - 0.9189; log(1 - tanh^2) = log 0.78645 = -0.24023, log 0.41997
    found = squashed(Gaussian(torch.zeros(1, 2), torch.zeros(1, 2)), torch.tensor([[0.5, -1.0]]))
    expected = (-0.125 - 0.918939 + 0.240229) + (-0.5 - 0.918939 + 0.867562)
    assert float(found.log_prob) == pytest.approx(expected, abs=1e-5)


def test_every_step_costs_three_and_a_stop_pays_for_the_grasp() -> None:
    stops = torch.tensor([False, True, True])
    found = grasp_rewards(stops, torch.tensor([0.3, 0.1, 0.0]), torch.tensor([1.0, 1.0, 0.0]))
    # -3;  -3 + 1000 * 0.1 + 150 - 1;  -3 - 1
    assert found.tolist() == pytest.approx([-3.0, 246.0, -4.0], abs=1e-4)


def test_parts_are_paid_for_contacts_inside_and_not_for_collisions() -> None:
    inside = torch.tensor([[3.0, 4.0, 40.0, 100.0, 100.0]])
    colliding = torch.tensor([[0.0, 3.0, 0.0, 0.0, 4.0]])
    # not more than 3; 0.25 * 4; 0.25 * 40; no more than 40 count; more than 3 collide
    assert part_rewards(inside, colliding).tolist() == [[0.0, 1.0, 10.0, 10.0, -25.0]]


def test_a_hand_stops_by_chance_once_two_parts_touch() -> None:
    two, one = [4.0, 0.0, 9.0], [90.0, 3.0, 0.0]
    touching = torch.tensor([two, two, one, two])
    stop, draw = torch.tensor([0.6, 0.6, 1.0, -0.2]), torch.tensor([0.5, 0.7, 0.0, 0.0])
    assert stops_now(stop, draw, touching).tolist() == [True, False, False, False]


def test_targets_by_hand() -> None:
    rewards = torch.tensor([[-3.0, 10.0], [246.0, -25.0]])
    ends = torch.tensor([False, True])
    first, second = (
        torch.tensor([[100.0, 5.0, 8.0], [9.0, 9.0, 9.0]]),
        torch.tensor([[90.0, 6.0, 10.0], [9.0, 9.0, 9.0]]),
    )
    log_prob = torch.tensor([-4.0, 2.0])
    found = value_targets(rewards, ends, Values(first, second), log_prob, alpha=torch.tensor(0.5), gamma=0.9)
    # grasp: -3 + 0.9 * min(100, 90); part: its reward alone; entropy: 0.9 (min(8, 10) - 0.5 * -4)
    assert found[0].tolist() == pytest.approx([78.0, 10.0, 9.0])
    assert found[1].tolist() == [246.0, -25.0, 0.0]  # nothing follows


def test_losses_by_hand() -> None:
    first, second = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[2.0, 1.0], [3.0, 5.0]])
    target = torch.tensor([[1.0, 1.0], [1.0, 4.0]])
    # squares of the first (0, 1), (4, 0), of the second (1, 0), (4, 1): means over the batch 4.5 and 1
    assert float(critic_loss(Values(first, second), target)) == pytest.approx(5.5)
    log_prob = torch.tensor([2.0, -1.0])
    # smaller values add up to 1 + 1 and 3 + 4: mean of 0.5 * 2 - 2 and 0.5 * -1 - 7
    assert float(actor_loss(Values(first, second), log_prob, torch.tensor(0.5))) == pytest.approx(-4.25)


def test_the_temperature_grows_where_the_policy_is_too_sure() -> None:
    log_alpha = torch.zeros((), requires_grad=True)
    # entropy -log pi = -6 is below the wanted -3: descending the loss raises log alpha
    temperature_loss(log_alpha, torch.tensor([6.0]), -3.0).backward()
    assert log_alpha.grad is not None
    assert float(log_alpha.grad) == pytest.approx(-3.0)


def test_the_temperature_moves_by_how_far_the_entropy_is_off() -> None:
    log_alpha = nn.Parameter(torch.tensor(0.0))
    with pytest.raises(ValueError, match="has no gradient yet"):
        descend_plainly(log_alpha, 0.1)
    # entropy 13 above the wanted -19: the gradient is 13 - -19 = 32, of which Adam would make a step of its rate
    temperature_loss(log_alpha, torch.tensor([-13.0]), -19.0).backward()
    descend_plainly(log_alpha, 0.001)
    assert log_alpha.item() == pytest.approx(-0.032)


def test_targets_follow_slowly() -> None:
    slow, fast = nn.Linear(1, 1), nn.Linear(1, 1)
    nn.init.constant_(slow.weight, 1.0)
    nn.init.constant_(fast.weight, 3.0)
    follow_slowly(slow, fast, 0.25)
    assert float(slow.weight) == pytest.approx(1.5)
    assert float(fast.weight) == 3.0
