"""GAE by hand, at its two ends, and where episodes stop."""

import pytest
import torch
from torch import Tensor

from lightning_modules.ppo.advantages import generalised_advantages, standardised

REWARD = torch.tensor([[1.0, 1.0], [0.0, 0.0], [2.0, 2.0]])
VALUE = torch.tensor([[0.5, 0.5], [1.0, 1.0], [1.5, 1.5]])
LAST = torch.tensor([4.0, 4.0])


def ends(*at: tuple[int, int]) -> Tensor:
    is_terminal = torch.zeros(3, 2, dtype=torch.bool)
    for step, world in at:
        is_terminal[step, world] = True
    return is_terminal


def test_truncated_episode_keeps_bootstrap_and_terminal_one_does_not() -> None:
    # gamma = lambda = 0.5, so gamma lambda = 0.25. World 0 ends at its last step, world 1 is cut off there.
    # delta_0 = 1 + 0.5 * 1 - 0.5 = 1,  delta_1 = 0 + 0.5 * 1.5 - 1 = -0.25
    # delta_2 = 2 - 1.5 = 0.5 (terminal)          2 + 0.5 * 4 - 1.5 = 2.5 (truncated)
    # A_2     = 0.5                               2.5
    # A_1     = -0.25 + 0.25 * 0.5   = -0.125     -0.25 + 0.25 * 2.5  = 0.375
    # A_0     = 1 + 0.25 * -0.125    = 0.96875    1 + 0.25 * 0.375    = 1.09375
    found = generalised_advantages(REWARD, VALUE, LAST, ends((2, 0)), gamma=0.5, lam=0.5)
    expected = torch.tensor([[0.96875, 1.09375], [-0.125, 0.375], [0.5, 2.5]])
    torch.testing.assert_close(found.advantage, expected)
    torch.testing.assert_close(found.target, expected + VALUE)


def test_nothing_leaks_over_an_end_in_the_middle() -> None:
    # World 0 ends at step 1: A_1 = delta_1 = 0 - 1 = -1, A_0 = 1 + 0.25 * -1 = 0.75; what follows has no say.
    found = generalised_advantages(REWARD, VALUE, LAST, ends((1, 0)), gamma=0.5, lam=0.5)
    torch.testing.assert_close(found.advantage[:2, 0], torch.tensor([0.75, -1.0]))
    value = VALUE.clone()
    value[2, 0] = float("nan")
    other = generalised_advantages(REWARD, value, LAST, ends((1, 0)), gamma=0.5, lam=0.5)
    assert torch.equal(other.advantage[:2, 0], found.advantage[:2, 0])
    assert torch.equal(other.advantage[:, 1], found.advantage[:, 1])


def test_lambda_one_is_the_observed_return() -> None:
    generator = torch.Generator().manual_seed(0)
    reward, value = (torch.randn(6, 4, generator=generator, dtype=torch.float64) for _ in range(2))
    is_terminal = torch.zeros(6, 4, dtype=torch.bool)
    is_terminal[-1] = True
    found = generalised_advantages(reward, value, value[0], is_terminal, gamma=0.9, lam=1.0)
    powers = 0.9 ** torch.arange(6, dtype=torch.float64)
    torch.testing.assert_close(found.target[0], (powers[:, None] * reward).sum(0))


def test_lambda_zero_is_the_one_step_error() -> None:
    found = generalised_advantages(REWARD, VALUE, LAST, ends(), gamma=0.9, lam=0.0)
    torch.testing.assert_close(found.target, REWARD + 0.9 * torch.cat([VALUE[1:], LAST[None]]))


def test_critic_is_not_trained_through_its_targets() -> None:
    found = generalised_advantages(
        REWARD, VALUE.clone().requires_grad_(), LAST.clone().requires_grad_(), ends(), gamma=0.9, lam=0.9
    )
    assert not found.advantage.requires_grad
    assert not found.target.requires_grad


def test_standardised_by_hand() -> None:
    # mean 2, population standard deviation sqrt(2)
    found = standardised(torch.tensor([[0.0, 2.0], [2.0, 4.0]]))
    torch.testing.assert_close(found, torch.tensor([[-1.0, 0.0], [0.0, 1.0]]) * 2.0**0.5)
    assert torch.equal(standardised(torch.full((2, 2), 3.0)), torch.zeros(2, 2))


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match=r"reward has shape \(3,\); expected \(T, E\)"):
        generalised_advantages(REWARD[:, 0], VALUE, LAST, ends(), gamma=0.9, lam=0.9)
    with pytest.raises(ValueError, match=r"value has shape \(2, 2\); expected \(3, 2\)"):
        generalised_advantages(REWARD, VALUE[:2], LAST, ends(), gamma=0.9, lam=0.9)
    with pytest.raises(ValueError, match=r"last_value has shape \(1,\); expected \(2,\)"):
        generalised_advantages(REWARD, VALUE, LAST[:1], ends(), gamma=0.9, lam=0.9)
    with pytest.raises(ValueError, match=r"is_terminal has type torch.float32; expected torch.bool"):
        generalised_advantages(REWARD, VALUE, LAST, ends().float(), gamma=0.9, lam=0.9)
    with pytest.raises(ValueError, match=r"lam is 1.5; allowed is \[0, 1\]"):
        generalised_advantages(REWARD, VALUE, LAST, ends(), gamma=0.9, lam=1.5)
