"""What residual policies read: named observation groups, and a_p, as one row (GraspGF Sec. 3.3, App. A.1)."""

import abc
import itertools
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from envs.geometry.table import table_plane
from envs.geometry.transforms import (
    pose_compose,
    pose_invert,
    quat_rotate,
    rotation_vector_from_quat,
)
from envs.hand.hand import Hand
from envs.hand.places import HandPlaces
from envs.task.observations import ASKED_GROUPS, OBSERVATION_GROUPS, Observation, check_groups, group_shape
from lightning_modules.followers import Heading

STEP_SCALE = 0.02
"""Metres by which a history position is divided: a hand at 0.8 m/s moves this far in a control step."""

TURN_SCALE = 0.1
"""Radians by which a history rotation is divided."""

PAST_SCALE = 0.2
"""Further factor of the motion over the last second, which is longer than that of five steps."""

LAG_SCALE = 0.1
"""Radians by which the lag of a joint behind its command is divided: a finger that presses lags so much."""

CLOUD_SCALE = 0.1
"""Metres by which the cloud's centroid and extent are divided."""

COARSE_POINTS = 128
"""Points of a cloud, the first in farthest-point order, that its centroid and extent are taken from."""

TIP_SCALE = 0.05
"""Metres by which a fingertip's height and its distance to the cloud are divided."""

MAX_TIP_DISTANCE = 0.2
"""Metres from which on a distance to the cloud or a height tells no more."""


class PolicyInputs(abc.ABC):
    """Makes the row that policy and critic read, of parts with names; a configuration chooses the class."""

    @property
    def hidden_groups(self) -> tuple[str, ...]:
        """Groups among those read that other policies are not shown; worlds have to be asked for them."""
        return ()

    @abc.abstractmethod
    def parts(self, hand: Hand, observation: Observation, heading: Heading | None) -> dict[str, Tensor]:
        """Parts (E, ...) by name, in the order of the row.

        Args:
            hand: the hand.
            observation: what is known.
            heading: what the primitive wants; None for policies that do without.
        """

    def __call__(self, hand: Hand, observation: Observation, heading: Heading | None) -> Tensor:
        """The rows (E, D)."""
        return torch.cat(list(self.parts(hand, observation, heading).values()), dim=1)

    def columns(self, hand: Hand, *, with_primitive: bool) -> dict[str, slice]:
        """Where each part stands in a row."""
        blank = {name: torch.zeros(1, *group_shape(name, hand)) for name in OBSERVATION_GROUPS}
        nothing = Heading(*(3 * [blank["joint_pos"]]))
        parts = self.parts(hand, Observation(blank), nothing if with_primitive else None)
        ends = list(itertools.accumulate(part.shape[1] for part in parts.values()))
        return {name: slice(begin, end) for name, begin, end in zip(parts, [0, *ends], ends, strict=False)}


class ObservedGroups(PolicyInputs):
    """Observation groups as they are, then a_p.

    Args:
        groups: their names. One that is hidden or told (other_joints, for instance) makes a policy for worlds that show
            it: ask for it in data.privileged, too.
    """

    def __init__(self, groups: Sequence[str]) -> None:
        check_groups(groups, for_policy=False)
        self.groups = tuple(groups)

    @property
    def hidden_groups(self) -> tuple[str, ...]:
        """See `PolicyInputs.hidden_groups`."""
        return tuple(name for name in self.groups if name in ASKED_GROUPS)

    def parts(self, hand: Hand, observation: Observation, heading: Heading | None) -> dict[str, Tensor]:
        """See `PolicyInputs.parts`."""
        parts = {name: observation[name].flatten(1) for name in self.groups}
        return parts if heading is None else {**parts, "primitive_action": heading.action}


class ApproachInputs(ObservedGroups):
    """Joints, coupled joints, a_p, wrist history, attitude, the cloud's whereabouts and fingertips.

    The history enters as motion: where the wrist was in the last steps, seen from where it is. The same five absolute
    poses hide it, because a step is 0.02 of their range. Absolute x and y say nothing about the task and are left out;
    height above the table and the direction of gravity are what remains of the absolute pose. Heights of the fingertips
    and their distances to the cloud follow from the rest by kinematics, which a small network is spared.

    Args:
        groups: further observation groups, as they are, at the end.
    """

    def __init__(self, groups: Sequence[str] = ()) -> None:
        super().__init__(groups)

    def parts(self, hand: Hand, observation: Observation, heading: Heading | None) -> dict[str, Tensor]:
        """See `PolicyInputs.parts`; reads the groups joint_pos, coupled_pos, wrist_history and points_h."""
        points_h = observation["points_h"][:, :COARSE_POINTS]
        present_w = observation["wrist_history"][:, -1]
        tips_h = _fingertips(hand)(hand.denormalise(observation["joint_pos"]))
        parts = {"joint_pos": observation["joint_pos"], "coupled_pos": observation["coupled_pos"]}
        if heading is not None:
            parts["primitive_action"] = heading.action
        parts |= {
            "wrist_motion": wrist_motion(observation["wrist_history"]),
            "wrist_attitude": wrist_attitude(present_w),
            "cloud_centroid": points_h.mean(dim=1) / CLOUD_SCALE,
            "cloud_extent": torch.cat([points_h.amin(dim=1), points_h.amax(dim=1)], dim=1) / CLOUD_SCALE,
            "tip_heights": tip_heights(tips_h, present_w),
            "tip_distances": tip_distances(tips_h, points_h),
        }
        return parts | super().parts(hand, observation, None)


class GripInputs(ApproachInputs):
    """Those of an approach, how far the joints are behind their commands, and where the wrist was in the last second.

    A joint that cannot follow presses on something: the sense of touch that every real hand has. The last second tells
    a user who dwells at a grasp from one who pauses on his way, which the last eighth of a second does not.
    """

    def parts(self, hand: Hand, observation: Observation, heading: Heading | None) -> dict[str, Tensor]:
        """See `PolicyInputs.parts`; reads the groups command and wrist_past, too."""
        behind = hand.denormalise(observation["command"]) - hand.denormalise(observation["joint_pos"])
        history_w = torch.cat([observation["wrist_past"], observation["wrist_history"][:, -1:]], dim=1)
        return super().parts(hand, observation, heading) | {
            "joint_lag": behind / LAG_SCALE,
            "wrist_past": wrist_motion(history_w) * PAST_SCALE,
        }


class PlannedGripInputs(GripInputs):
    """Those of a grip, and the grasp that the primitive heads for: how far it is, and where the fingertips would be.

    A grasp whose fingertips would close on nothing is too early, one below the table out of reach: what a small network
    would have to work out from joints, a_p (which tells no distance) and the cloud's feature.
    """

    def parts(self, hand: Hand, observation: Observation, heading: Heading | None) -> dict[str, Tensor]:
        """See `PolicyInputs.parts`.

        Raises:
            ValueError: there is no primitive that heads anywhere.
        """
        if heading is None:
            raise ValueError(
                f"{type(self).__name__} reads where a primitive heads, and there is none; set inputs to GripInputs"
            )
        planned = hand.denormalise(observation["joint_pos"]) + heading.way
        tips_h = _fingertips(hand)(planned)
        return super().parts(hand, observation, heading) | {
            "way": heading.way,
            "planned_tip_heights": tip_heights(tips_h, observation["wrist_history"][:, -1]),
            "planned_tip_distances": tip_distances(tips_h, observation["points_h"][:, :COARSE_POINTS]),
        }


def wrist_motion(history_w: Tensor) -> Tensor:
    """Earlier wrist poses seen from the present one, scaled, (E, 6 (H - 1)), from poses (E, H, 7), oldest first."""
    present = history_w[:, -1:].expand(-1, history_w.shape[1] - 1, -1)
    earlier_h = pose_compose(pose_invert(present), history_w[:, :-1])
    turn = rotation_vector_from_quat(earlier_h[..., 3:])
    return torch.cat([earlier_h[..., :3] / STEP_SCALE, turn / TURN_SCALE], dim=-1).flatten(1)


def wrist_attitude(pose_w: Tensor) -> Tensor:
    """Direction of gravity in the hand frame and height above the table in units of 0.2 m (E, 4), from poses (E, 7)."""
    table_h = table_plane(pose_w)
    return torch.cat([-table_h[:, :3], table_h[:, 3:] / 0.2], dim=1)


def tip_heights(tips_h: Tensor, pose_w: Tensor) -> Tensor:
    """Heights of the fingertips above the table (E, F), at most MAX_TIP_DISTANCE, in units of TIP_SCALE.

    Args:
        tips_h: fingertips in the hand frame (E, F, 3), m.
        pose_w: wrist poses (E, 7).
    """
    quats = pose_w[:, None, 3:].expand(-1, tips_h.shape[1], -1)
    heights = quat_rotate(quats, tips_h)[..., 2] + pose_w[:, None, 2]
    return heights.clamp(max=MAX_TIP_DISTANCE) / TIP_SCALE


def tip_distances(tips_h: Tensor, points_h: Tensor) -> Tensor:
    """Distances of the fingertips (E, F, 3) to the nearest point of the cloud (E, N, 3), limited and scaled alike."""
    return torch.cdist(tips_h, points_h).amin(dim=2).clamp(max=MAX_TIP_DISTANCE) / TIP_SCALE


@cache
def _fingertips(hand: Hand) -> HandPlaces:
    return HandPlaces(hand)
