"""The residual policy and its critic (GraspGF App. B.2)."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from envs.geometry.object_clouds import KnownObjects
from lightning_modules.networks.running_norm import RunningNorm

INPUT_LIMIT = 5.0
"""Inputs are clamped to +- this: an object that was thrown away gives numbers without bound."""

_GIVEN_BY = {
    "vectors": "an observation group, or the weights of the primitive",
    "feature": "the cloud, or the weights of the encoder",
    "privileged": "a hidden observation group",
}
"""Where an input comes from, for who looks for a number that is none."""


@dataclass(frozen=True)
class PolicyInput:
    """What policy and critic see of B situations.

    Attributes:
        vectors: joints, coupled joints, wrist history, primitive action, ... in one row (B, D).
        feature: point-cloud feature (B, F).
        privileged: what only the critic may see (B, P); (B, 0) when there is none.
        objects: whose clouds these are, for encoders that group points; None when nobody knows, or a feature is there.
    """

    vectors: Tensor
    feature: Tensor
    privileged: Tensor
    objects: KnownObjects | None = None


@dataclass(frozen=True)
class PolicyOutput:
    """Mean action (B, A) and estimated return (B,)."""

    mean: Tensor
    value: Tensor


class ActorCritic(nn.Module):
    """Two MLPs, one for the mean action and one for the return, each with its own bottleneck for the cloud feature.

    mean  = centre + S W_a MLP_a([vectors, b_a]),   value = W_c MLP_c([vectors, b_c, privileged]),
    b = ELU(W LayerNorm(feature)).

    S shapes what a step of the optimiser changes. With S = Sigma^(1/2) of the exploration's initial covariance, an
    equal step in every output costs an equal divergence. With S = 1 the directions that are hardly explored cost most
    of it, although they teach the least.

    Args:
        vector_dim: D.
        feature_dim: F.
        privileged_dim: P, 0 for a critic that sees no more than the policy.
        action_centre: mean action of the untrained policy (A,), of the composition; its length decides A.
        bottleneck: size of b; None takes the feature as it is.
        hidden_widths: widths of the hidden layers of either MLP (released code: 512).
        head_gain: gain of the orthogonal initialisation of W_a: small, so that learning starts at the centre.
        shaping: S, symmetric (A, A); the identity when None.
    Raises:
        ValueError: a size below 1, or an action centre that is not a finite vector.
    """

    centre: Tensor
    shaping: Tensor

    def __init__(
        self,
        vector_dim: int,
        feature_dim: int,
        privileged_dim: int,
        action_centre: Tensor | Sequence[float],
        bottleneck: int | None = 64,
        hidden_widths: Sequence[int] = (256, 256),
        head_gain: float = 0.01,
        shaping: Tensor | None = None,
    ) -> None:
        super().__init__()
        _check_sizes(vector_dim, feature_dim, privileged_dim, bottleneck, hidden_widths)
        centre = torch.as_tensor(action_centre, dtype=torch.float32)
        if centre.ndim != 1 or len(centre) == 0 or not bool(centre.isfinite().all()):
            raise ValueError(f"action_centre is {centre.tolist()}; expected a vector of finite numbers, one an action.")
        self.action_dim = len(centre)
        self.feature_dim = feature_dim
        self.register_buffer("centre", centre.clone())
        self.vector_norm = RunningNorm(vector_dim)
        self.privileged_norm = RunningNorm(privileged_dim)
        identity = torch.eye(self.action_dim)
        self.register_buffer("shaping", identity if shaping is None else shaping.detach().clone())
        self.squeeze_actor = _squeeze(feature_dim, bottleneck)
        self.squeeze_critic = _squeeze(feature_dim, bottleneck)
        seen = vector_dim + (feature_dim if bottleneck is None else bottleneck)
        self.actor = _mlp([seen, *hidden_widths], self.action_dim, head_gain)
        self.critic = _mlp([seen + privileged_dim, *hidden_widths], 1, 1.0)

    def critic_parameters(self) -> list[nn.Parameter]:
        """What only the value depends on."""
        return [*self.squeeze_critic.parameters(), *self.critic.parameters()]

    def begin_norms(self, inputs: PolicyInput) -> None:
        """Take inputs into those normalisations that know none yet, of vectors and of privileged."""
        for norm, values in ((self.vector_norm, inputs.vectors), (self.privileged_norm, inputs.privileged)):
            if norm.count == 0:
                norm.update(values)

    @property
    def has_norms(self) -> bool:
        """Whether any inputs were taken into the normalisation of vectors yet."""
        return bool(self.vector_norm.count > 0)

    def update_norms(self, inputs: PolicyInput) -> None:
        """Take a rollout's inputs into the normalisation of vectors and privileged; between rollouts only."""
        self.vector_norm.update(inputs.vectors)
        self.privileged_norm.update(inputs.privileged)

    def mean(self, inputs: PolicyInput) -> Tensor:
        """Mean actions (B, A) without the critic: its privileged inputs need not be there.

        Raises:
            ValueError: as for `forward`.
        """
        self._check(inputs, with_critic=False)
        mean = self.mean_unchecked(inputs)
        if not bool(mean.isfinite().all()):
            raise ValueError(_blame(inputs))
        return mean

    def forward(self, inputs: PolicyInput) -> PolicyOutput:
        """Mean actions and values.

        Raises:
            ValueError: shapes that do not fit this network, or NaN in the output; names the input it came from.
        """
        self._check(inputs)
        privileged = self.privileged_norm(inputs.privileged).clamp(-INPUT_LIMIT, INPUT_LIMIT)
        mean = self.mean_unchecked(inputs)
        seen = torch.cat([self._vectors(inputs), self.squeeze_critic(inputs.feature), privileged], dim=1)
        value = self.critic(seen).squeeze(1)
        if not bool(mean.isfinite().all() & value.isfinite().all()):
            raise ValueError(_blame(inputs))
        return PolicyOutput(mean=mean, value=value)

    def mean_unchecked(self, inputs: PolicyInput) -> Tensor:
        """Mean actions (B, A), NaN as it comes: for graphs, which cannot raise."""
        seen = torch.cat([self._vectors(inputs), self.squeeze_actor(inputs.feature)], dim=1)
        return self.centre + self.actor(seen) @ self.shaping

    def _vectors(self, inputs: PolicyInput) -> Tensor:
        vectors: Tensor = self.vector_norm(inputs.vectors).clamp(-INPUT_LIMIT, INPUT_LIMIT)
        return vectors

    def _check(self, inputs: PolicyInput, *, with_critic: bool = True) -> None:
        rows = len(inputs.vectors)
        sizes = {"vectors": self.vector_norm.size, "feature": self.feature_dim, "privileged": self.privileged_norm.size}
        if not with_critic:
            del sizes["privileged"]
        for name, size in sizes.items():
            shape = tuple(getattr(inputs, name).shape)
            if shape != (rows, size):
                raise ValueError(
                    f"{name} has shape {shape}; this policy was made for (B, {size}) with one B for all inputs. Use "
                    "the observation groups and the encoder that it was trained with."
                )


def _blame(inputs: PolicyInput) -> str:
    """Which input made the output NaN: the first that is not a number, or the weights when all are."""
    for name in ("vectors", "feature", "privileged"):
        tensor: Tensor = getattr(inputs, name)
        # clamping makes an infinite vector or privileged value harmless
        bad = ~tensor.isfinite() if name == "feature" else tensor.isnan()
        if bool(bad.any()):
            row, column = (int(index) for index in bad.nonzero()[0])
            return (
                f"the policy's output is NaN: input {name} is {tensor[row, column].item()} at row {row}, column "
                f"{column}. Find what gives it: {_GIVEN_BY[name]}."
            )
    return (
        "the policy's output is NaN although all its inputs are finite: its weights are broken. Lower the learning "
        "rate or start again from an earlier checkpoint."
    )


def _check_sizes(
    vector_dim: int, feature_dim: int, privileged_dim: int, bottleneck: int | None, hidden_widths: Sequence[int]
) -> None:
    sizes = {
        "vector_dim": vector_dim,
        "feature_dim": feature_dim,
        "bottleneck": 1 if bottleneck is None else bottleneck,
    }
    sizes |= {f"hidden_widths[{index}]": width for index, width in enumerate(hidden_widths)}
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} is {size}; at least 1 is needed.")
    if privileged_dim < 0:
        raise ValueError(f"privileged_dim is {privileged_dim}; 0 or more is needed.")


def _linear(inputs: int, outputs: int, gain: float = math.sqrt(2.0)) -> nn.Linear:
    """Orthogonal weights and no bias at first, as in most PPO implementations."""
    layer = nn.Linear(inputs, outputs)
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer


def _squeeze(feature_dim: int, bottleneck: int | None) -> nn.Module:
    if bottleneck is None:
        return nn.Identity()
    return nn.Sequential(nn.LayerNorm(feature_dim), _linear(feature_dim, bottleneck), nn.ELU())


def _mlp(widths: Sequence[int], outputs: int, head_gain: float) -> nn.Sequential:
    hidden = [part for sizes in itertools.pairwise(widths) for part in (_linear(*sizes), nn.ELU())]
    return nn.Sequential(*hidden, _linear(widths[-1], outputs, head_gain))
