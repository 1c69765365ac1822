"""Outcomes of episodes kept on disk as they come, so that a long evaluation goes on where it was killed."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from callbacks.store.arrays import Arrays, ArrayStore, digest
from datamodules.rollouts.runner import EpisodeFrames
from envs.task.episodes import Episodes
from envs.task.outcomes import EpisodeOutcome
from envs.task.targets import GraspTargets

FRAMES = ("joint_pos", "wrist_pose_w", "object_pose_w")
"""Arrays of `EpisodeFrames`."""

_COLUMNS = tuple(item.name for item in fields(EpisodeOutcome))


def episodes_digest(episodes: Episodes) -> str:
    """Stands for the objects, their clouds, the wrist's ways and the grasps to come."""
    clouds = {thing.name: digest(thing.cloud) for thing in {thing.name: thing for thing in episodes.things}.values()}
    return digest(
        [thing.name for thing in episodes.things], clouds, episodes.object_pose_w, episodes.wrist_pose_w,
        episodes.goal_joint_pos, episodes.arrival_step,
    )  # fmt: skip


def targets_digest(targets: GraspTargets) -> str:
    """Stands for the grasps that scripts are made from."""
    names = [targets.things[index].name for index in targets.object_index]
    return digest(names, targets.object_pose_w, targets.wrist_pose_w, targets.joint_pos)


@dataclass(frozen=True)
class StoredPart:
    """Outcomes of some episodes, and the snapshots that were kept of them (F, E, ...), where any were."""

    outcome: EpisodeOutcome
    frames: Arrays


class OutcomeStore:
    """A folder with one file for each part of an evaluation, named after what decides its content.

    Args:
        folder: made when first written to.
    """

    def __init__(self, folder: Path) -> None:
        self._arrays = ArrayStore(folder)

    def __str__(self) -> str:
        return str(self._arrays.folder)

    def load(self, key: str, frames: EpisodeFrames | None = None) -> StoredPart | None:
        """What was kept under ``key``; None when nothing was, or other snapshots than ``frames`` are wanted."""
        content = self._arrays.load(key)
        if content is None or not set(_COLUMNS) <= set(content):
            return None
        kept = {name: content[f"frames_{name}"] for name in FRAMES if f"frames_{name}" in content}
        if frames is not None and (not kept or tuple(content["frame_steps"].tolist()) != frames.steps):
            return None
        return StoredPart(EpisodeOutcome(**{name: content[name] for name in _COLUMNS}), kept)

    def save(self, key: str, outcome: EpisodeOutcome, frames: EpisodeFrames | None = None) -> None:
        """Keep outcomes, and snapshots where given."""
        columns: Arrays = {name: getattr(outcome, name) for name in _COLUMNS}
        if frames is not None:
            columns |= {f"frames_{name}": getattr(frames, name) for name in FRAMES}
            columns["frame_steps"] = np.array(frames.steps)
        self._arrays.save(key, columns)
