"""Demonstrations as a policy reads them."""

from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from datamodules.baselines.demonstrations import Demonstrations, demonstrated_steps
from datamodules.types import Batch
from envs.geometry.object_clouds import KnownObjects
from envs.task.targets import GraspTargets
from lightning_modules.networks.actor_critic import PolicyInput
from lightning_modules.policy.inputs import PolicyInputs


@dataclass(frozen=True)
class DemonstratedSamples(Batch):
    """B tuples, those of an episode one after another; clouds are moved into the hand frame when they are asked for.

    Attributes:
        vectors: inputs of the policy (B, D).
        action: of the hand (B, J).
        episode: which demonstration each is of (B,).
        cloud_pose_h: objects in the hand frame (B, 7).
        objects: the objects (B).
    """

    vectors: Tensor
    action: Tensor
    episode: Tensor
    cloud_pose_h: Tensor
    objects: KnownObjects

    def __len__(self) -> int:
        return len(self.action)

    def situation(self, rows: Tensor) -> PolicyInput:
        """What a policy with an encoder of its own reads of the tuples ``rows`` (K,)."""
        objects = self.objects[rows]
        points_h = objects.moved(self.cloud_pose_h[rows])
        return PolicyInput(self.vectors[rows], points_h, self.vectors.new_zeros(len(rows), 0), objects)


def demonstrated_samples(shown: Demonstrations, targets: GraspTargets, inputs: PolicyInputs) -> DemonstratedSamples:
    """The tuples of demonstrations, which are of objects of the targets; a bar shows the progress.

    Args:
        shown: the demonstrations.
        targets: know the objects and their clouds.
        inputs: what the policy reads besides the cloud.

    Raises:
        ValueError: an object that the targets do not have.
    """
    row_of = {thing.name: row for row, thing in enumerate(targets.grasp_objects)}
    unknown = [name for name in shown.objects if name not in row_of]
    if unknown:
        raise ValueError(
            f"the demonstrations are of the object {unknown[0]!r}, which is no target of training; make them again "
            "with the split file and reachable_only of the data"
        )
    rows = torch.tensor([row_of[name] for name in shown.objects])
    found = []
    with tqdm(total=len(shown), desc="looking at demonstrations", unit="tuple", leave=False) as bar:
        for step in demonstrated_steps(shown, [targets.grasp_objects[row] for row in rows.tolist()]):
            found.append((inputs(shown.hand, step.observation, None), step.action, step.episode, step.cloud_pose_h))
            bar.update(len(step.action))
    vectors, action, episode, cloud_pose_h = (torch.cat(parts) for parts in zip(*found, strict=True))
    order = episode.argsort(stable=True)
    objects = KnownObjects(targets.clouds, rows[torch.as_tensor(shown.object_index)[episode[order]]])
    return DemonstratedSamples(vectors[order], action[order], episode[order], cloud_pose_h[order], objects)
