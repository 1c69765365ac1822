"""Kernels against their own moment equations, and Tweedie's estimate against a Gaussian."""

import pytest
import torch

from lightning_modules.diffusion.sde import SDE, VESDE, VPSDE, PaperSDE, SubVPSDE

ALL = [VPSDE(), SubVPSDE(), PaperSDE(), VESDE(), VPSDE(0.0, 20.0), VESDE(0.05, 3.0)]


@pytest.mark.parametrize("sde", ALL, ids=lambda sde: type(sde).__name__)
def test_kernel_solves_the_moment_equations(sde: SDE) -> None:
    # d alpha/dt = f alpha and d std^2/dt = 2 f std^2 + g^2 from t = 0, by RK4 with 400 steps; its error is far below
    # the tolerance because all schedules are smooth.
    def slope(t: float, alpha: torch.Tensor, var: torch.Tensor) -> torch.Tensor:
        time = torch.tensor(t, dtype=torch.float64)
        f, g = sde.drift_coefficient(time), sde.diffusion(time)
        return torch.stack([f * alpha, 2 * f * var + g**2])

    zero = torch.zeros((), dtype=torch.float64)
    y = torch.stack([sde.mean_coefficient(zero), sde.std(zero) ** 2])
    dt = 1.0 / 400
    for i in range(400):
        t = i * dt
        k1 = slope(t, *y)
        k2 = slope(t + dt / 2, *(y + dt / 2 * k1))
        k3 = slope(t + dt / 2, *(y + dt / 2 * k2))
        k4 = slope(t + dt, *(y + dt * k3))
        y = y + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        if i % 100 == 99:
            now = torch.tensor(t + dt, dtype=torch.float64)
            torch.testing.assert_close(y[0], sde.mean_coefficient(now), rtol=1e-7, atol=0)
            torch.testing.assert_close(y[1], sde.std(now) ** 2, rtol=1e-7, atol=0)


def test_schedules_of_the_paper_by_hand() -> None:
    # B(1) = (10 - 0.1)/2 + 0.1 = 5.05; exp(-5.05) = 0.0064093; exp(-2.525) = 0.0800584.
    one = torch.ones((), dtype=torch.float64)
    assert VPSDE().mean_coefficient(one).item() == pytest.approx(0.0800584, rel=1e-5)
    assert VPSDE().std(one).item() == pytest.approx((1 - 0.0064093) ** 0.5, rel=1e-6)
    assert PaperSDE().std(one).item() == pytest.approx(1 - 0.0064093, rel=1e-6)
    assert PaperSDE().mean_coefficient(one).item() == 1.0
    assert SubVPSDE().std(one).item() == pytest.approx(1 - 0.0064093, rel=1e-6)
    assert VESDE(0.01, 10.0).std(one).item() == pytest.approx(10.0)
    assert VESDE(0.01, 10.0).prior_std == pytest.approx(10.0)


@pytest.mark.parametrize("sde", [VPSDE(), SubVPSDE(), PaperSDE()], ids=lambda sde: type(sde).__name__)
def test_smallest_training_time_is_accurate_in_float32(sde: SDE) -> None:
    t = torch.tensor(1.0e-5)
    torch.testing.assert_close(sde.std(t).double(), sde.std(t.double()), rtol=1e-5, atol=0)
    assert sde.std(t) > 0


@pytest.mark.parametrize("sde", ALL, ids=lambda sde: type(sde).__name__)
def test_clean_estimate_is_the_posterior_mean_of_a_gaussian(sde: SDE) -> None:
    # x0 ~ N(m, v): x_t ~ N(a m, a^2 v + s^2), and E[x0 | x] = m + a v (x - a m) / (a^2 v + s^2).
    m, v = 0.3, 0.04
    t = torch.linspace(0.01, 1.0, 7, dtype=torch.float64)
    x = torch.linspace(-1.0, 1.0, 7, dtype=torch.float64)[:, None].expand(-1, 2)
    a, s = sde.mean_coefficient(t)[:, None], sde.std(t)[:, None]
    total = a**2 * v + s**2
    score = -(x - a * m) / total
    torch.testing.assert_close(sde.clean_estimate(x, score, t), m + a * v * (x - a * m) / total)


def test_perturb_mixes_data_and_noise_per_draw() -> None:
    sde = VPSDE()
    t = torch.tensor([[0.2, 0.9]])
    x0, z = torch.full((1, 2, 3), 2.0), torch.full((1, 2, 3), -1.0)
    expected = 2.0 * sde.mean_coefficient(t) - sde.std(t)
    torch.testing.assert_close(sde.perturb(x0, t, z), expected[..., None].expand(-1, -1, 3))


def test_prior_has_the_stated_spread_and_follows_the_generator() -> None:
    sde = VESDE(0.01, 4.0)
    draws = [sde.sample_prior((4000, 5), generator=torch.Generator().manual_seed(7)) for _ in range(2)]
    assert torch.equal(draws[0], draws[1])
    # 20,000 draws: relative standard error of the std is 1 / sqrt(2 * 20000) = 0.5 %; 2 % is four of them.
    assert draws[0].std().item() == pytest.approx(4.0, rel=0.02)


def test_senseless_schedules_are_refused() -> None:
    with pytest.raises(ValueError, match=r"beta_min 2.0, beta_max 1.0 \(reversed: .*\): allowed is 0 <= beta_min"):
        VPSDE(2.0, 1.0)
    with pytest.raises(ValueError, match=r"sigma_min 0.0, sigma_max 1.0: allowed is 0 < sigma_min < sigma_max"):
        VESDE(0.0, 1.0)
