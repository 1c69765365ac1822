"""A residual policy: what it makes of observations."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from envs.hand.hand import Hand
from envs.task.observations import Observation
from lightning_modules.composition import ActionParts, Composition
from lightning_modules.followers import Heading
from lightning_modules.networks.actor_critic import ActorCritic, PolicyInput
from lightning_modules.networks.point_encoders import PointEncoder
from lightning_modules.policy.inputs import PolicyInputs
from lightning_modules.policy.primitive_view import PrimitiveView
from lightning_modules.ppo.exploration import Exploration


@dataclass(frozen=True)
class Seen:
    """What the frozen primitive makes of an observation.

    Attributes:
        feature: what the policy reads of the cloud: the primitive's feature (E, F), or the cloud itself (E, N, 3) for a
            policy with an encoder of its own.
        heading: what the primitive wants; None where it does not enter the action.
    """

    feature: Tensor
    heading: Heading | None

    @property
    def primitive_action(self) -> Tensor | None:
        """a_p (E, J); None where it does not enter the action."""
        return None if self.heading is None else self.heading.action


@dataclass(frozen=True)
class ResidualPolicy:
    """The parts of a residual policy that act; they remember nothing of an episode.

    Attributes:
        hand: the hand that it moves.
        composition: how primitive and policy make up the action.
        inputs: what is read besides the cloud.
        encoder: the policy's own; None when it shares the primitive's feature.
        network: policy and critic.
        exploration: noise of the policy while it learns.
        critic_groups: hidden observation groups of the critic.
    """

    hand: Hand
    composition: Composition
    inputs: PolicyInputs
    encoder: PointEncoder | None
    network: ActorCritic
    exploration: Exploration
    critic_groups: tuple[str, ...]

    def here(self, observation: Observation) -> Observation:
        """The observation on the device of the networks."""
        return on_device(observation, self.network.centre.device)

    def see(self, view: PrimitiveView | None, observation: Observation, rows: Tensor | None = None) -> Seen:
        """Look at an observation `here` through the primitive, as far as the policy has a use for it.

        Args:
            view: the primitive; None without one.
            observation: of all worlds.
            rows: the worlds (K,) that something is wanted of; all when None.
        """
        uses_primitive = self.composition.uses_primitive
        if view is None or (self.encoder is not None and not uses_primitive):
            return Seen(observation["points_h"] if rows is None else observation["points_h"][rows], None)
        scene = view.scene(observation, rows)
        if rows is not None:
            scene, observation = scene[rows], observation.rows(rows)
        heading = view.heading(observation, scene) if uses_primitive else None
        feature = view.primitive.module.feature(scene)
        return Seen(feature if self.encoder is None else observation["points_h"], heading)

    def situation(self, observation: Observation, seen: Seen, noise_before: Tensor | None = None) -> PolicyInput:
        """What is kept for learning; with what only the critic reads when the noise before the step (E, A) is given."""
        hidden = observation["joint_pos"].new_zeros(len(observation), 0)
        if noise_before is not None:
            groups = [observation[name].flatten(1) for name in self.critic_groups]
            hidden = torch.cat([*groups, self.exploration.state(noise_before)], dim=1)
        objects = None if self.encoder is None else observation.objects
        return PolicyInput(self.inputs(self.hand, observation, seen.heading), seen.feature, hidden, objects)

    def encoded(self, situation: PolicyInput) -> PolicyInput:
        """Inputs of the network, from a situation as it is kept for learning."""
        if self.encoder is None:
            return situation
        spec, points_h, objects = self.encoder.grouping_spec, situation.feature, situation.objects
        grouping = None if spec is None or objects is None else objects.grouping(spec, points_h)
        return replace(situation, feature=self.encoder(points_h, grouping), objects=None)

    def mean_parts(self, view: PrimitiveView | None, observation: Observation) -> ActionParts:
        """Actions of the hands without exploration, and what they are made of."""
        observation = self.here(observation)
        seen = self.see(view, observation)
        mean = self.network.mean(self.encoded(self.situation(observation, seen)))
        return self.composition.parts(seen.heading, mean)


def on_device(observation: Observation, device: torch.device) -> Observation:
    """The observation's tensors on a device; which objects are seen stays on the CPU."""
    groups = {name: value.to(device) for name, value in observation.groups.items()}
    pose_h = observation.cloud_pose_h
    return replace(observation, groups=groups, cloud_pose_h=None if pose_h is None else pose_h.to(device))
