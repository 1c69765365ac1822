"""From noise to samples along the learnt score: the probability-flow ODE and the predictor-corrector scheme.

A sampler is configured once and takes the start explicitly, so the caller owns every random number. States are
(..., D); the score function gets times of the shape (...).
"""

import abc
from collections import deque
from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor

from lightning_modules.diffusion.losses import ScoreFn
from lightning_modules.diffusion.sde import SDE


class Sampler(abc.ABC):
    """Carries states from t = 1 down to t = eps."""

    def __init__(self, num_steps: int, eps: float) -> None:
        if num_steps < 1:
            raise ValueError(f"num_steps is {num_steps}; at least 1 is needed.")
        if not 0.0 < eps < 1.0:
            raise ValueError(f"eps is {eps}; the last diffusion time must lie above 0 and below 1.")
        self.num_steps = num_steps
        self.eps = eps

    @abc.abstractmethod
    def states(
        self, score: ScoreFn, sde: SDE, initial: Tensor, generator: torch.Generator | None = None
    ) -> Iterator[Tensor]:
        """The initial state and the state after each step, num_steps + 1 in all, one at a time."""

    def sample(self, score: ScoreFn, sde: SDE, initial: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Samples (..., D) at time eps.

        Args:
            score: conditioned score function.
            sde: the process that the score belongs to.
            initial: states at t = 1, (..., D), e.g. ``sde.sample_prior``.
            generator: source of the noise that the sampler adds; not used by the ODE.
        """
        last = deque(self.states(score, sde, initial, generator), maxlen=1)
        return last.pop()

    def trajectory(self, score: ScoreFn, sde: SDE, initial: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """All states (num_steps + 1, ..., D) from t = 1 to eps, e.g. for a filmstrip of the denoising."""
        return torch.stack(list(self.states(score, sde, initial, generator)))

    def times(self) -> list[float]:
        """The num_steps + 1 times visited, from 1 to eps, evenly spaced."""
        return torch.linspace(1.0, self.eps, self.num_steps + 1, dtype=torch.float64).tolist()


class ProbabilityFlowSampler(Sampler):
    """Solves dx/dt = f(t) x - g(t)^2 score(x, t) / 2 from t = 1 to eps (Song et al. 2021, eq. 13) by Heun's method.

    Deterministic given the start; two evaluations of the score a step.
    """

    def __init__(self, num_steps: int = 32, eps: float = 1.0e-3) -> None:
        """eps: last time."""
        super().__init__(num_steps, eps)

    def states(
        self, score: ScoreFn, sde: SDE, initial: Tensor, generator: torch.Generator | None = None
    ) -> Iterator[Tensor]:
        """States along the ODE; the generator is not used."""

        def velocity(x: Tensor, t: float) -> Tensor:
            time = _full_time(x, t)
            return sde.drift(x, time) - 0.5 * sde.diffusion(time)[..., None].square() * score(x, time)

        x = initial
        yield x
        times = self.times()
        for start, stop in pairwise(times):
            dt = stop - start
            k1 = velocity(x, start)
            k2 = velocity(x + dt * k1, start + dt)
            x = x + 0.5 * dt * (k1 + k2)
            yield x


class PredictorCorrectorSampler(Sampler):
    """Reverse-time Euler-Maruyama steps, each followed by Langevin steps (Song et al. 2021, alg. 1).

    The Langevin step size is 2 (snr std(t))^2. The paper's own rule takes it from the norms of score and noise over
    the batch, which couples the samples of a batch; for a state that is mostly noise the two agree.
    The last predictor step leaves the noise out: it would only blur the samples.
    """

    def __init__(self, num_steps: int = 200, corrector_steps: int = 1, snr: float = 0.16, eps: float = 1.0e-3) -> None:
        """corrector_steps: Langevin steps per time. snr: their signal-to-noise ratio (Song et al. 2021, app. G)."""
        super().__init__(num_steps, eps)
        if corrector_steps < 0 or not snr > 0.0:
            raise ValueError(f"corrector_steps {corrector_steps} must be at least 0 and snr {snr} above 0.")
        self.corrector_steps = corrector_steps
        self.snr = snr

    def states(
        self, score: ScoreFn, sde: SDE, initial: Tensor, generator: torch.Generator | None = None
    ) -> Iterator[Tensor]:
        """States after each prediction and its corrections; noise comes from the generator, global when None."""
        x = initial
        yield x
        times = self.times()
        for step, (start, stop) in enumerate(pairwise(times)):
            x, spread = self._predict(score, sde, x, start, stop)
            if step < self.num_steps - 1:
                x = x + spread * _noise_like(x, generator)
                for _ in range(self.corrector_steps):
                    x = self._correct(score, sde, x, stop, generator)
            yield x

    @staticmethod
    def _predict(score: ScoreFn, sde: SDE, x: Tensor, t: float, stop: float) -> tuple[Tensor, Tensor]:
        """Mean (..., D) and standard deviation (..., 1) of the state at ``stop`` (reverse SDE: f x - g^2 s, g)."""
        time = _full_time(x, t)
        g = sde.diffusion(time)[..., None]
        mean = x + (stop - t) * (sde.drift(x, time) - g.square() * score(x, time))
        return mean, g * (t - stop) ** 0.5

    def _correct(self, score: ScoreFn, sde: SDE, x: Tensor, t: float, generator: torch.Generator | None) -> Tensor:
        """One Langevin step x + h s + sqrt(2 h) z at time t."""
        time = _full_time(x, t)
        h = 2.0 * (self.snr * sde.std(time)[..., None]).square()
        return x + h * score(x, time) + (2.0 * h).sqrt() * _noise_like(x, generator)


def _noise_like(x: Tensor, generator: torch.Generator | None) -> Tensor:
    device = x.device if generator is None else generator.device  # a generator draws on its own device only
    return torch.randn(x.shape, generator=generator, dtype=x.dtype, device=device).to(x.device)


def _full_time(x: Tensor, t: float) -> Tensor:
    """t for every state of x (..., D), shape (...)."""
    return torch.full(x.shape[:-1], t, dtype=x.dtype, device=x.device)
