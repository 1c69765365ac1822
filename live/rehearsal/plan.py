"""Which trials the rehearsal has: ten household objects, two poses of each, five trials of a pose; all from a seed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datamodules.grasps.grasp_set import GraspSet
from datamodules.rollouts.grasp_targets import grasp_targets
from datamodules.rollouts.plans import PosesPlan
from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.objects.library import ObjectLibrary
from envs.task.episodes import Episodes, EpisodeSampler
from envs.task.settings import TaskSettings
from envs.task.targets import GraspTargets
from envs.wrist.patterns import generate_patterns
from envs.wrist.user_movement import UserMovement
from live.poses import Array
from live.rehearsal.disturbances import quat_product

_KNOWN = ("mug", "bottle", "bowl", "banana", "spray_bottle", "scissors")

HOUSEHOLD: dict[str, dict[str, tuple[str, ...]]] = {
    "test": {"unseen_instances": _KNOWN, "unseen_families": ("pan", "camera", "stapler", "wine_glass")},
    "development": {"development": (*_KNOWN, "hair_dryer", "watering_can", "clothes_iron", "door_knob")},
}
"""Families by split: six whose other instances were trained on, four that were not. Development is for choices."""

MAX_SHIFT = 0.08
"""Metres from the middle of the table, along x and y, within which objects are put; the cameras see 0.3."""

TABLE_MOVEMENT = UserMovement(pass_by_share=0.0, change_of_mind_share=0.0, retry_share=0.0)
"""The user of a trial: he comes to the pose that was agreed on, in his own way, and lifts."""


@dataclass(frozen=True)
class Trial:
    """One trial.

    Attributes:
        hand, grasp_object: what grasps what.
        pose, number: which of the object's poses, and which trial of it, from 1.
        object_pose_w: where the object stands (7,).
        user_pose_w: where the user wants the hand base (T + 1, 7), one row a control step.
        lift_step: row at which he begins to rise.
        grasp_type: of the stored grasp that the pose was taken from.
        seed: decides all that is drawn for the trial.
    """

    hand: Hand
    grasp_object: GraspObject
    pose: int
    number: int
    object_pose_w: Array
    user_pose_w: Array
    lift_step: int
    grasp_type: str
    seed: tuple[int, int, int, int]

    @property
    def name(self) -> str:
        """Short enough for a file."""
        return f"{self.grasp_object.name}_pose{self.pose}_trial{self.number}"


class TrialPlan:
    """The trials of a rehearsal, in the order in which they are done: first trials of all poses, then the second.

    The first object of each family, in the order of the split file, of which two poses can be reached; its poses are
    those of the two stored grasps that differ most.

    Args:
        grasps: the grasp set.
        library: its objects.
        which: ``test``, or ``development``.
        trials: of a pose.
        seed: decides everything.
        families: only these; all when None.

    Raises:
        ValueError: a name that is none of these, no trials, or a family without such an object.
    """

    def __init__(
        self, grasps: GraspSet, library: ObjectLibrary, which: str = "test", *, trials: int = 5, seed: int = 0,
        families: tuple[str, ...] | None = None,
    ) -> None:  # fmt: skip
        if which not in HOUSEHOLD or trials < 1:
            raise ValueError(f"objects {which!r}, {trials} trials; allowed {', '.join(HOUSEHOLD)}, at least 1 trial")
        known = [name for names in HOUSEHOLD[which].values() for name in names]
        wrong = [name for name in families or () if name not in known]
        if wrong:
            raise ValueError(f"family {wrong[0]!r} is not of the {which} objects; these are {', '.join(known)}")
        self._trials, self._seed = trials, seed
        self._is_test = which == "test"
        self._poses: list[GraspTargets] = []
        for split, names in HOUSEHOLD[which].items():
            part = grasps.split(split)
            for family in names:
                if families is None or family in families:
                    self._poses.append(_poses_of(part, library, family, split))

    def __len__(self) -> int:
        return 2 * self._trials * len(self._poses)

    @property
    def objects(self) -> list[str]:
        """Names of the objects."""
        return [targets.grasp_objects[0].name for targets in self._poses]

    def trials(self) -> list[Trial]:
        """All of them; what belongs to each is drawn from its own seed."""
        return [
            self._trial(index, pose, number)
            for number in range(1, self._trials + 1)
            for index in range(len(self._poses))
            for pose in (1, 2)
        ]

    def _trial(self, index: int, pose: int, number: int) -> Trial:
        targets = self._poses[index]
        seed = (self._seed, index, pose, number)
        patterns = generate_patterns().split("test" if self._is_test else "train")
        task = TaskSettings(movement=TABLE_MOVEMENT)
        sampler = EpisodeSampler(targets, patterns, mix=False, seed=seed, task=task, second_tries=False)
        episodes = sampler.of_rows(np.array([pose - 1]))
        rng = np.random.default_rng([*seed, 1])
        turn, shift = rng.uniform(-np.pi, np.pi), rng.uniform(-MAX_SHIFT, MAX_SHIFT, 2)
        object_w, wrists_w = _on_the_table(episodes, turn, shift)
        kind = targets.hand.type_names[int(targets.type_index[pose - 1])]
        return Trial(
            targets.hand, targets.grasp_objects[0], pose, number, object_w, wrists_w,
            int(episodes.lift_step[0]), kind, seed,
        )  # fmt: skip


def _poses_of(part: GraspSet, library: ObjectLibrary, family: str, split: str) -> GraspTargets:
    """Two grasps of the first object of a family that has them."""
    for name in (name for name in library.names(split) if library.family(name) == family):
        if name not in part.objects:
            continue
        own: NDArray[np.int64] = np.flatnonzero((part.object_index == part.objects.index(name)) & part.is_reachable)
        if len(own) < 2:
            continue
        targets = grasp_targets(part.rows(own), library)
        return targets.rows(PosesPlan(2).rows(targets, 0))
    raise ValueError(f"the grasp set has no {family} in the split {split} that can be reached in two poses")


def _on_the_table(episodes: Episodes, turn: float, shift: Array) -> tuple[Array, Array]:
    """Object (7,) and wrists (T + 1, 7) turned about the vertical by ``turn``, the object then at ``shift`` (2,)."""
    object_w, wrists_w = episodes.object_pose_w[0].copy(), episodes.wrist_pose_w[0].copy()
    middle = np.array([*object_w[:2], 0.0])
    by = np.array([np.cos(0.5 * turn), 0.0, 0.0, np.sin(0.5 * turn)])
    cosine, sine = np.cos(turn), np.sin(turn)
    matrix = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    for pose in (object_w, *wrists_w):
        pose[:3] = matrix @ (pose[:3] - middle) + [*shift, 0.0]
        pose[3:] = quat_product(by, pose[3:])
    return object_w, wrists_w
