"""How a policy tries things out: Gaussian noise around its mean action, correlated in time and across joints.

All classes share one law. With Sigma = L L^T of the class and the correlation rho in [0, 1),

    n_t = rho n_{t-1} + sqrt(1 - rho^2) L eps_t,   eps_t ~ N(0, I),   action_t = mean_t + n_t,

so that n_t has the covariance Sigma at every step and consecutive noises the covariance rho Sigma. Given what was done
before, n_{t-1} = action_{t-1} - mean_{t-1}, the action is exactly Gaussian:

    action_t ~ N(c_t, (1 - rho^2) Sigma),   c_t = mean_t + rho (action_{t-1} - mean_{t-1}).

The centre c_t moves with the policy's mean of the step before, too: learning that holds n_{t-1} for a given pays a mean
for what came of it, and again for what the noise that it explains away would have brought in the next step.
"""

import abc
import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from envs.hand.hand import Hand
from envs.hand.registry import load_hand

ActionHalf = Literal["scale", "residual"]
"""What a number for each joint is: the scale a_s of the primitive, or motion (the residual a_r, or all of it)."""


@dataclass(frozen=True)
class Sampled:
    """Actions drawn in E worlds.

    Attributes:
        action: mean plus noise (E, A).
        noise: n_t, to be given as ``noise_before`` at the next step (E, A).
        log_prob: of the action given the noise before (E,).
    """

    action: Tensor
    noise: Tensor
    log_prob: Tensor


class Exploration(nn.Module, abc.ABC):
    """Zero-mean Gaussian noise on actions whose covariance does not depend on the state.

    Args:
        action_dim: A, numbers in an action.
        correlation: rho in [0, 1), correlation of the noise from one control step to the next.
    Raises:
        ValueError: action_dim below 1, or a correlation outside [0, 1).
    """

    def __init__(self, action_dim: int, correlation: float) -> None:
        super().__init__()
        if action_dim < 1:
            raise ValueError(f"action_dim is {action_dim}; at least 1 is needed.")
        if not 0.0 <= correlation < 1.0:
            raise ValueError(f"correlation is {correlation}; allowed is [0, 1), 0 for noise that is white in time.")
        self.action_dim = action_dim
        self.correlation = correlation

    @abc.abstractmethod
    def factor(self) -> Tensor:
        """Lower-triangular L (A, A) with a positive diagonal, Sigma = L L^T."""

    def frozen(self) -> Tensor:
        """Copy of `factor` without gradient (A, A): the noise of a rollout, for `kl` after the parameters moved."""
        return self.factor().detach().clone()

    def root(self) -> Tensor:
        """Symmetric square root of Sigma (A, A), without gradient."""
        factor = self.frozen()
        values, vectors = torch.linalg.eigh(factor @ factor.T)
        return vectors @ torch.diag(values.clamp_min(0.0).sqrt()) @ vectors.T

    @property
    def state_dim(self) -> int:
        """Columns of `state`: A, or 0 for noise that is white in time."""
        return self.action_dim if self.correlation > 0.0 else 0

    def state(self, noise_before: Tensor) -> Tensor:
        """What n_{t-1} (E, A) says about n_t (E, `state_dim`), for critics: the return depends on it."""
        return noise_before[:, : self.state_dim]

    def std(self) -> Tensor:
        """Standard deviation of each number of an action (A,)."""
        return self.factor().norm(dim=1)

    def start(self, num_worlds: int, generator: torch.Generator | None = None) -> Tensor:
        """Noise n_{-1} before the first step of an episode (E, A): one draw of N(0, Sigma), as at any other step."""
        factor = self.factor()
        return _standard_normal((num_worlds, self.action_dim), factor, generator) @ factor.T

    def sample(self, mean: Tensor, noise_before: Tensor, generator: torch.Generator | None = None) -> Sampled:
        """One action in each world.

        Args:
            mean: mean actions of the policy (E, A).
            noise_before: n_{t-1}, from `start` or the last `Sampled` (E, A).
            generator: where eps comes from.
        Raises:
            ValueError: shapes other than (E, A).
        """
        self._check(mean=mean, noise_before=noise_before)
        return self.apply_draw(mean, noise_before, self.draw(len(mean), generator))

    def draw(self, num_worlds: int, generator: torch.Generator | None = None) -> Tensor:
        """eps_t of one step, standard normal (E, A)."""
        return _standard_normal((num_worlds, self.action_dim), self.factor(), generator)

    def apply_draw(self, mean: Tensor, noise_before: Tensor, eps: Tensor) -> Sampled:
        """`sample` with eps (E, A) that was drawn before.

        Raises:
            ValueError: shapes other than (E, A).
        """
        self._check(mean=mean, noise_before=noise_before, eps=eps)
        factor = self.factor()
        noise = self.correlation * noise_before + self._innovation * (eps @ factor.T)
        log_prob = -0.5 * eps.square().sum(-1) - self._log_normaliser(factor)
        return Sampled(action=mean + noise, noise=noise, log_prob=log_prob)

    def centre(self, mean: Tensor, noise_before: Tensor) -> Tensor:
        """c_t = mean_t + rho n_{t-1} (B, A) of means (B, A) and noise one step earlier (B, A).

        Raises:
            ValueError: shapes other than (B, A).
        """
        self._check(mean=mean, noise_before=noise_before)
        return mean + self.correlation * noise_before

    def log_prob(self, action: Tensor, centre: Tensor) -> Tensor:
        """log N(action; c_t, (1 - rho^2) Sigma) (B,), exact, of actions taken (B, A); see `centre`.

        Raises:
            ValueError: shapes other than (B, A).
        """
        self._check(action=action, centre=centre)
        factor = self.factor()
        eps = _whiten(action - centre, factor) / self._innovation
        return -0.5 * eps.square().sum(-1) - self._log_normaliser(factor)

    def entropy(self) -> Tensor:
        """Entropy of an action given the noise before, a scalar: A / 2 + log sqrt((2 pi (1 - rho^2))^A det Sigma)."""
        return 0.5 * self.action_dim + self._log_normaliser(self.factor())

    def kl(self, centre_old: Tensor, centre_new: Tensor, old: Tensor) -> Tensor:
        """KL(old || new) between the two Gaussians after the same actions, in closed form.

        1/2 [tr(Sigma_new^-1 Sigma_old) - A + log(det Sigma_new / det Sigma_old) + d^T Sigma_new^-1 d / (1 - rho^2)],
        d = centre_new - centre_old.

        Args:
            centre_old: `centre` at the time of the rollout (B, A).
            centre_new: `centre` now (B, A).
            old: `frozen` at the time of the rollout (A, A).
        Returns:
            (B,) divergences, nats.
        Raises:
            ValueError: shapes that do not fit.
        """
        self._check(centre_old=centre_old, centre_new=centre_new)
        if old.shape != (self.action_dim, self.action_dim):
            raise ValueError(
                f"old has shape {tuple(old.shape)}; expected ({self.action_dim}, {self.action_dim}), from frozen()."
            )
        new = self.factor()
        trace = torch.linalg.solve_triangular(new, old, upper=False).square().sum()
        log_ratio = 2.0 * (new.diagonal().log().sum() - old.diagonal().log().sum())
        distance = (_whiten(centre_new - centre_old, new) / self._innovation).square().sum(-1)
        return 0.5 * (trace - self.action_dim + log_ratio + distance)

    @property
    def _innovation(self) -> float:
        """sqrt(1 - rho^2): share of the noise that is new at every step."""
        return math.sqrt(1.0 - self.correlation**2)

    def _log_normaliser(self, factor: Tensor) -> Tensor:
        constant = self.action_dim * math.log(math.sqrt(2.0 * math.pi) * self._innovation)
        return factor.diagonal().log().sum() + constant

    def _check(self, **given: Tensor) -> None:
        rows = next(iter(given.values())).shape[:1]
        for name, value in given.items():
            if value.shape != (*rows, self.action_dim):
                raise ValueError(
                    f"{name} has shape {tuple(value.shape)}; expected (B, {self.action_dim}), one B for all. Choose "
                    f"the exploration's action_dim to go with the composition of actions."
                )


class IndependentNoise(Exploration):
    """A standard deviation of its own for every number of an action: Sigma = diag(std^2), as in the paper.

    Args:
        action_dim: A.
        std: initial standard deviation (released code: 0.8).
        correlation: rho.
        learn: whether PPO moves the standard deviations.
    Raises:
        ValueError: std not positive.
    """

    def __init__(self, action_dim: int = 36, std: float = 0.8, correlation: float = 0.0, learn: bool = True) -> None:
        super().__init__(action_dim, correlation)
        self.log_std = _log_parameter("std", std, (action_dim,), learn)

    def factor(self) -> Tensor:
        """diag(std) (A, A)."""
        return torch.diag(self.log_std.exp())


class StructuredNoise(Exploration):
    """Noise along a few directions in which a hand moves: Sigma = F diag(scale^2) F^T + independent^2 I.

    The columns of F (A, K), K = 1 + fingers for each half of the action, have entries -1, 0 and 1. For the scale a_s:
    all joints together, and the joints of each finger. For the residual a_r: the closing of the hand, and of each
    finger. So a whole hand can slow down, or close a little more, in one coherent trial over many steps, which
    independent noise practically never does.

    Args:
        action_dim: two numbers a joint for a_s and a_r, one for one of them; 36 or 18 for the Shadow Hand.
        half: what one number a joint is; not used for two.
        scale_std: initial scale of the factors of a_s.
        residual_std: initial scale of the factors of a_r.
        independent_std: initial standard deviation of the independent part.
        correlation: rho.
        learn: whether PPO moves the scales.
        hand: the hand, see envs.hand.registry.
    Raises:
        ValueError: another action_dim, or a scale that is not positive.
    """

    directions: Tensor

    def __init__(
        self,
        action_dim: int = 36,
        half: ActionHalf = "residual",
        scale_std: float = 0.4,
        residual_std: float = 0.2,
        independent_std: float = 0.15,
        correlation: float = 0.7,
        learn: bool = True,
        hand: str = "shadow",
    ) -> None:
        super().__init__(action_dim, correlation)
        moved = load_hand(hand)
        num_joints = moved.num_joints
        if action_dim not in (num_joints, 2 * num_joints):
            raise ValueError(
                f"action_dim is {action_dim}; structured noise knows {2 * num_joints} (a_s and a_r) and {num_joints} "
                f"(one of them) for the hand {hand}. Use IndependentNoise for other actions."
            )
        halves: tuple[ActionHalf, ...] = (half,) if action_dim == num_joints else ("scale", "residual")
        stds = {"scale": ("scale_std", scale_std), "residual": ("residual_std", residual_std)}
        directions = torch.block_diag(*(_directions(moved, name) for name in halves))
        self.register_buffer("directions", directions, persistent=False)
        count = 1 + len(moved.fingers)
        self.halves = halves
        self.log_scale = nn.ParameterDict({name: _log_parameter(*stds[name], (count,), learn) for name in halves})
        self.log_independent = _log_parameter("independent_std", independent_std, (), learn)

    def factor(self) -> Tensor:
        """Cholesky factor of Sigma (A, A)."""
        scaled = self.directions * torch.cat([self.log_scale[half].exp() for half in self.halves])
        independent = torch.eye(self.action_dim, dtype=scaled.dtype, device=scaled.device)
        return torch.linalg.cholesky(scaled @ scaled.T + (2.0 * self.log_independent).exp() * independent)


def _directions(hand: Hand, half: ActionHalf) -> Tensor:
    """Columns (J, 1 + fingers): the whole hand, then each of its fingers."""
    whole = torch.ones(hand.num_joints) if half == "scale" else torch.tensor(hand.closing).float()
    fingers = [torch.tensor([float(joint in finger.joints) for joint in hand.joints]) for finger in hand.fingers]
    return torch.stack([whole, *(whole * finger for finger in fingers)], dim=1)


def _log_parameter(name: str, value: float, shape: tuple[int, ...], learn: bool) -> nn.Parameter:
    if not (math.isfinite(value) and value > 0.0):
        raise ValueError(f"{name} is {value}; a positive number is needed.")
    return nn.Parameter(torch.full(shape, math.log(value)), requires_grad=learn)


def _standard_normal(shape: tuple[int, ...], like: Tensor, generator: torch.Generator | None) -> Tensor:
    # drawn where the generator lives, so that every device explores alike
    device = like.device if generator is None else generator.device
    return torch.randn(shape, generator=generator, dtype=like.dtype, device=device).to(like.device)


def _whiten(rows: Tensor, factor: Tensor) -> Tensor:
    """L^-1 applied to every row of (B, A)."""
    return torch.linalg.solve_triangular(factor, rows.T, upper=False).T
