"""The graphs of a primitive or policy: plain modules from named tensors to named tensors."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from envs.conventions import MAX_JOINT_STEP
from envs.geometry.table import table_plane
from envs.hand.commands import next_command
from envs.hand.hand import Hand
from envs.physics.settings import PhysicsSettings
from envs.task.observations import Observation
from lightning_modules.followers import Heading
from lightning_modules.graphs.fields import grouping_fields, grouping_of
from lightning_modules.networks.actor_critic import PolicyInput
from lightning_modules.policy.primitive_view import closeness
from lightning_modules.policy.residual_policy import ResidualPolicy
from lightning_modules.primitive import GraspPrimitive

MAX_GAP = PhysicsSettings().max_target_gap
"""Largest distance of a joint's target from the joint, rad."""


class Graph(nn.Module):
    """A module whose arguments and results have the names of `lightning_modules.graphs.fields.FIELDS`.

    Attributes:
        inputs: names of the arguments, in their order.
        outputs: names of the results, in their order.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def named(self, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The results by name, of arguments by name; others are left alone."""
        return dict(zip(self.outputs, self(*(given[name] for name in self.inputs)), strict=True))


class EncoderGraph(Graph):
    """Cloud and table to the scene (`GraspPrimitive.encode`)."""

    outputs = ("scene",)

    def __init__(self, primitive: GraspPrimitive) -> None:
        super().__init__()
        self.module = primitive.module
        self.inputs = ("points_h", "wrist_pose_w", *grouping_fields(self.module.network.encoder.grouping_spec))

    def forward(self, points_h: Tensor, wrist_pose_w: Tensor, *groups: Tensor) -> tuple[Tensor]:
        """(scene,); see `inputs`."""
        return (self.module.encode_grouped(points_h, grouping_of(groups), table_plane(wrist_pose_w)),)


class PrimitiveGraph(Graph):
    """Scene and joints to what the primitive wants: the field with its follower."""

    inputs = ("scene", "points_h", "joint_pos")
    outputs = ("a_p", "way", "back")

    def __init__(self, primitive: GraspPrimitive) -> None:
        super().__init__()
        self.module = primitive.module
        self._primitive = primitive

    def forward(self, scene: Tensor, points_h: Tensor, joint_pos: Tensor) -> tuple[Tensor, ...]:
        """(a_p, way, back); see `inputs`."""
        near = closeness(self._primitive.hand, points_h)
        heading = self._primitive.heading(joint_pos, scene, closeness=near)
        return heading.action, heading.way, heading.back


class PolicyGraph(Graph):
    """Scene, observation and what the primitive wants to joint targets: the residual policy with its normalisers."""

    inputs = (
        "scene", "points_h", "joint_pos", "coupled_pos", "command", "wrist_history", "wrist_past", "a_p", "way", "back",
    )  # fmt: skip
    outputs = ("joint_targets", "action", "a_s", "a_r")

    def __init__(self, policy: ResidualPolicy, primitive: GraspPrimitive) -> None:
        super().__init__()
        self.network = policy.network
        self._policy = policy
        self._feature = primitive.module.feature

    def forward(self, scene: Tensor, *observed: Tensor) -> tuple[Tensor, ...]:
        """(joint_targets, action, a_s, a_r); see `inputs`."""
        hand = self._policy.hand
        given = dict(zip(self.inputs[1:], observed, strict=True))
        heading = Heading(given.pop("a_p"), given.pop("way"), given.pop("back"))
        vectors = self._policy.inputs(hand, observation_of(hand, given), heading)
        mean = self.network.mean_unchecked(PolicyInput(vectors, self._feature(scene), vectors[:, :0]))
        parts = self._policy.composition.parts(heading, mean)
        still = torch.zeros_like(parts.action)
        targets = next_command(
            given["command"],
            parts.action,
            given["joint_pos"],
            hand.limits,
            max_step=MAX_JOINT_STEP,
            max_gap=MAX_GAP,
        )
        shown = (still + 1.0 if parts.a_s is None else parts.a_s, still if parts.a_r is None else parts.a_r)
        return targets, parts.action, *shown


class ControlGraph(Graph):
    """Scene and observation to joint targets, the follower inside: all of a control step while the cloud is known."""

    inputs = PolicyGraph.inputs[:7]
    outputs = (*PolicyGraph.outputs, *PrimitiveGraph.outputs)

    def __init__(self, primitive: PrimitiveGraph, policy: PolicyGraph) -> None:
        super().__init__()
        self.primitive, self.policy = primitive, policy

    def forward(self, scene: Tensor, *observed: Tensor) -> tuple[Tensor, ...]:
        """(joint_targets, action, a_s, a_r, a_p, way, back); see `inputs`."""
        heading = self.primitive(scene, *observed[:2])
        return *self.policy(scene, *observed, *heading), *heading


class WholeGraph(Graph):
    """All of it: cloud and observation to joint targets."""

    outputs = ControlGraph.outputs

    def __init__(self, encoder: EncoderGraph, control: ControlGraph) -> None:
        super().__init__()
        self.encoder, self.control = encoder, control
        self.inputs = (*control.inputs[1:], *encoder.inputs[2:])

    def forward(self, *observed: Tensor) -> tuple[Tensor, ...]:
        """(joint_targets, action, a_s, a_r, a_p, way, back); see `inputs`."""
        seen, groups = observed[:6], observed[6:]
        points_h, history_w = seen[0], seen[4]
        return self.control(*self.encoder(points_h, history_w[:, -1], *groups), *seen)


def observation_of(hand: Hand, given: Mapping[str, Tensor]) -> Observation:
    """What a policy sees, of a graph's inputs in radians."""
    low, high = hand.coupled_limits.tensors(given["coupled_pos"])
    groups = {
        "joint_pos": hand.normalise(given["joint_pos"]),
        "coupled_pos": 2.0 * (given["coupled_pos"] - low) / (high - low) - 1.0,
        "command": hand.normalise(given["command"]),
        **{name: given[name] for name in ("wrist_history", "wrist_past", "points_h")},
    }
    return Observation(groups)


def graphs_of(primitive: GraspPrimitive, policy: ResidualPolicy | None) -> dict[str, Graph]:
    """The graphs by name: encoder and primitive; with a policy, its own, both for control, and the whole.

    Raises:
        ValueError: a policy that reads no scene of a primitive, or asks for hidden groups.
    """
    encoder, alone = EncoderGraph(primitive), PrimitiveGraph(primitive)
    if policy is None:
        return {"encoder": encoder, "primitive": alone}
    if policy.encoder is not None or not policy.composition.uses_primitive or policy.inputs.hidden_groups:
        raise ValueError(
            f"the policy has composition {type(policy.composition).__name__}, an encoder of its own: "
            f"{policy.encoder is not None}, hidden groups {list(policy.inputs.hidden_groups)}; graphs are made of "
            "policies that share the primitive's encoder and use its action, such as that of configs/residual_ppo.yaml"
        )
    own = PolicyGraph(policy, primitive)
    control = ControlGraph(alone, own)
    whole = WholeGraph(encoder, control)
    return {"encoder": encoder, "primitive": alone, "policy": own, "control": control, "whole": whole}
