"""The loss by hand, at its minimum, and over several draws."""

import pytest
import torch
from torch import Tensor

from lightning_modules.diffusion.losses import denoising_loss
from lightning_modules.diffusion.sde import SDE, VESDE, VPSDE, PaperSDE, SubVPSDE


def test_loss_by_hand() -> None:
    # VESDE(0.1, 10) at t = 0.5: std = 0.1 * 100^0.5 = 1, alpha = 1. x0 = (1, 2), z = (0.5, -1): x_t = (1.5, 1).
    # score = -x_t = (-1.5, -1); residual = 1 * score + z = (-1, -2); loss = 1 + 4 = 5.
    loss = denoising_loss(
        lambda x, t: -x,
        VESDE(0.1, 10.0),
        torch.tensor([[1.0, 2.0]]),
        t=torch.tensor([0.5]),
        z=torch.tensor([[0.5, -1.0]]),
    )
    torch.testing.assert_close(loss, torch.tensor([5.0]))


def test_equals_equation_8_as_written() -> None:
    sde = PaperSDE()
    x0, z = torch.randn(6, 18, dtype=torch.float64), torch.randn(6, 18, dtype=torch.float64)
    t = torch.linspace(0.05, 1.0, 6, dtype=torch.float64)
    std = sde.std(t)[:, None]
    noised = x0 + std * z  # J~
    # lambda(t) || s - (J - J~) / sigma^2 ||^2 with lambda = sigma^2
    expected = std.squeeze(1) ** 2 * (torch.tanh(noised) - (x0 - noised) / std**2).square().sum(1)
    torch.testing.assert_close(denoising_loss(lambda x, t: torch.tanh(x), sde, x0, t=t, z=z), expected)


@pytest.mark.parametrize("sde", [VPSDE(), SubVPSDE(), PaperSDE(), VESDE()], ids=lambda sde: type(sde).__name__)
def test_score_of_a_known_point_has_no_loss(sde: SDE) -> None:
    x0 = torch.randn(5, 3, dtype=torch.float64)

    def score(x: Tensor, t: Tensor) -> Tensor:
        return -(x - sde.mean_coefficient(t)[..., None] * x0) / sde.std(t)[..., None] ** 2

    t = torch.linspace(0.01, 1.0, 5, dtype=torch.float64)
    loss = denoising_loss(score, sde, x0, t=t, z=torch.randn(5, 3, dtype=torch.float64))
    assert loss.abs().max() < 1e-12


def test_draws_are_the_mean_of_separate_losses() -> None:
    sde = VPSDE()
    x0, t, z = torch.randn(4, 3), torch.rand(4, 5).clamp_min(0.01), torch.randn(4, 5, 3)

    def score(x: Tensor, t: Tensor) -> Tensor:
        return torch.sin(x) * t[..., None]

    separate = [denoising_loss(score, sde, x0, t=t[:, k], z=z[:, k]) for k in range(5)]
    torch.testing.assert_close(denoising_loss(score, sde, x0, t=t, z=z), torch.stack(separate).mean(0))


@pytest.mark.parametrize("bad", [0.0, -0.25, 1.5, float("nan")])
def test_time_outside_the_interval_is_named(bad: float) -> None:
    t = torch.tensor([0.5, bad])
    with pytest.raises(ValueError, match=rf"t contains {bad}; allowed is \(0, 1\]"):
        denoising_loss(lambda x, t: x, VPSDE(), torch.zeros(2, 3), t=t, z=torch.zeros(2, 3))


def test_shapes_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match=r"state0 \(2, 3\) and t \(3,\) do not fit"):
        denoising_loss(lambda x, t: x, VPSDE(), torch.zeros(2, 3), t=torch.ones(3), z=torch.zeros(3, 3))
    with pytest.raises(ValueError, match=r"z has shape \(2, 3\); expected \(2, 4, 3\)"):
        denoising_loss(lambda x, t: x, VPSDE(), torch.zeros(2, 3), t=torch.ones(2, 4), z=torch.zeros(2, 3))
