"""PPO's terms by hand."""

import math

import pytest
import torch

from lightning_modules.ppo.losses import (
    clipped_share,
    clipped_surrogate,
    explained_variance,
    value_loss,
)


def test_surrogate_by_hand() -> None:
    # ratios 1.5, 1.5, 0.5, 0.5, 1.1 and advantages 1, -1, 1, -1, 2 at clip 0.2:
    # a better action is not pushed beyond 1.2 (-1.2), a worse one is pulled back from 1.5 (+1.5);
    # a better one is pulled back from 0.5 (-0.5), a worse one is not pushed below 0.8 (+0.8); inside: -1.1 * 2.
    ratio = torch.tensor([1.5, 1.5, 0.5, 0.5, 1.1])
    advantage = torch.tensor([1.0, -1.0, 1.0, -1.0, 2.0])
    loss = clipped_surrogate(ratio.log() - 3.0, torch.full((5,), -3.0), advantage, clip=0.2)
    torch.testing.assert_close(loss, torch.tensor([-1.2, 1.5, -0.5, 0.8, -2.2]))


def test_clipped_samples_have_no_gradient() -> None:
    log_prob = torch.tensor([math.log(1.5), 0.0], requires_grad=True)
    clipped_surrogate(log_prob, torch.zeros(2), torch.ones(2), clip=0.2).sum().backward()
    # d(-ratio A)/d log_prob = -ratio A = -1 at ratio 1
    torch.testing.assert_close(log_prob.grad, torch.tensor([0.0, -1.0]))


def test_clipped_share_counts_ratios_outside() -> None:
    log_prob = torch.tensor([1.5, 0.9, 0.7, 1.19]).log()
    assert float(clipped_share(log_prob, torch.zeros(4), clip=0.2)) == 0.5


def test_value_loss_by_hand() -> None:
    value, target = torch.tensor([1.0, 0.3, -0.5]), torch.tensor([1.0, 0.0, -1.0])
    torch.testing.assert_close(value_loss(value, target), torch.tensor([0.0, 0.09, 0.25]))


def test_explained_variance_of_known_critics() -> None:
    target = torch.tensor([0.0, 1.0, 2.0, 3.0])
    assert float(explained_variance(target + 5.0, target)) == 1.0  # an offset does not count
    assert float(explained_variance(torch.ones(4), target)) == 0.0
    assert float(explained_variance(0.5 * target, target)) == 0.75  # a quarter of the variance is left
    assert float(explained_variance(target, torch.ones(4))) == 0.0


def test_shapes_that_would_broadcast_are_refused() -> None:
    column, row = torch.zeros(3, 1), torch.zeros(3)
    with pytest.raises(ValueError, match=r"'value': \(3, 1\), 'target': \(3,\)}; expected \(B,\)"):
        value_loss(column, row)
    with pytest.raises(ValueError, match=r"'advantage': \(3, 1\)}; expected \(B,\)"):
        clipped_surrogate(row, row, column, clip=0.2)
    with pytest.raises(ValueError, match=r"expected \(B,\)"):
        explained_variance(column, column)


@pytest.mark.parametrize("clip", [0.0, -0.1, 1.0, float("nan")])
def test_impossible_clip_is_named(clip: float) -> None:
    with pytest.raises(ValueError, match=rf"clip is {clip}; allowed is \(0, 1.0\)"):
        clipped_surrogate(torch.zeros(1), torch.zeros(1), torch.zeros(1), clip=clip)
