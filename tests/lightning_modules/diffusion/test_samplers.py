"""Samplers on densities whose score is known in closed form.

The starts are drawn from the exact density at t = 1, not from the prior: how far the prior is from it is a property of
the process (large for the paper's schedule), not of the sampler.
"""

import math

import pytest
import torch
from torch import Tensor

from lightning_modules.diffusion.samplers import PredictorCorrectorSampler, ProbabilityFlowSampler
from lightning_modules.diffusion.sde import SDE, VESDE, VPSDE, PaperSDE, SubVPSDE

ALL = [VPSDE(), SubVPSDE(), PaperSDE(), VESDE(0.01, 3.0)]
MEAN = torch.tensor([0.4, -0.3], dtype=torch.float64)
COVARIANCE = torch.tensor([[0.09, 0.03], [0.03, 0.04]], dtype=torch.float64)


def named(sde: SDE) -> str:
    return type(sde).__name__


class Mixture:
    """Mixture of Gaussians with weights (M,), means (M, D), covariances (M, D, D), noised by an SDE."""

    def __init__(self, sde: SDE, weights: list[float], means: Tensor, covariances: Tensor) -> None:
        self.sde, self.means, self.covariances = sde, means, covariances
        self.weights = torch.tensor(weights, dtype=torch.float64)

    def at(self, t: Tensor) -> torch.distributions.MixtureSameFamily:
        alpha, std = self.sde.mean_coefficient(t), self.sde.std(t)
        eye = torch.eye(self.means.shape[-1], dtype=torch.float64)
        parts = torch.distributions.MultivariateNormal(alpha * self.means, alpha**2 * self.covariances + std**2 * eye)
        return torch.distributions.MixtureSameFamily(torch.distributions.Categorical(self.weights), parts)

    def score(self, x: Tensor, t: Tensor) -> Tensor:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self.at(t[0]).log_prob(x).sum(), x)
        return gradient

    def start(self, count: int) -> Tensor:
        """Draws at t = 1, from a seed of their own."""
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return self.at(torch.ones((), dtype=torch.float64)).sample((count,))


def gaussian(sde: SDE) -> Mixture:
    return Mixture(sde, [1.0], MEAN[None], COVARIANCE[None])


def two_modes(sde: SDE) -> Mixture:
    means = torch.tensor([[-0.6, 0.0], [0.6, 0.2]], dtype=torch.float64)
    return Mixture(sde, [0.3, 0.7], means, torch.stack([0.01 * torch.eye(2, dtype=torch.float64)] * 2))


def flow_of_a_scalar_gaussian(sde: SDE, x: Tensor, mean: float, variance: float, eps: float) -> Tensor:
    """Exact probability flow from t = 1 to eps: it maps quantiles to quantiles."""
    times = torch.tensor([1.0, eps], dtype=torch.float64)
    alpha = sde.mean_coefficient(times)
    spread = (alpha**2 * variance + sde.std(times) ** 2).sqrt()
    return alpha[1] * mean + (x - alpha[0] * mean) * spread[1] / spread[0]


@pytest.mark.parametrize("sde", ALL, ids=named)
def test_error_of_the_flow_falls_with_the_square_of_the_step(sde: SDE) -> None:
    mean, variance, eps = 0.4, 0.25, 0.05

    def score(x: Tensor, t: Tensor) -> Tensor:
        alpha = sde.mean_coefficient(t)[..., None]
        return -(x - alpha * mean) / (alpha**2 * variance + sde.std(t)[..., None] ** 2)

    x = torch.tensor([[-1.0], [2.0]], dtype=torch.float64)
    exact = flow_of_a_scalar_gaussian(sde, x, mean, variance, eps)
    errors = [
        (ProbabilityFlowSampler(count, eps).sample(score, sde, x) - exact).abs().max().item() for count in (64, 128)
    ]
    # Heun is of order 2: twice the steps, a quarter of the error; higher orders shift the estimate by a few tenths.
    assert math.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.3)


@pytest.mark.parametrize("sde", ALL, ids=named)
def test_probability_flow_recovers_a_gaussian(sde: SDE) -> None:
    target = gaussian(sde)
    samples = ProbabilityFlowSampler(80, 1.0e-3).sample(target.score, sde, target.start(8000))
    # 8000 draws: standard error of a mean is at most 0.3 / 89 = 0.0034, of a variance 0.09 * sqrt(2 / 8000) = 0.0014.
    torch.testing.assert_close(samples.mean(0), MEAN, rtol=0, atol=0.014)
    torch.testing.assert_close(samples.T.cov(), COVARIANCE, rtol=0, atol=0.006)


@pytest.mark.parametrize("sde", ALL, ids=named)
def test_predictor_corrector_recovers_a_gaussian(sde: SDE) -> None:
    target = gaussian(sde)
    sampler = PredictorCorrectorSampler(num_steps=200, corrector_steps=1)
    samples = sampler.sample(target.score, sde, target.start(4000), torch.Generator().manual_seed(1))
    # As above with 4000 draws, plus the bias of 200 first-order steps.
    torch.testing.assert_close(samples.mean(0), MEAN, rtol=0, atol=0.03)
    torch.testing.assert_close(samples.T.cov(), COVARIANCE, rtol=0, atol=0.012)


@pytest.mark.parametrize("sde", ALL, ids=named)
@pytest.mark.parametrize(
    "sampler", [ProbabilityFlowSampler(60), PredictorCorrectorSampler(num_steps=150)], ids=["ode", "pc"]
)
def test_modes_keep_their_weights(sde: SDE, sampler: ProbabilityFlowSampler | PredictorCorrectorSampler) -> None:
    target = two_modes(sde)
    samples = sampler.sample(target.score, sde, target.start(4000), torch.Generator().manual_seed(2))
    right = samples[:, 0] > 0
    # Standard error of the share sqrt(0.21 / 4000) = 0.007; 0.03 leaves room for the bias of the first steps.
    assert right.double().mean().item() == pytest.approx(0.7, abs=0.03)
    torch.testing.assert_close(samples[right].mean(0), target.means[1], rtol=0, atol=0.015)
    # Every sample lies within 5 standard deviations (0.1) of its mode.
    gap = (samples[:, None] - target.means).norm(dim=-1).amin(1)
    assert gap.max() < 0.5


def test_the_same_generator_gives_the_same_samples() -> None:
    target = gaussian(VPSDE())
    sampler = PredictorCorrectorSampler(num_steps=5, corrector_steps=2)
    start = target.start(3)
    one, two, other = (
        sampler.sample(target.score, target.sde, start, torch.Generator().manual_seed(seed)) for seed in (4, 4, 5)
    )
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_noise_is_drawn_where_the_generator_is_and_moved_to_the_states() -> None:
    # a generator refuses to draw on another device; on meta, nothing would be drawn from it
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    initial = torch.zeros(2, 3, device="meta")
    sampler = PredictorCorrectorSampler(num_steps=2)
    assert sampler.sample(lambda x, t: -x, VPSDE(), initial, generator).device == initial.device
    assert not torch.equal(generator.get_state(), before)


def test_samples_do_not_depend_on_their_batch() -> None:
    target = gaussian(VPSDE())
    start = target.start(6)
    sampler = ProbabilityFlowSampler(num_steps=8)
    whole = sampler.sample(target.score, target.sde, start)
    torch.testing.assert_close(whole[:2], sampler.sample(target.score, target.sde, start[:2]))


@pytest.mark.parametrize("sampler", [ProbabilityFlowSampler(num_steps=7), PredictorCorrectorSampler(num_steps=7)])
def test_trajectory_runs_from_the_start_to_the_sample(
    sampler: ProbabilityFlowSampler | PredictorCorrectorSampler,
) -> None:
    target = gaussian(VPSDE())
    start = target.start(3)
    frames = sampler.trajectory(target.score, target.sde, start, torch.Generator().manual_seed(0))
    final = sampler.sample(target.score, target.sde, start, torch.Generator().manual_seed(0))
    assert frames.shape == (8, 3, 2)
    assert torch.equal(frames[0], start)
    assert torch.equal(frames[-1], final)


def test_extra_leading_dimensions_are_kept() -> None:
    def score(x: Tensor, t: Tensor) -> Tensor:
        assert t.shape == x.shape[:-1]
        return -x

    assert ProbabilityFlowSampler(num_steps=2).sample(score, VPSDE(), torch.randn(4, 3, 2)).shape == (4, 3, 2)


def test_senseless_settings_are_refused() -> None:
    with pytest.raises(ValueError, match=r"num_steps is 0; at least 1"):
        ProbabilityFlowSampler(num_steps=0)
    with pytest.raises(ValueError, match=r"eps is 1.0; the last diffusion time"):
        ProbabilityFlowSampler(eps=1.0)
    with pytest.raises(ValueError, match=r"snr 0.0 above 0"):
        PredictorCorrectorSampler(snr=0.0)
