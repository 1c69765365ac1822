"""What the residual policy remembers of a step until it learns from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from torch import Tensor

from datamodules.types import Batch
from envs.geometry.object_clouds import KnownObjects
from lightning_modules.networks.actor_critic import PolicyInput


@dataclass(frozen=True)
class PolicyMemory(Batch):
    """What a policy saw and did in B situations.

    Attributes:
        vectors: policy inputs in one row (B, D).
        privileged: inputs of the critic only (B, P).
        action: output of the policy, noise included (B, A).
        mean: output of the policy, without noise (B, A).
        noise_before: exploration noise of the step before (B, A).
        log_prob: log-density of the action (B,).
        value: the critic's estimate (B,).
        primitive_action: a_p (B, J); None where it does not enter the action.
        feature: cloud feature (B, F), or the cloud itself (B, N, 3) when the policy trains its own encoder; None where
            that can be made again.
        cloud_pose_h: then the poses of the objects in the hand frame (B, 7): a hundredth of a cloud's room.
        objects: whose clouds these are (B); None when nobody knows.
    """

    vectors: Tensor
    privileged: Tensor
    action: Tensor
    mean: Tensor
    noise_before: Tensor
    log_prob: Tensor
    value: Tensor
    primitive_action: Tensor | None = None
    feature: Tensor | None = None
    cloud_pose_h: Tensor | None = None
    objects: KnownObjects | None = None

    @classmethod
    def of(cls, memory: Mapping[str, Tensor], objects: KnownObjects | None = None) -> Self:
        """From what `by_name` gave."""
        columns: dict[str, Any] = dict(memory)
        return cls(**columns, objects=objects)

    def situation(self, rows: Tensor) -> PolicyInput:
        """What was seen in the situations ``rows`` (K,), the cloud itself where the policy has an encoder.

        Raises:
            ValueError: nobody knows the objects whose poses alone were kept.
        """
        objects = None if self.objects is None else self.objects[rows]
        if self.feature is not None:
            feature = self.feature[rows]
        elif objects is not None and self.cloud_pose_h is not None:
            feature = objects.moved(self.cloud_pose_h[rows])
        else:
            raise ValueError("the rollout has neither a feature nor a known object's pose; was its cloud left out?")
        return PolicyInput(self.vectors[rows], feature, self.privileged[rows], objects)

    def by_name(self) -> dict[str, Tensor]:
        """The tensors that there are, as a rollout keeps them; it knows its objects itself."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
