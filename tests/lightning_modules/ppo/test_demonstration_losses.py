"""Both published forms of L_demo, by hand."""

import pytest
import torch

from lightning_modules.ppo.demonstration_losses import (
    GraspGFDemonstrationLoss,
    OriginalDemonstrationLoss,
    normalised,
    per_episode,
)

LOG_PROB = torch.tensor([-4.0, -2.0, 0.0])
ADVANTAGE = torch.tensor([1.0, 2.0, 3.0])  # standardised: -1.22474, 0, 1.22474
EPISODE = torch.tensor([7, 7, 3])


def test_likelihoods_are_brought_between_nought_and_one() -> None:
    torch.testing.assert_close(normalised(LOG_PROB), torch.tensor([0.0, 0.5, 1.0]))
    assert not normalised(torch.ones(3)).any()


def test_an_episode_has_the_mean_of_its_steps() -> None:
    torch.testing.assert_close(per_episode(LOG_PROB, EPISODE), torch.tensor([-3.0, -3.0, 0.0]))


def test_graspgfs_form_at_the_first_minibatch_is_the_likelihood_alone() -> None:
    found = GraspGFDemonstrationLoss()(LOG_PROB, ADVANTAGE, EPISODE, 0)
    # -mean(1 [0, 0.5, 1] + 0.01 (1 - 1) (A + 1))
    torch.testing.assert_close(found, torch.tensor(-0.5))


def test_graspgfs_form_fades_from_likelihood_to_advantage() -> None:
    found = GraspGFDemonstrationLoss()(LOG_PROB, ADVANTAGE, EPISODE, 2)
    # -(0.95^2 mean([0, 0.5, 1]) + 0.01 (1 - 0.99^2) mean(A + 1)) = -(0.9025 0.5 + 0.01 0.0199 1)
    torch.testing.assert_close(found, torch.tensor(-0.451449))


def test_graspgfs_form_raises_every_likelihood() -> None:
    log_prob = LOG_PROB.clone().requires_grad_()
    GraspGFDemonstrationLoss()(log_prob, ADVANTAGE, EPISODE, 0).backward()
    # d/dx of -mean((x - min) / 4) with a fixed range
    torch.testing.assert_close(log_prob.grad, torch.full((3,), -1.0 / 12.0))


def test_the_original_weighs_most_the_episode_that_is_least_likely() -> None:
    log_prob = LOG_PROB.clone().requires_grad_()
    found = OriginalDemonstrationLoss()(log_prob, ADVANTAGE, EPISODE, 0)
    found.backward()
    # means of episodes -3, -3, 0: weights 0.1 [1, 1, 0]; -(0.1 (-4) + 0.1 (-2) + 0) / 3
    torch.testing.assert_close(found.detach(), torch.tensor(0.2))
    torch.testing.assert_close(log_prob.grad, torch.tensor([-0.1, -0.1, 0.0]) / 3.0)


def test_the_original_comes_to_weigh_by_advantage() -> None:
    found = OriginalDemonstrationLoss(l2=0.5)(LOG_PROB, ADVANTAGE, EPISODE, 2)
    # l0 l1^2 = 0.09801, l2 (1 - 0.99^2) = 0.00995; max(A + 1, 0) = 0, 1, 2.22474
    # weights 0.09801, 0.10796, 0.02214; (0.09801 4 + 0.10796 2 + 0) / 3
    torch.testing.assert_close(found, torch.tensor(0.202653), atol=1e-5, rtol=0.0)


def test_the_original_weighs_as_its_released_code() -> None:
    # lambda_0 lambda_1^k and lambda_3 (1 - lambda_2^k) of 0.1, 0.99, 0.99, 0.001; 0.99^100 = 0.36603
    assert OriginalDemonstrationLoss().weights(100) == pytest.approx((0.036603, 0.000634), abs=1e-6)
    assert OriginalDemonstrationLoss.counts_rollouts
    assert not GraspGFDemonstrationLoss.counts_rollouts


def test_graspgfs_advantage_teaches_nothing() -> None:
    log_prob = LOG_PROB.clone().requires_grad_()
    GraspGFDemonstrationLoss(l0=0.0)(log_prob, ADVANTAGE, EPISODE, 1000).backward()
    assert log_prob.grad is not None
    assert not log_prob.grad.any()


@pytest.mark.parametrize(
    "settings", [{"l0": -1.0}, {"l0": float("nan")}, {"l2": float("inf")}, {"l1": 1.1}, {"l3": -0.1}]
)
def test_weights_that_make_no_sense_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"expected l0 and l2 of at least 0, l1 and l3 in \[0, 1\]"):
        GraspGFDemonstrationLoss(**settings)
