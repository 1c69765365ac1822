"""Ways to follow: how a human-like wrist comes to a stored grasp of an object, dwells and rises."""

import zlib
from dataclasses import dataclass

import numpy as np

from datamodules.grasps.grasp_set import GraspSet
from datamodules.rollouts.grasp_targets import grasp_targets
from envs.objects.library import ObjectLibrary
from envs.task.episodes import EpisodeSampler
from envs.task.settings import TaskSettings
from envs.wrist.patterns import generate_patterns
from envs.wrist.user_movement import UserMovement
from live.poses import Array

MOVEMENT = UserMovement(
    pass_by_share=0.0,
    change_of_mind_share=0.0,
    retry_share=0.0,
    hesitation_share=0.0,
    stop_share=0.0,
    overshoot_share=0.0,
    start_distance=(0.2, 0.28),
    duration_s=(1.6, 2.2),
    dwell_s=(0.8, 1.0),
    rise=(0.25, 0.25),
    tremor=0.0,
)
"""A visitor who knows what he wants."""


@dataclass(frozen=True)
class Way:
    """A way to a grasp.

    Attributes:
        object_pose_w: where the object stands (7,), in the middle of the table.
        wrist_pose_w: the wrist, one pose a control step, from afar to lifted (T, 7).
        grasp_step: the step at which it rests at the grasp.
    """

    object_pose_w: Array
    wrist_pose_w: Array
    grasp_step: int


class Ways:
    """Ways to grasps of an object, another one each time.

    Args:
        grasps: the grasps.
        library: gives the objects.
        name: of an object of both.
        period_s: seconds of a control step.
        seed: decides which.

    Raises:
        ValueError: the grasp set has none of the object.
    """

    def __init__(self, grasps: GraspSet, library: ObjectLibrary, name: str, period_s: float, seed: int) -> None:
        targets = grasp_targets(grasps.of_object(name), library)
        self._targets = targets
        task = TaskSettings(movement=MOVEMENT)
        seeds = (seed, zlib.crc32(name.encode()))
        self._sampler = EpisodeSampler(
            targets, generate_patterns(), mix=False, seed=seeds, task=task, period_s=period_s, second_tries=False
        )

    def next(self) -> Way:
        """Another way."""
        episode = self._sampler.sample(1)
        rest_w = self._targets.object_pose_w[episode.grasp_row[0]]
        shift = np.zeros(7)
        shift[:2] = episode.object_pose_w[0, :2] - rest_w[:2]
        shift[:2] += rest_w[:2]  # the object to the middle
        length = int(episode.num_steps[0]) + 1
        return Way(
            object_pose_w=episode.object_pose_w[0] - shift,
            wrist_pose_w=episode.wrist_pose_w[0, :length] - shift,
            grasp_step=int(episode.grasp_step[0]),
        )
