"""The measures behind the tables: every way of choosing finger joints, tried in the world on the grasps of a split."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from callbacks.metrics.measures import posture_error, sample_diversity
from datamodules.grasps.baselines import NearestGrasp, blind_close, mean_joints
from datamodules.grasps.dataset import GraspTable
from datamodules.grasps.poses import absolute_pose
from envs.conventions import EPISODE_STEPS
from envs.grasp_trials import Controller, GraspTrials, follow_freely
from envs.objects.library import ObjectLibrary
from lightning_modules.followers import Follower
from lightning_modules.primitive import GraspPrimitive

Array = NDArray[np.float64]
Values = dict[str, NDArray[np.float64]]
"""One value a grasp (G,) by measure; success as 0 or 1."""

_CHUNK = 128
"""Clouds encoded at once."""


@dataclass(frozen=True)
class ConstantJoints:
    """What does not look at the object: mean joints (18,), blind close (18,), rad; and the nearest training grasp."""

    mean: Array
    blind: Array
    nearest: NearestGrasp

    @classmethod
    def of_training(cls, train: GraspTable) -> "ConstantJoints":
        """The baselines that training grasps give."""
        return cls(mean_joints(train), blind_close(), NearestGrasp(train))


@dataclass
class SplitTrials:
    """The grasps of a split in the world.

    Args:
        table: the grasps.
        library: their objects.
        on_trials: called with the number of trials done (progress).
    """

    table: GraspTable
    library: ObjectLibrary
    on_trials: Callable[[int], None] = field(default=lambda _: None)

    def __post_init__(self) -> None:
        grasps = self.table.grasps
        object_w = grasps.object_pose_w.astype(np.float64)
        things = [self.library.get(name) for name in grasps.object_names()]
        wrist_w = absolute_pose(object_w, grasps.wrist_pose_o.astype(np.float64))
        self.trials = GraspTrials(things, object_w, wrist_w, on_batch=self.on_trials)
        self.goal = grasps.joint_pos.astype(np.float64)

    def stored(self, *, with_collisions: bool = True) -> Values:
        """(a) The stored joints, placed and closed towards."""
        return self.joints("grasp_success", self.goal, placed_name="grasp_success", with_collisions=with_collisions)

    def joints(
        self, name: str, joint_pos: Array, *, placed_name: str | None = None, with_collisions: bool = True
    ) -> Values:
        """Success of given joints (G, 18), rad: placed without collisions, and closed towards with them."""
        placed = self.trials.place(joint_pos).is_lifted
        values = {placed_name or f"{name}_collisions_off": placed.astype(float)}
        if with_collisions:
            values[f"{name}_collisions_on"] = self.trials.close_towards(joint_pos).is_lifted.astype(float)
        return values

    def baselines(self, constants: ConstantJoints, *, with_collisions: bool = True) -> Values:
        """(b) mean joints, (c) blind close and (d) nearest training grasp at the stored wrist poses."""
        count = len(self.table)
        nearest = constants.nearest.joints(self.table)
        values = self.joints("constant_success", np.tile(constants.mean, (count, 1)), with_collisions=with_collisions)
        values |= self.joints("blind_success", np.tile(constants.blind, (count, 1)), with_collisions=with_collisions)
        values |= self.joints("nearest_success", nearest, with_collisions=with_collisions)
        values["constant_posture_rad"] = np.linalg.norm(constants.mean - self.goal, axis=1)
        values["nearest_posture_rad"] = np.linalg.norm(nearest - self.goal, axis=1)
        return values

    def encode(self, primitive: GraspPrimitive) -> Tensor:
        """Cloud features of all grasps (G, F)."""
        batches = [self.table.batch(rows) for rows in torch.arange(len(self.table)).split(_CHUNK)]
        return torch.cat([primitive.encode(batch.points_h, batch.object_index) for batch in batches])

    def field(
        self, name: str, primitive: GraspPrimitive, feature: Tensor, *, with_collisions: bool = True
    ) -> Values:
        """The field followed for 50 steps from the open hand, wrist at rest, then the lift; and the posture it reaches.

        Without collisions on the way the fingers pass through the object (GraspGF Table 2, "w/o coll").
        """
        controller = field_controller(primitive, feature)
        final = follow_freely(controller, len(self.table))
        values = {f"{name}_collisions_off": self.trials.place(final).is_lifted.astype(float)}
        if with_collisions:
            values[f"{name}_collisions_on"] = self.trials.follow(controller).is_lifted.astype(float)
        prefix = name.removesuffix("field_success")
        values[f"{prefix}posture_rad"] = posture_error(torch.as_tensor(final), torch.as_tensor(self.goal)).numpy()
        return values

    def samples(self, primitive: GraspPrimitive, feature: Tensor, *, num_samples: int = 4) -> Values:
        """ODE samples lifted directly (the first of each cloud), and how far the samples of a cloud lie apart."""
        generator = torch.Generator().manual_seed(0)
        parts = [primitive.sample(chunk, num_samples, generator) for chunk in feature.split(_CHUNK)]
        drawn = torch.cat(parts)
        lifted = self.trials.place(drawn[:, 0].double().numpy()).is_lifted
        return {"sample_success": lifted.astype(float), "sample_diversity_rad": sample_diversity(drawn).double().numpy()}

    def losses(self, primitive: GraspPrimitive) -> Values:
        """Denoising loss of every grasp, eq. 8."""
        with torch.no_grad():
            batches = [self.table.batch(rows) for rows in torch.arange(len(self.table)).split(_CHUNK)]
            losses = torch.cat([primitive.module.held_out_losses(batch) for batch in batches])
        return {"dsm_loss": losses.double().numpy()}


def field_controller(primitive: GraspPrimitive, feature: Tensor) -> Controller:
    """The primitive action as a controller of trials whose cloud features are ``feature`` (G, F)."""

    def controller(rows: NDArray[np.int64], joint_pos: Array, step: int) -> Array:
        joints = torch.as_tensor(joint_pos, dtype=feature.dtype)
        progress = torch.full((len(rows),), (step + 1) / EPISODE_STEPS, dtype=feature.dtype)
        return primitive.act(joints, feature[torch.as_tensor(rows)], progress).double().numpy()

    return controller


def with_follower(primitive: GraspPrimitive, follower: Follower) -> GraspPrimitive:
    """The same network, followed in another way."""
    return GraspPrimitive(primitive.module, follower)
