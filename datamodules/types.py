"""Batches that cross the border between data and learning."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from envs.geometry.object_clouds import KnownObjects


@dataclass(frozen=True)
class GraspBatch:
    """Grasps with what a primitive is conditioned on.

    Attributes:
        joint_pos: actuated joints normalised to [-1, 1] (B, 18).
        points_h: object cloud in the hand frame, metres (B, 1024, 3).
        grasp_index: row of the grasp in its split (B,) long.
        objects: which objects the clouds show; None when nobody knows.
    """

    joint_pos: Tensor
    points_h: Tensor
    grasp_index: Tensor
    objects: KnownObjects | None = None

    def __len__(self) -> int:
        return len(self.joint_pos)

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> "GraspBatch":
        """The batch on another device."""
        own = vars(self).items()
        tensors = {name: value.to(device, non_blocking=non_blocking) for name, value in own if name != "objects"}
        return replace(self, **tensors)


@dataclass(frozen=True)
class ActorStep:
    """What an actor decided in E worlds, with everything that learning from it needs.

    Attributes:
        hand_action: action of the hand (E, 18) in [-1, 1].
        primitive_action: a_p (E, 18).
        vectors: policy inputs in one row (E, D).
        feature: cloud feature (E, F), or the cloud itself (E, N, 3) when the policy trains its own encoder.
        privileged: inputs of the critic only (E, P).
        action: output of the policy, noise included (E, A).
        mean: output of the policy, without noise (E, A).
        noise_before: exploration noise of the step before (E, A).
        log_prob: log-density of the action (E,).
        value: the critic's estimate (E,).
    """

    hand_action: Tensor
    primitive_action: Tensor
    vectors: Tensor
    feature: Tensor
    privileged: Tensor
    action: Tensor
    mean: Tensor
    noise_before: Tensor
    log_prob: Tensor
    value: Tensor


@dataclass(frozen=True)
class Rollout:
    """One episode of T control steps in each of E worlds.

    Attributes:
        steps: the actor's steps, every field with a leading T.
        reward: weighted reward (T, E).
        terms: weighted reward terms by name (T, E); they add up to ``reward``.
        is_terminal: steps after which nothing follows (T, E) bool.
        is_valid: worlds whose physics held (E,) bool; the others are failures, and not learnt from.
        measures: one value a world by name, (E,): success, translation, ...
        gate: share of the primitive's action that a teacher of timing would have taken (T, E); NaN without one.
        grip: closing action that it would have added (T, E); NaN without one.
        policy_version: rollouts that the acting policy had learnt from.
        seconds: wall-clock seconds by part: physics, primitive, policy, lift, other.
    """

    steps: ActorStep
    reward: Tensor
    terms: dict[str, Tensor]
    is_terminal: Tensor
    is_valid: Tensor
    measures: dict[str, Tensor]
    gate: Tensor
    grip: Tensor
    policy_version: int
    seconds: dict[str, float]

    @property
    def num_agent_steps(self) -> int:
        """T times E."""
        return self.reward.numel()

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> "Rollout":
        """The rollout on another device."""

        def move(value: Tensor) -> Tensor:
            return value.to(device, non_blocking=non_blocking)

        steps = ActorStep(**{item.name: move(getattr(self.steps, item.name)) for item in fields(self.steps)})
        return Rollout(
            steps=steps,
            reward=move(self.reward),
            terms={name: move(value) for name, value in self.terms.items()},
            is_terminal=move(self.is_terminal),
            is_valid=move(self.is_valid),
            measures={name: move(value) for name, value in self.measures.items()},
            gate=move(self.gate),
            grip=move(self.grip),
            policy_version=self.policy_version,
            seconds=self.seconds,
        )


def concatenate_rollouts(parts: Sequence[Rollout]) -> Rollout:
    """The rollouts of parts of the worlds, collected at the same time by one policy, as one of all worlds.

    Worlds stand in the order of the parts; seconds are means over the parts.
    """
    first = parts[0]
    if len(parts) == 1:
        return first

    def join(name: str, dim: int = 1) -> Tensor:
        return torch.cat([getattr(part, name) for part in parts], dim=dim)

    def join_all(name: str, dim: int = 1) -> dict[str, Tensor]:
        values = [getattr(part, name) for part in parts]
        return {key: torch.cat([value[key] for value in values], dim=dim) for key in values[0]}

    steps = [vars(part.steps) for part in parts]
    return Rollout(
        steps=ActorStep(**{name: torch.cat([step[name] for step in steps], dim=1) for name in steps[0]}),
        reward=join("reward"),
        terms=join_all("terms"),
        is_terminal=join("is_terminal"),
        is_valid=join("is_valid", dim=0),
        measures=join_all("measures", dim=0),
        gate=join("gate"),
        grip=join("grip"),
        policy_version=first.policy_version,
        seconds={name: sum(part.seconds[name] for part in parts) / len(parts) for name in first.seconds},
    )
