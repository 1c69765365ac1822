"""Forward noising processes dx = f(t) x dt + g(t) dw on t in [0, 1], and their Gaussian kernels.

x_t given x_0 is normal with mean alpha(t) x_0 and standard deviation std(t). The two descriptions must agree:
    d alpha / dt = f alpha,   d std^2 / dt = 2 f std^2 + g^2        (Song et al. 2021, app. B; tested by integration).
All schedules take t of any shape and return that shape.
"""

import abc
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from envs.ranges import reversed_note


class SDE(abc.ABC):
    """A linear noising process. Subclasses give the four schedules."""

    @abc.abstractmethod
    def mean_coefficient(self, t: Tensor) -> Tensor:
        """alpha(t): what is left of x_0 in the mean of x_t."""

    @abc.abstractmethod
    def std(self, t: Tensor) -> Tensor:
        """sigma(t): standard deviation of x_t given x_0."""

    @abc.abstractmethod
    def drift_coefficient(self, t: Tensor) -> Tensor:
        """f(t) of the drift f(t) x."""

    @abc.abstractmethod
    def diffusion(self, t: Tensor) -> Tensor:
        """g(t), the coefficient of the Wiener process."""

    @property
    def prior_std(self) -> float:
        """Standard deviation of the normal prior that stands in for x_1."""
        return float(self.std(torch.ones((), dtype=torch.float64)))

    def drift(self, x: Tensor, t: Tensor) -> Tensor:
        """f(t) x for states x (..., D) at times t (...)."""
        return self.drift_coefficient(t)[..., None] * x

    def perturb(self, x0: Tensor, t: Tensor, z: Tensor) -> Tensor:
        """x_t = alpha(t) x_0 + std(t) z for x_0, z (..., D) and t (...)."""
        return self.mean_coefficient(t)[..., None] * x0 + self.std(t)[..., None] * z

    def clean_estimate(self, x: Tensor, score: Tensor, t: Tensor) -> Tensor:
        """Expected x_0 given x_t, (x_t + std(t)^2 score) / alpha(t) (Tweedie; Efron 2011).

        Args:
            x: noised states, (..., D).
            score: gradient of the log density of x_t at x, (..., D).
            t: times, (...).
        """
        return (x + self.std(t)[..., None].square() * score) / self.mean_coefficient(t)[..., None]

    def sample_prior(
        self,
        shape: Sequence[int],
        *,
        generator: torch.Generator | None = None,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        """Draws from the prior N(0, prior_std^2), of the given shape."""
        return self.prior_std * torch.randn(tuple(shape), generator=generator, dtype=dtype, device=device)


class _LinearBeta(SDE):
    """What the schedules with beta(t) = beta_min + t (beta_max - beta_min) share."""

    def __init__(self, beta_min: float = 0.1, beta_max: float = 10.0) -> None:
        """Defaults: GraspGF App. B.1.

        Raises:
            ValueError: unless 0 <= beta_min <= beta_max and beta_max > 0.
        """
        if not 0.0 <= beta_min <= beta_max or beta_max == 0.0 or not math.isfinite(beta_max):
            note = reversed_note(beta_min, beta_max)
            raise ValueError(
                f"beta_min {beta_min}, beta_max {beta_max}{note}: allowed is 0 <= beta_min <= beta_max, finite."
            )
        self.beta_min = beta_min
        self.beta_max = beta_max

    def beta(self, t: Tensor) -> Tensor:
        """beta(t)."""
        return self.beta_min + t * (self.beta_max - self.beta_min)

    def beta_integral(self, t: Tensor) -> Tensor:
        """B(t), the integral of beta from 0 to t."""
        return 0.5 * t * t * (self.beta_max - self.beta_min) + t * self.beta_min


class VPSDE(_LinearBeta):
    """Variance preserving: alpha = exp(-B/2), std^2 = 1 - exp(-B) (Song et al. 2021, eq. 33; released GraspGF)."""

    def mean_coefficient(self, t: Tensor) -> Tensor:
        """exp(-B(t) / 2)."""
        return torch.exp(-0.5 * self.beta_integral(t))

    def std(self, t: Tensor) -> Tensor:
        """sqrt(1 - exp(-B(t)))."""
        # expm1: 1 - exp(-B) has three correct digits at t = 1e-5 in float32.
        return torch.sqrt(-torch.expm1(-self.beta_integral(t)))

    def drift_coefficient(self, t: Tensor) -> Tensor:
        """-beta(t) / 2."""
        return -0.5 * self.beta(t)

    def diffusion(self, t: Tensor) -> Tensor:
        """sqrt(beta(t))."""
        return torch.sqrt(self.beta(t))


class SubVPSDE(_LinearBeta):
    """Sub-VP: alpha = exp(-B/2), std = 1 - exp(-B), g^2 = beta (1 - exp(-2B)) (Song et al. 2021, app. B)."""

    def mean_coefficient(self, t: Tensor) -> Tensor:
        """exp(-B(t) / 2)."""
        return torch.exp(-0.5 * self.beta_integral(t))

    def std(self, t: Tensor) -> Tensor:
        """1 - exp(-B(t))."""
        return -torch.expm1(-self.beta_integral(t))

    def drift_coefficient(self, t: Tensor) -> Tensor:
        """-beta(t) / 2."""
        return -0.5 * self.beta(t)

    def diffusion(self, t: Tensor) -> Tensor:
        """sqrt(beta(t) (1 - exp(-2 B(t))))."""
        return torch.sqrt(-self.beta(t) * torch.expm1(-2.0 * self.beta_integral(t)))


class PaperSDE(_LinearBeta):
    """The paper's schedule: alpha = 1, std = 1 - exp(-B) (GraspGF App. B.1, below eq. 8).

    The paper gives the kernel only. Without drift g^2 = d std^2 / dt = 2 std exp(-B) beta, which the samplers need.
    The mean never decays, so N(0, prior_std^2) is a good start only for data much narrower than prior_std (0.99).
    """

    def mean_coefficient(self, t: Tensor) -> Tensor:
        """1."""
        return torch.ones_like(t)

    def std(self, t: Tensor) -> Tensor:
        """1 - exp(-B(t))."""
        return -torch.expm1(-self.beta_integral(t))

    def drift_coefficient(self, t: Tensor) -> Tensor:
        """0."""
        return torch.zeros_like(t)

    def diffusion(self, t: Tensor) -> Tensor:
        """sqrt(2 std(t) exp(-B(t)) beta(t))."""
        return torch.sqrt(2.0 * self.std(t) * torch.exp(-self.beta_integral(t)) * self.beta(t))


class VESDE(SDE):
    """Variance exploding: alpha = 1, std = sigma_min (sigma_max / sigma_min)^t (Song et al. 2021, eq. 30).

    std(0) is sigma_min, not 0: the data are taken to carry that much noise.
    """

    def __init__(self, sigma_min: float = 0.01, sigma_max: float = 10.0) -> None:
        """Defaults: joints span [-1, 1]^18, at most 8.5 apart, so sigma_max 10 forgets them (Song & Ermon 2020).

        Raises:
            ValueError: unless 0 < sigma_min < sigma_max.
        """
        if not 0.0 < sigma_min < sigma_max or not math.isfinite(sigma_max):
            note = reversed_note(sigma_min, sigma_max)
            raise ValueError(
                f"sigma_min {sigma_min}, sigma_max {sigma_max}{note}: allowed is 0 < sigma_min < sigma_max, finite."
            )
        self.sigma_min = sigma_min
        self.sigma_max = sigma_max

    def mean_coefficient(self, t: Tensor) -> Tensor:
        """1."""
        return torch.ones_like(t)

    def std(self, t: Tensor) -> Tensor:
        """sigma_min (sigma_max / sigma_min)^t."""
        return self.sigma_min * torch.exp(t * math.log(self.sigma_max / self.sigma_min))

    def drift_coefficient(self, t: Tensor) -> Tensor:
        """0."""
        return torch.zeros_like(t)

    def diffusion(self, t: Tensor) -> Tensor:
        """std(t) sqrt(2 ln(sigma_max / sigma_min))."""
        return self.std(t) * math.sqrt(2.0 * math.log(self.sigma_max / self.sigma_min))
