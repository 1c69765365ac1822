"""A residual policy in worlds: what it makes of observations, and how it explores there."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from datamodules.types import Decision
from envs.task.observations import Observation
from lightning_modules.composition import Composition
from lightning_modules.networks.actor_critic import ActorCritic, PolicyInput
from lightning_modules.networks.point_encoders import PointEncoder
from lightning_modules.policy.features import policy_vectors
from lightning_modules.policy.fingers import PrimitiveView
from lightning_modules.ppo.exploration import Exploration
from lightning_modules.ppo.memory import PolicyMemory


@dataclass(frozen=True)
class ResidualPolicy:
    """The parts of a residual policy that act; they remember nothing of an episode.

    Attributes:
        composition: how primitive and policy make up the action.
        encoder: the policy's own; None when it shares the primitive's feature.
        network: policy and critic.
        exploration: noise of the policy while it learns.
        critic_groups: hidden observation groups of the critic.
    """

    composition: Composition
    encoder: PointEncoder | None
    network: ActorCritic
    exploration: Exploration
    critic_groups: tuple[str, ...]

    def inputs(
        self, observation: Observation, feature: Tensor, primitive_action: Tensor, hidden: Sequence[str] = ()
    ) -> PolicyInput:
        """What is kept for learning; the cloud itself is the feature of a policy with an encoder of its own.

        Args:
            observation: what is known.
            feature: cloud feature of the primitive (E, F).
            primitive_action: a_p (E, 18).
            hidden: observation groups for the critic.
        """
        return PolicyInput(
            vectors=policy_vectors(observation, primitive_action),
            feature=feature if self.encoder is None else observation["points_h"],
            privileged=observation.flat(hidden),
        )

    def encoded(self, inputs: PolicyInput) -> PolicyInput:
        """Inputs of the network, from inputs as they are kept for learning."""
        if self.encoder is None:
            return inputs
        return PolicyInput(inputs.vectors, self.encoder(inputs.feature), inputs.privileged)

    def primitive(self, view: PrimitiveView, observation: Observation) -> tuple[Tensor, Tensor]:
        """Feature and a_p; zeros where the composition has no use for a_p."""
        feature, action = view(observation)
        return feature, action if self.composition.uses_primitive else torch.zeros_like(action)

    def mean_hand_action(self, view: PrimitiveView, observation: Observation) -> Tensor:
        """Action of the hand without exploration (E, 18)."""
        feature, primitive_action = self.primitive(view, observation)
        inputs = self.inputs(observation, feature, primitive_action)
        return self.composition(primitive_action, self.network.mean(self.encoded(inputs)))


class ExploringResidual:
    """A residual policy that explores in some worlds; see `datamodules.rollouts.actor.ExploringWorlds`.

    Args:
        policy: decides.
        view: the primitive, remembering nothing of other worlds.
        noise: exploration noise before the first step (E, A).
        draws: eps of every step (T, E, A).
    """

    def __init__(self, policy: ResidualPolicy, view: PrimitiveView, noise: Tensor, draws: Tensor) -> None:
        self._policy = policy
        self._view = view
        self._noise = noise
        self._draws = iter(draws)
        self.seconds: dict[str, float] = {}
        view.start()

    @torch.no_grad()
    def step(self, observation: Observation) -> Decision:
        """See `ExploringWorlds.step`."""
        policy = self._policy
        began = time.perf_counter()
        feature, primitive_action = policy.primitive(self._view, observation)
        self._note("primitive", began)
        inputs = policy.inputs(observation, feature, primitive_action, policy.critic_groups)
        inputs = replace(
            inputs, privileged=torch.cat([inputs.privileged, policy.exploration.state(self._noise)], dim=1)
        )
        began = time.perf_counter()
        output = policy.network(policy.encoded(inputs))
        sampled = policy.exploration.apply_draw(output.mean, self._noise, next(self._draws))
        memory = PolicyMemory(
            primitive_action=primitive_action,
            vectors=inputs.vectors,
            feature=inputs.feature,
            privileged=inputs.privileged,
            action=sampled.action,
            mean=output.mean,
            noise_before=self._noise,
            log_prob=sampled.log_prob,
            value=output.value,
        )
        self._noise = sampled.noise
        hand_action = policy.composition(primitive_action, sampled.action)
        self._note("policy", began)
        return Decision(hand_action, primitive_action, vars(memory))

    def _note(self, part: str, began: float) -> None:
        self.seconds[part] = self.seconds.get(part, 0.0) + time.perf_counter() - began


@torch.no_grad()
def explore(
    policy: ResidualPolicy, view: PrimitiveView, sizes: Sequence[int], steps: int, generator: torch.Generator
) -> list[ExploringResidual]:
    """A policy that explores in parts of the worlds; one draw for all of them, whatever the parts.

    Args:
        policy: decides.
        view: the primitive; each part gets a view of its own like it.
        sizes: worlds of each part.
        steps: control steps of an episode, T.
        generator: where the noise comes from.
    """
    worlds = list(sizes)
    noise = policy.exploration.start(sum(worlds), generator)
    draws = torch.stack([policy.exploration.draw(sum(worlds), generator) for _ in range(steps)])
    parts = zip(noise.split(worlds), draws.split(worlds, dim=1), strict=True)
    return [ExploringResidual(policy, PrimitiveView(view.primitive, view.tolerance), *part) for part in parts]
