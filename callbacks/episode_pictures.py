"""Filmstrips of episodes: the hand on its way, closed, and after the lift."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from datamodules.rollouts.episodes_run import EpisodeFrames
from envs.objects.grasp_object import GraspObject
from envs.outcomes import CAUSES, EpisodeOutcome
from envs.pictures.hand_picture import HandPicture, grasp_camera, posed_hand, posed_object
from envs.pictures.meshes import joined
from envs.pictures.scene import Image
from envs.pictures.sheets import contact_sheet

SUCCESS = CAUSES.index("success")


def pick_episodes(outcome: EpisodeOutcome, num_successes: int, num_failures: int) -> list[int]:
    """Rows of a few episodes: failures first, their causes taking turns (the most frequent one first), then successes.

    Fewer where there are not as many.
    """
    failures = np.flatnonzero(outcome.cause != SUCCESS)
    causes, counts = np.unique(outcome.cause[failures], return_counts=True)
    queues = [failures[outcome.cause[failures] == cause].tolist() for cause in causes[np.argsort(-counts)]]
    chosen: list[int] = []
    while len(chosen) < num_failures and any(queues):
        chosen += [queue.pop(0) for queue in queues if queue][: num_failures - len(chosen)]
    return chosen + np.flatnonzero(outcome.cause == SUCCESS)[:num_successes].tolist()


def episode_filmstrip(
    thing: GraspObject, frames: EpisodeFrames, row: int, *, size: int = 180, heading: str = "", last: str = "lifted"
) -> Image:
    """One row of pictures (H, W, 3) uint8: the states that were kept of an episode, the last one after the lift.

    The camera stands still, and rises with the wrist: an object that was lifted stays where it is in the picture.

    Args:
        thing: the object.
        frames: kept states.
        row: which episode.
        size: edge of a picture, pixels.
        heading: title of the strip.
        last: title of the last picture.
    """
    joint_pos, wrist_w, object_w = frames.joint_pos[:, row], frames.wrist_pose_w[:, row], frames.object_pose_w[:, row]
    hands = joined([posed_hand(joints, wrist) for joints, wrist in zip(joint_pos[:-1], wrist_w[:-1], strict=True)])
    camera = grasp_camera(hands, posed_object(thing.vertices, thing.faces, object_w[0]), wrist_w[-2])
    rise = wrist_w[-1, :3] - wrist_w[-2, :3]
    raised = replace(camera, position=camera.position + rise, target=camera.target + rise)
    cameras = [camera] * (len(joint_pos) - 1) + [raised]
    picture = HandPicture(size)
    images = [
        picture.draw(joint_pos[i], wrist_w[i], thing.vertices, thing.faces, object_w[i], camera=cameras[i])
        for i in range(len(joint_pos))
    ]
    titles = [*(f"step {step}" for step in frames.steps), last]
    return contact_sheet(images, titles, columns=len(images), heading=heading)


def filmstrip_sheet(strips: Sequence[Image]) -> Image:
    """Strips below one another."""
    return contact_sheet(strips, columns=1)
