"""Ways to follow: how a human-like wrist comes to a stored grasp of an object, dwells and rises."""

import zlib
from dataclasses import dataclass

import numpy as np

from datamodules.grasps.grasp_set import GraspSet
from datamodules.rollouts.grasp_targets import grasp_targets
from envs.objects.library import ObjectLibrary
from envs.task.episodes import EpisodeSampler
from envs.task.settings import TaskSettings
from envs.wrist.movement import PatternApproach
from envs.wrist.patterns import WristPatterns, generate_patterns
from envs.wrist.strokes import minimum_jerk
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

APPROACH_S, DWELL_S, RISE_S, RISE = 2.0, 0.9, 1.0, 0.25
"""Seconds in which a wrist comes as a recorded one, rests and rises, and how far, m: as long as those of MOVEMENT."""


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
        recorded: wrist movements of people (`load_patterns`), after which the wrist comes; drawn as a user's when None.

    Raises:
        ValueError: the grasp set has none of the object.
    """

    def __init__(
        self,
        grasps: GraspSet,
        library: ObjectLibrary,
        name: str,
        period_s: float,
        seed: int,
        recorded: WristPatterns | None = None,
    ) -> None:
        targets = grasp_targets(grasps.of_object(name), library)
        self._targets = targets
        approach = None if recorded is None else PatternApproach(round(APPROACH_S / period_s))
        task = TaskSettings(movement=approach or MOVEMENT)
        seeds = (seed, zlib.crc32(name.encode()))
        self._sampler = EpisodeSampler(
            targets, recorded or generate_patterns(), mix=False, seed=seeds, task=task, period_s=period_s,
            second_tries=False,
        )  # fmt: skip
        self._period_s, self._is_recorded = period_s, recorded is not None

    def next(self) -> Way:
        """Another way."""
        episode = self._sampler.sample(1)
        rest_w = self._targets.object_pose_w[episode.grasp_row[0]]
        shift = np.zeros(7)
        shift[:2] = episode.object_pose_w[0, :2] - rest_w[:2]
        shift[:2] += rest_w[:2]  # the object to the middle
        length = int(episode.num_steps[0]) + 1
        path_w, grasp_step = episode.wrist_pose_w[0, :length] - shift, int(episode.grasp_step[0])
        if self._is_recorded:  # recordings end at the grasp
            path_w, grasp_step = np.concatenate([path_w, _lifted(path_w[-1], self._period_s)]), length - 1
        return Way(
            object_pose_w=episode.object_pose_w[0] - shift,
            wrist_pose_w=path_w,
            grasp_step=grasp_step,
        )


def _lifted(pose_w: Array, period_s: float) -> Array:
    """Poses (T, 7) of a wrist that rests and then rises."""
    rises = minimum_jerk(np.arange(1, round(RISE_S / period_s) + 1, dtype=np.float64) * period_s / RISE_S)
    heights = RISE * np.concatenate([np.zeros(round(DWELL_S / period_s)), rises])
    poses = np.tile(pose_w, (len(heights), 1))
    poses[:, 2] += heights
    return poses
