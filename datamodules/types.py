"""Batches that cross the border between data and learning."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self, TypeVar

import torch
from torch import Tensor

from envs.geometry.object_clouds import KnownObjects, ObjectClouds

Value = TypeVar("Value")


class Batch:
    """What frozen dataclasses of tensors share: a field is a tensor, a dictionary of tensors, another batch, or None.

    What else there is, numbers for instance, stays as it is in the first of several batches.
    """

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Self:
        """The batch on another device."""
        return each_tensor(lambda value: value.to(device, non_blocking=non_blocking), self)


def each_tensor(change: Callable[..., Tensor], *alike: Value) -> Value:
    """What becomes of values that are built alike when ``change`` makes one tensor of those in the same place.

    ``each_tensor(lambda *parts: torch.cat(parts), *batches)`` puts batches one after another.
    """
    first: Any = alike[0]
    if isinstance(first, Tensor):
        return change(*alike)  # type: ignore[return-value]
    if isinstance(first, Mapping):
        columns: Any = {name: [value[name] for value in alike] for name in first}  # type: ignore[index]
        return {name: each_tensor(change, *values) for name, values in columns.items()}  # type: ignore[return-value]
    if isinstance(first, Batch):
        names = [item.name for item in fields(first)]  # type: ignore[arg-type]
        changed = {name: each_tensor(change, *(getattr(value, name) for value in alike)) for name in names}
        return replace(first, **changed)  # type: ignore[type-var, return-value]
    return alike[0]


@dataclass(frozen=True)
class GraspBatch(Batch):
    """Grasps with what a primitive is conditioned on.

    Attributes:
        joint_pos: actuated joints normalised to [-1, 1] (B, J).
        points_h: object cloud in the hand frame, metres (B, N, 3).
        grasp_index: row of the grasp in its split (B,) long.
        objects: which objects the clouds show; None when nobody knows.
        table_h: the table in the hand frame (B, 4), see `envs.geometry.table.table_plane`; None when nobody knows.
    """

    joint_pos: Tensor
    points_h: Tensor
    grasp_index: Tensor
    objects: KnownObjects | None = None
    table_h: Tensor | None = None

    def __len__(self) -> int:
        return len(self.joint_pos)


@dataclass(frozen=True)
class Decision(Batch):
    """What an actor decided in E worlds.

    Attributes:
        hand_action: action of the hand (E, J) in [-1, 1].
        primitive_action: a_p (E, J), which rewards may be made of; None without a primitive.
        memory: what the actor's learner wants back with the rollout, by name (E, ...); nobody else looks into it.
    """

    hand_action: Tensor
    primitive_action: Tensor | None
    memory: dict[str, Tensor]


@dataclass(frozen=True)
class Rollout(Batch):
    """T control steps in each of E worlds.

    Attributes:
        hand_action: actions of the hand (T, E, J).
        reward: weighted reward (T, E).
        terms: weighted reward terms by name (T, E); they add up to ``reward``.
        is_terminal: steps after which nothing follows (T, E) bool.
        is_valid: steps that happened (T, E) bool; those after the end of a world's episode did not, and are not learnt
            from.
        measures: one value a world by name, (E,): success, translation, ...
        gate: share of the primitive's action that a teacher of timing would have taken (T, E); NaN without one.
        grip: closing action that it would have added (T, E); NaN without one.
        memory: `Decision.memory` of every step (T, E, ...).
        policy_version: rollouts that the acting policy had learnt from.
        seconds: wall-clock seconds by part: physics, primitive, policy, lift, other.
        object_row: row of each world's object in ``clouds`` (E,); -1 where the observed clouds were others.
        clouds: clouds of all objects; None when they are not known beforehand.
    """

    hand_action: Tensor
    reward: Tensor
    terms: dict[str, Tensor]
    is_terminal: Tensor
    is_valid: Tensor
    measures: dict[str, Tensor]
    gate: Tensor
    grip: Tensor
    memory: dict[str, Tensor]
    policy_version: int
    seconds: dict[str, float]
    object_row: Tensor | None = None
    clouds: ObjectClouds | None = None

    def check_policy(self, version: int) -> None:
        """Refuse to learn from the rollout of another policy than the present one, ``version``.

        Raises:
            RuntimeError: names both.
        """
        if self.policy_version != version:
            raise RuntimeError(
                f"the rollout comes from policy {self.policy_version}, the present one is {version}: the data loader "
                "fetched ahead; use RolloutDataModule with num_workers 0"
            )

    @property
    def num_agent_steps(self) -> int:
        """Steps that happened: T times E where no world ended before the others."""
        return int(self.is_valid.sum())


def concatenate_rollouts(parts: Sequence[Rollout]) -> Rollout:
    """The rollouts of parts of the worlds, collected at the same time by one policy, as one of all worlds.

    Worlds stand in the order of the parts; seconds are means over the parts.
    """
    if len(parts) == 1:
        return parts[0]
    # worlds are the second dimension, of measures the only one
    together = each_tensor(lambda *values: torch.cat(values, dim=min(1, values[0].ndim - 1)), *parts)
    seconds = {name: sum(part.seconds[name] for part in parts) / len(parts) for name in together.seconds}
    return replace(together, seconds=seconds)
