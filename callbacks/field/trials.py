"""The learnt field tried in the world on the grasps of a split, beside everything that a grasp set's trials give."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from callbacks.field.watch import OFF_STEPS, ON_STEPS, FieldWatcher
from datamodules.baselines.set_trials import Array, SetTrials, Values
from datamodules.types import GraspBatch
from envs.hand.hand import Hand
from envs.trials.grasp_trials import Controller, follow_freely
from lightning_modules.diffusion.samplers import Sampler
from lightning_modules.followers import Follower
from lightning_modules.primitive import GraspPrimitive

_CHUNK = 128
"""Clouds encoded at once."""


class FieldWatchers:
    """Watchers of G grasps, tried with collisions on the way and without."""

    def __init__(self, hand: Hand, count: int) -> None:
        self.off = FieldWatcher(hand, count, OFF_STEPS)
        self.on = FieldWatcher(hand, count, ON_STEPS)


@dataclass
class SplitTrials(SetTrials):
    """The grasps of a split in the world, with a primitive; arguments as for `SetTrials`."""

    def encode(self, primitive: GraspPrimitive) -> Tensor:
        """Cloud features of all grasps (G, F), on the primitive's device."""
        return torch.cat(
            [primitive.encode(batch.points_h, batch.objects, batch.table_h) for batch in self._batches(primitive)]
        )

    def field(
        self,
        name: str,
        primitive: GraspPrimitive,
        feature: Tensor,
        *,
        with_collisions: bool = True,
        watchers: FieldWatchers | None = None,
    ) -> Values:
        """The field followed from the open hand for an episode, wrist at rest, then the lift; the posture it reaches.

        Without collisions on the way the fingers pass through the object (GraspGF Table 2, "w/o coll").
        """
        off, on = (None, None) if watchers is None else (watchers.off, watchers.on)
        controller = field_controller(primitive, feature, self.trials.task.episode_steps)
        final = follow_freely(self.table.hand, controller, len(self.table), self.trials.task)
        values = {f"{name}_collisions_off": self.trials.place(final, off).is_lifted.astype(float)}
        if with_collisions:
            values[f"{name}_collisions_on"] = self.trials.follow(controller, on).is_lifted.astype(float)
        prefix = name.removesuffix("field_success")
        values[f"{prefix}posture_rad"] = torch.as_tensor(final - self.goal).norm(dim=-1).numpy()
        return values

    def samples(
        self, primitive: GraspPrimitive, feature: Tensor, *, num_samples: int = 4, sampler: Sampler | None = None
    ) -> Values:
        """Samples lifted directly (the first of each cloud), and how far the samples of a cloud lie apart.

        They are drawn by the probability-flow ODE where no sampler is given.
        """
        generator = torch.Generator().manual_seed(0)
        parts = [primitive.sample(chunk, num_samples, generator, sampler) for chunk in feature.split(_CHUNK)]
        drawn = torch.cat(parts)
        lifted = self.trials.place(drawn[:, 0].double().cpu().numpy()).is_lifted
        diversity = sample_diversity(drawn).double().cpu().numpy()
        return {"sample_success": lifted.astype(float), "sample_diversity_rad": diversity}

    def losses(self, primitive: GraspPrimitive) -> Values:
        """Denoising loss of every grasp, eq. 8."""
        with torch.no_grad():
            losses = torch.cat([primitive.module.held_out_losses(batch) for batch in self._batches(primitive)])
        return {"dsm_loss": losses.double().cpu().numpy()}

    def _batches(self, primitive: GraspPrimitive) -> Iterator[GraspBatch]:
        for rows in torch.arange(len(self.table)).split(_CHUNK):
            yield self.table.batch(rows).to(primitive.module.device)


def sample_diversity(joint_pos: Tensor) -> Tensor:
    """Mean pairwise L2 distance of the samples of one cloud, rad: (G, S, J) -> (G,)."""
    if joint_pos.ndim != 3 or joint_pos.shape[1] < 2:
        raise ValueError(f"samples have shape {tuple(joint_pos.shape)}, expected (G, S, J) with S at least 2")
    distance = torch.cdist(joint_pos, joint_pos)
    count = joint_pos.shape[1]
    return distance.sum(dim=(1, 2)) / (count * (count - 1))


def field_controller(primitive: GraspPrimitive, feature: Tensor, num_steps: int) -> Controller:
    """The primitive action as a controller of trials of so many steps whose cloud features are ``feature`` (G, F)."""

    def controller(rows: NDArray[np.int64], joint_pos: Array, step: int) -> Array:
        joints = torch.as_tensor(joint_pos).to(feature)
        elapsed = torch.full((len(rows),), (step + 1) / num_steps).to(feature)
        index = torch.as_tensor(rows, device=feature.device)
        return primitive.act(joints, feature[index], elapsed=elapsed).double().cpu().numpy()

    return controller


def with_follower(primitive: GraspPrimitive, follower: Follower) -> GraspPrimitive:
    """The same network, followed in another way."""
    return GraspPrimitive(primitive.module, follower)
