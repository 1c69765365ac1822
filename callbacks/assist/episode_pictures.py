"""Filmstrips of episodes: the hand on its way, closed, and after the lift."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from datamodules.rollouts.runner import EpisodeFrames
from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.pictures.hand_picture import HandPicture, grasp_camera, posed_hand, posed_object
from envs.pictures.meshes import joined
from envs.pictures.sheets import contact_sheet
from envs.pictures.view import Image

SUCCESS = 0
"""Cause of trials and episodes that ended well."""


def pick_episodes(
    cause: NDArray[np.int64], families: NDArray[np.str_], num_successes: int, num_failures: int
) -> list[int]:
    """Rows of a few episodes: failures of the worst families, then successes.

    The causes of failure take turns, the most frequent one first; each shows an episode of a family that was not shown
    yet, of these the one with the lowest success. Fewer episodes where there are not as many.

    Args:
        cause: how each episode ended (N,), index into CAUSES.
        families: family of each object (N,).
        num_successes: episodes that ended well.
        num_failures: episodes that did not.
    """
    rates, names = family_rates(cause == SUCCESS, families), families.tolist()
    failures = np.flatnonzero(cause != SUCCESS)
    found, counts = np.unique(cause[failures], return_counts=True)
    queues = [failures[cause[failures] == each].tolist() for each in found[np.argsort(-counts, kind="stable")]]
    shown: Counter[str] = Counter()
    chosen: list[int] = []
    while len(chosen) < num_failures and any(queues):
        for queue in queues:
            if queue and len(chosen) < num_failures:
                row = min(queue, key=lambda each: (shown[names[each]], rates[names[each]]))
                queue.remove(row)
                shown[names[row]] += 1
                chosen.append(row)
    return chosen + np.flatnonzero(cause == SUCCESS)[:num_successes].tolist()


def family_rates(is_success: NDArray[np.bool_], families: NDArray[np.str_]) -> dict[str, float]:
    """Share of successes by family."""
    return {name: float(is_success[families == name].mean()) for name in sorted(set(families.tolist()))}


def episode_filmstrip(
    hand: Hand,
    thing: GraspObject,
    frames: EpisodeFrames,
    row: int,
    *,
    size: int = 180,
    heading: str = "",
    titles: Sequence[str] | None = None,
    last: str = "lifted",
) -> Image:
    """One row of pictures (H, W, 3) uint8: the states that were kept of an episode, the last one after the lift.

    The camera stands still, and rises with the wrist: an object that was lifted stays where it is in the picture.

    Args:
        hand: the hand.
        thing: the object.
        frames: kept states.
        row: which episode.
        size: edge of a picture, pixels.
        heading: title of the strip.
        titles: of the pictures before the last one; their control steps when None.
        last: title of the last picture.
    """
    joint_pos, wrist_w, object_w = frames.joint_pos[:, row], frames.wrist_pose_w[:, row], frames.object_pose_w[:, row]
    hands = joined(
        [posed_hand(hand, joints, wrist) for joints, wrist in zip(joint_pos[:-1], wrist_w[:-1], strict=True)]
    )
    camera = grasp_camera(hands, posed_object(thing.vertices, thing.faces, object_w[0]), wrist_w[-2])
    rise = wrist_w[-1, :3] - wrist_w[-2, :3]
    raised = replace(camera, position=camera.position + rise, target=camera.target + rise)
    cameras = [camera] * (len(joint_pos) - 1) + [raised]
    picture = HandPicture(hand, size)
    images = [
        picture.draw(joint_pos[i], wrist_w[i], thing.vertices, thing.faces, object_w[i], camera=cameras[i])
        for i in range(len(joint_pos))
    ]
    before = [f"step {step}" for step in frames.steps] if titles is None else titles
    return contact_sheet(images, [*before, last], columns=len(images), heading=heading)


_LAST = {(True, True): "lifted", (True, False): "after the lift", (False, False): "end"}
"""Title of the last picture of an episode, by whether there was something to grasp, and whether it was lifted."""


@dataclass(frozen=True)
class PicturedEpisodes:
    """N episodes or trials of which snapshots were kept.

    Attributes:
        hand: the hand in all of them.
        grasp_objects: the object of each.
        kinds: grasp type of each.
        cause: how each ended (N,), index into ``causes``.
        causes: names, success first.
        frames: the snapshots.
        is_grasp: where there was something to grasp (N,), the only episodes of which successes are counted and shown;
            everywhere when None.
    """

    hand: Hand
    grasp_objects: Sequence[GraspObject]
    kinds: Sequence[str]
    cause: NDArray[np.int64]
    causes: Sequence[str]
    frames: EpisodeFrames
    is_grasp: NDArray[np.bool_] | None = None
    families: NDArray[np.str_] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "families", np.array([thing.family for thing in self.grasp_objects]))

    def sheet(
        self,
        num_successes: int,
        num_failures: int,
        size: int,
        *,
        titles: Sequence[str] | None = None,
        note: Callable[[int], str] = lambda _: "",
    ) -> Image | None:
        """Strips of some failures, then of successes (H, W, 3) uint8; None where there are none of either.

        Args:
            num_successes: at most so many.
            num_failures: at most so many, see `pick_episodes`.
            size: edge of a single picture, pixels.
            titles: of the pictures before the last one; their control steps when None.
            note: more to say of an episode.
        """
        is_grasp = np.ones(len(self.cause), dtype=bool) if self.is_grasp is None else self.is_grasp
        rates = family_rates(self.cause[is_grasp] == SUCCESS, self.families[is_grasp])
        rows = np.flatnonzero(is_grasp | (self.cause != SUCCESS))
        strips = []
        for row in rows[pick_episodes(self.cause[rows], self.families[rows], num_successes, num_failures)].tolist():
            thing, cause = self.grasp_objects[row], self.causes[self.cause[row]].replace("_", " ")
            rate = f"{100.0 * rates[thing.family]:.0f} %" if thing.family in rates else "no grasps"
            strips.append(
                episode_filmstrip(
                    self.hand,
                    thing,
                    self.frames,
                    row,
                    size=size,
                    heading=f"{thing.name} ({thing.family}: {rate}), {self.kinds[row]}: {cause}{note(row)}",
                    titles=titles,
                    last=_LAST[bool(is_grasp[row]), bool(self.cause[row] == SUCCESS)],
                )
            )
        return contact_sheet(strips, columns=1) if strips else None
