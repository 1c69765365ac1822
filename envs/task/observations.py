"""What is known in each control step, as named groups; some of it hidden from policies."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from envs.conventions import NUM_CLOUD_POINTS
from envs.geometry.object_clouds import KnownObjects
from envs.hand.hand import Hand

HISTORY_LENGTH = 5
"""Wrist poses that a policy sees, the present one included (GraspGF Sec. 2)."""

PAST_S: tuple[float, ...] = (0.8, 0.6, 0.4, 0.2)
"""Seconds ago of further wrist poses, oldest first: an eighth of a second does not tell a dwell from a pause."""


@dataclass(frozen=True)
class ObservationGroup:
    """One row of the table: shape of a world's entry, whether it is hidden from policies, and what it is.

    What is told (``is_told``) is neither hidden nor sensed: policies that read it say so and are given it.

    In the shape J stands for the actuated joints of the hand, C for its coupled joints, F for its fingers, L for its
    links.
    """

    shape: tuple[int | str, ...]
    is_privileged: bool
    meaning: str
    is_told: bool = False


OBSERVATION_GROUPS: dict[str, ObservationGroup] = {
    "joint_pos": ObservationGroup(("J",), False, "actuated joints normalised to [-1, 1]"),
    "coupled_pos": ObservationGroup(("C",), False, "coupled joints normalised to [-1, 1]"),
    "wrist_history": ObservationGroup((HISTORY_LENGTH, 7), False, "last five wrist poses, world, oldest first"),
    "wrist_past": ObservationGroup((len(PAST_S), 7), False, "wrist poses 0.8, 0.6, 0.4 and 0.2 s ago, world"),
    "points_h": ObservationGroup((NUM_CLOUD_POINTS, 3), False, "object cloud in the hand frame, m"),
    "command": ObservationGroup(("J",), False, "commanded joints normalised to [-1, 1]"),
    "object_pose": ObservationGroup((7,), True, "object pose relative to the wrist"),
    "object_motion": ObservationGroup((6,), True, "how far the object has moved, m, and its linear velocity, m/s"),
    "goal_joints": ObservationGroup(("J",), True, "joints of the grasp to come, normalised"),
    "goal_wrist": ObservationGroup((6,), True, "wrist at the grasp, seen from here: position, m, rotation vector, rad"),
    "remaining": ObservationGroup((2,), True, "share of the episode, and of the way to arrival, that is left"),
    "contacts": ObservationGroup(("L",), True, "hand links that touch the object"),
    "fingertip_distance": ObservationGroup(("F",), True, "distance of each fingertip to the cloud, m"),
    "other_joints": ObservationGroup(("J",), False, "joints of another grasp of the object, normalised", is_told=True),
}
"""Every group of an observation (GraspGF Sec. 2), and the privileged ones for critics and scripted baselines."""

POLICY_GROUPS: tuple[str, ...] = tuple(
    name for name, group in OBSERVATION_GROUPS.items() if not (group.is_privileged or group.is_told)
)
"""What every policy is shown."""
PRIVILEGED_GROUPS: tuple[str, ...] = tuple(name for name, group in OBSERVATION_GROUPS.items() if group.is_privileged)
ASKED_GROUPS: tuple[str, ...] = tuple(name for name in OBSERVATION_GROUPS if name not in POLICY_GROUPS)
"""What worlds show when they are asked for it: hidden groups, and what some policies are told."""


def check_groups(names: Sequence[str], *, for_policy: bool) -> None:
    """Refuse names that are not in the table, and hidden state for a policy.

    Raises:
        ValueError: names the group and those allowed.
    """
    for name in names:
        if name not in OBSERVATION_GROUPS:
            raise ValueError(f"observation group {name!r} is unknown; available: {', '.join(OBSERVATION_GROUPS)}")
        if for_policy and OBSERVATION_GROUPS[name].is_privileged:
            raise ValueError(
                f"observation group {name!r} is privileged: {OBSERVATION_GROUPS[name].meaning}; a policy may see "
                f"{', '.join(POLICY_GROUPS)}. Give it to the critic instead"
            )


@dataclass(frozen=True)
class Observation:
    """What is known of E worlds.

    Attributes:
        groups: float32 tensors by name, (E, *group_shape).
        objects: which objects the clouds show, for the groups of their points alone; None when nobody knows.
        cloud_pose_h: these objects in the hand frame (E, 7) where the clouds are theirs to the point
            (`KnownObjects.moved` makes them again), for memories that have no room for clouds; else None.
    """

    groups: Mapping[str, Tensor]
    objects: KnownObjects | None = None
    cloud_pose_h: Tensor | None = None

    def __len__(self) -> int:
        return len(next(iter(self.groups.values())))

    def __getitem__(self, name: str) -> Tensor:
        """A group by name.

        Raises:
            KeyError: the environment was not asked for it; lists what there is.
        """
        if name not in self.groups:
            raise KeyError(
                f"the observation has no group {name!r}, only {', '.join(self.groups)}; ask the environment for it "
                "(argument privileged)"
            )
        return self.groups[name]

    def rows(self, rows: Tensor) -> "Observation":
        """What is known of the worlds ``rows`` (K,) alone."""
        objects = None if self.objects is None else self.objects[rows]
        cloud_pose_h = None if self.cloud_pose_h is None else self.cloud_pose_h[rows]
        return Observation({name: value[rows] for name, value in self.groups.items()}, objects, cloud_pose_h)

    def flat(self, names: Sequence[str]) -> Tensor:
        """Groups side by side (E, D)."""
        if not names:
            return torch.zeros((len(self), 0))
        return torch.cat([self[name].flatten(1) for name in names], dim=1)


def group_shape(name: str, hand: Hand) -> tuple[int, ...]:
    """Shape of a world's entry in a group, with this hand."""
    sizes = {"J": hand.num_joints, "C": hand.num_coupled, "F": len(hand.fingers), "L": len(hand.links)}
    return tuple(sizes[size] if isinstance(size, str) else size for size in OBSERVATION_GROUPS[name].shape)


def flat_size(names: Sequence[str], hand: Hand) -> int:
    """Columns that `Observation.flat` gives for these groups, with this hand."""
    return sum(math.prod(group_shape(name, hand)) for name in names)
