"""Densities against torch's multivariate normal, samples against their stated law, structure by hand."""

import math

import pytest
import torch
from jsonargparse import ArgumentParser
from torch import Tensor
from torch.distributions import MultivariateNormal, kl_divergence

from envs.hand.shadow import shadow_hand
from lightning_modules.ppo.exploration import Exploration, IndependentNoise, StructuredNoise

HAND = shadow_hand()


def examples() -> list[Exploration]:
    """Both classes, all sizes, in float64 and away from their symmetric initial values."""
    made: list[Exploration] = [
        IndependentNoise(5, std=0.8),
        IndependentNoise(36, std=0.3, correlation=0.6),
        StructuredNoise(),
        StructuredNoise(18),
        StructuredNoise(18, half="scale", correlation=0.0),
    ]
    generator = torch.Generator().manual_seed(0)
    for exploration in made:
        exploration.double()
        with torch.no_grad():
            for parameter in exploration.parameters():
                parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return made


def name(exploration: Exploration) -> str:
    return f"{type(exploration).__name__}{exploration.action_dim}rho{exploration.correlation}"


def draw(exploration: Exploration, rows: int = 7, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, exploration.action_dim, generator=generator, dtype=torch.float64)


def conditional(exploration: Exploration, mean: Tensor, noise_before: Tensor) -> MultivariateNormal:
    """The stated law, written with torch's own distribution."""
    rho, factor = exploration.correlation, exploration.factor()
    return MultivariateNormal(mean + rho * noise_before, (1.0 - rho**2) * factor @ factor.T)


@pytest.mark.parametrize("exploration", examples(), ids=name)
def test_log_prob_and_entropy_equal_torch(exploration: Exploration) -> None:
    mean, noise, action = (draw(exploration, seed=seed) for seed in range(3))
    law = conditional(exploration, mean, noise)
    torch.testing.assert_close(exploration.log_prob(action, exploration.centre(mean, noise)), law.log_prob(action))
    torch.testing.assert_close(exploration.entropy(), law.entropy()[0])


@pytest.mark.parametrize("exploration", examples(), ids=name)
def test_sample_reports_its_own_noise_and_density(exploration: Exploration) -> None:
    mean, noise = draw(exploration), draw(exploration, seed=2)
    sampled = exploration.sample(mean, noise, torch.Generator().manual_seed(0))
    torch.testing.assert_close(sampled.action, mean + sampled.noise)
    centre = exploration.centre(mean, noise)
    torch.testing.assert_close(sampled.log_prob, exploration.log_prob(sampled.action, centre))


@pytest.mark.parametrize("exploration", examples(), ids=name)
def test_kl_equals_torch_and_vanishes_at_equality(exploration: Exploration) -> None:
    mean_old, mean_new, noise = (draw(exploration, seed=seed) for seed in range(3))
    old, law_old = exploration.frozen(), conditional(exploration, mean_old, noise)
    zero = exploration.kl(mean_old, mean_old, old)
    torch.testing.assert_close(zero, torch.zeros_like(zero), atol=1e-12, rtol=0)
    with torch.no_grad():
        for parameter in exploration.parameters():
            parameter.sub_(0.3)
    expected = kl_divergence(law_old, conditional(exploration, mean_new, noise))
    centres = [exploration.centre(mean, noise) for mean in (mean_old, mean_new)]
    torch.testing.assert_close(exploration.kl(*centres, old), expected)


@pytest.mark.parametrize("exploration", [StructuredNoise(), IndependentNoise(36, correlation=0.5)], ids=name)
def test_noise_has_its_covariance_at_every_step_and_its_correlation_between_steps(exploration: Exploration) -> None:
    generator = torch.Generator().manual_seed(3)
    worlds = 20_000
    with torch.no_grad():
        noises = [exploration.start(worlds, generator)]
        for _ in range(3):
            noises.append(exploration.sample(torch.zeros(worlds, 36), noises[-1], generator).noise)
        factor = exploration.factor()
    sigma = factor @ factor.T
    # an entry of a covariance from n draws is off by at most about sqrt(2 / n) = 0.01 of the variances (here <= 0.64);
    # the largest of 1,296 entries by 4 times that
    for noise in noises:
        torch.testing.assert_close(noise.T @ noise / worlds, sigma, atol=0.026, rtol=0)
    between = noises[3].T @ noises[2] / worlds
    torch.testing.assert_close(between, exploration.correlation * sigma, atol=0.026, rtol=0)


def test_structure_is_fingers_and_closing() -> None:
    # a_s: variance 0.4^2 (whole hand) + 0.4^2 (finger) + 0.15^2; two joints of a finger share 2 * 0.16, of two fingers
    # 0.16. a_r: 0.2^2 + 0.2^2 + 0.15^2 for a joint that closes, 0.15^2 for one that spreads.
    factor = StructuredNoise().double().frozen()
    sigma = factor @ factor.T
    ff3, ff2, mf1 = (HAND.joints.index(joint) for joint in ("FFJ3", "FFJ2", "MFJ1"))
    thumb3, thumb0 = (18 + HAND.joints.index(joint) for joint in ("THJ3", "THJ0"))
    expected = {
        (ff3, ff3): 0.3425,
        (ff3, ff2): 0.32,
        (ff2, mf1): 0.16,
        (ff2, 18 + ff2): 0.0,
        (18 + ff3, 18 + ff3): 0.0225,
        (18 + ff2, 18 + ff2): 0.1025,
        (18 + ff2, 18 + mf1): 0.04,
        (thumb3, thumb0): -0.08,  # one flexes upwards, the other downwards
    }
    for (row, column), value in expected.items():
        assert float(sigma[row, column]) == pytest.approx(value, abs=1e-6)


def test_eighteen_numbers_are_the_half_asked_for() -> None:
    both = StructuredNoise().factor()
    torch.testing.assert_close(StructuredNoise(18, half="scale").factor(), both[:18, :18])
    torch.testing.assert_close(StructuredNoise(18).factor(), both[18:, 18:])


def test_std_is_the_marginal_one() -> None:
    torch.testing.assert_close(IndependentNoise(4, std=0.8).std(), torch.full((4,), 0.8))
    assert float(StructuredNoise().std().detach()[0]) == pytest.approx(math.sqrt(0.3425), abs=1e-6)


def test_same_generator_state_gives_same_noise() -> None:
    exploration = StructuredNoise()
    first, second = (exploration.start(3, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, exploration.start(3, torch.Generator().manual_seed(6)))


@pytest.mark.parametrize("kind", [IndependentNoise, StructuredNoise])
def test_every_scale_learns_unless_told_not_to(kind: type[IndependentNoise] | type[StructuredNoise]) -> None:
    exploration = kind()
    mean, noise = torch.zeros(8, 36), torch.zeros(8, 36)
    action = torch.randn(8, 36, generator=torch.Generator().manual_seed(0))
    exploration.log_prob(action, exploration.centre(mean, noise)).sum().backward()
    assert all(p.grad is not None and bool((p.grad != 0.0).all()) for p in exploration.parameters())
    assert not any(p.requires_grad for p in kind(learn=False).parameters())


def test_frozen_does_not_follow_the_parameters() -> None:
    exploration = IndependentNoise(2, std=0.5)
    old = exploration.frozen()
    with torch.no_grad():
        exploration.log_std.add_(1.0)
    assert not old.requires_grad
    torch.testing.assert_close(old, 0.5 * torch.eye(2))


def test_action_dims_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match=r"action_dim is 20; structured noise knows 36 \(a_s and a_r\) and 18"):
        StructuredNoise(20)
    with pytest.raises(ValueError, match="action_dim is 0; at least 1"):
        IndependentNoise(0)
    exploration, wide, narrow = IndependentNoise(36), torch.zeros(2, 36), torch.zeros(2, 18)
    with pytest.raises(ValueError, match=r"mean has shape \(2, 18\); expected \(B, 36\)"):
        exploration.sample(narrow, wide)
    with pytest.raises(ValueError, match=r"noise_before has shape \(3, 36\); expected \(B, 36\), one B"):
        exploration.centre(wide, torch.zeros(3, 36))
    with pytest.raises(ValueError, match=r"old has shape \(36,\); expected \(36, 36\)"):
        exploration.kl(wide, wide, torch.ones(36))


def test_impossible_scales_are_named() -> None:
    with pytest.raises(ValueError, match=r"correlation is 1.0; allowed is \[0, 1\)"):
        StructuredNoise(correlation=1.0)
    with pytest.raises(ValueError, match=r"std is 0.0; a positive number"):
        IndependentNoise(std=0.0)
    with pytest.raises(ValueError, match="independent_std is nan; a positive number"):
        StructuredNoise(independent_std=float("nan"))


def test_a_configuration_can_choose_one() -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--noise", type=Exploration)
    arguments = ["--noise=lightning_modules.ppo.exploration.StructuredNoise", "--noise.correlation=0.5"]
    chosen = parser.instantiate(parser.parse_args(arguments)).noise
    assert isinstance(chosen, StructuredNoise)
    assert chosen.correlation == 0.5
