"""What residual policies read: named observation groups, and a_p, as one row (GraspGF Sec. 3.3, App. A.1)."""

import abc
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from envs.geometry.transforms import quat_conjugate, quat_multiply, rotation_vector_from_quat
from envs.hand.hand import Hand
from envs.hand.kinematics import full_precision
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


@dataclass(frozen=True)
class _Looks:
    """What takes many small operations, worked out once for all earlier wrists N and finger poses P that are read.

    Attributes:
        motion: of the earlier wrists (E, N, 6), see `motion_seen_from`.
        heights, distances: of the fingertips in these poses (E, P, F), see `tip_heights` and `tip_distances`.
    """

    motion: Tensor
    heights: Tensor
    distances: Tensor


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
        present_w = observation["wrist_history"][:, -1]
        motion = motion_seen_from(present_w, torch.cat(self._earlier_w(observation), dim=1))
        poses = torch.stack(self._finger_poses(hand, observation, heading), dim=1)  # (E, P, J)
        tips_h = _fingertips(hand)(poses.flatten(0, 1)).unflatten(0, poses.shape[:2]).flatten(1, 2)  # (E, P F, 3)
        read = tip_heights(tips_h, present_w), tip_distances(tips_h, observation["points_h"][:, :COARSE_POINTS])
        looks = _Looks(motion, *(part.unflatten(1, (poses.shape[1], -1)) for part in read))
        return self._parts(hand, observation, heading, looks)

    def _earlier_w(self, observation: Observation) -> list[Tensor]:
        """Wrist poses before the present one that are read (E, ..., 7), first those of the history."""
        return [observation["wrist_history"][:, :-1]]

    def _finger_poses(self, hand: Hand, observation: Observation, heading: Heading | None) -> list[Tensor]:
        """Joints (E, J), rad, whose fingertips are read."""
        return [hand.denormalise(observation["joint_pos"])]

    def _parts(self, hand: Hand, observation: Observation, heading: Heading | None, looks: _Looks) -> dict[str, Tensor]:
        """`PolicyInputs.parts`, with what was worked out."""
        points_h, history_w = observation["points_h"][:, :COARSE_POINTS], observation["wrist_history"]
        parts = {"joint_pos": observation["joint_pos"], "coupled_pos": observation["coupled_pos"]}
        if heading is not None:
            parts["primitive_action"] = heading.action
        parts |= {
            "wrist_motion": looks.motion[:, : history_w.shape[1] - 1].flatten(1),
            "wrist_attitude": wrist_attitude(history_w[:, -1]),
            "cloud_centroid": points_h.mean(dim=1) / CLOUD_SCALE,
            "cloud_extent": torch.cat([points_h.amin(dim=1), points_h.amax(dim=1)], dim=1) / CLOUD_SCALE,
            "tip_heights": looks.heights[:, 0],
            "tip_distances": looks.distances[:, 0],
        }
        return parts | super().parts(hand, observation, None)


class GripInputs(ApproachInputs):
    """Those of an approach, how far the joints are behind their commands, and where the wrist was in the last second.

    A joint that cannot follow presses on something: the sense of touch that every real hand has. The last second tells
    a user who dwells at a grasp from one who pauses on his way, which the last eighth of a second does not.

    Reads the groups command and wrist_past, too.
    """

    def _earlier_w(self, observation: Observation) -> list[Tensor]:
        return [*super()._earlier_w(observation), observation["wrist_past"]]

    def _parts(self, hand: Hand, observation: Observation, heading: Heading | None, looks: _Looks) -> dict[str, Tensor]:
        behind = (observation["command"] - observation["joint_pos"]) * hand.half_ranges(observation["command"])
        past = looks.motion[:, observation["wrist_history"].shape[1] - 1 :]
        return super()._parts(hand, observation, heading, looks) | {
            "joint_lag": behind / LAG_SCALE,
            "wrist_past": past.flatten(1) * PAST_SCALE,
        }


class PlannedGripInputs(GripInputs):
    """Those of a grip, and the grasp that the primitive heads for: how far it is, and where the fingertips would be.

    A grasp whose fingertips would close on nothing is too early, one below the table out of reach: what a small network
    would have to work out from joints, a_p (which tells no distance) and the cloud's feature.

    Raises:
        ValueError: when it is called where there is no primitive that heads anywhere.
    """

    def _finger_poses(self, hand: Hand, observation: Observation, heading: Heading | None) -> list[Tensor]:
        if heading is None:
            raise ValueError(
                f"{type(self).__name__} reads where a primitive heads, and there is none; set inputs to GripInputs"
            )
        (present,) = super()._finger_poses(hand, observation, heading)
        return [present, present + heading.way]

    def _parts(self, hand: Hand, observation: Observation, heading: Heading | None, looks: _Looks) -> dict[str, Tensor]:
        parts = super()._parts(hand, observation, heading, looks)
        if heading is not None:
            parts["way"] = heading.way
        return parts | {
            "planned_tip_heights": looks.heights[:, 1],
            "planned_tip_distances": looks.distances[:, 1],
        }


def wrist_motion(history_w: Tensor) -> Tensor:
    """Earlier wrist poses seen from the present one, scaled, (E, 6 (H - 1)), from poses (E, H, 7), oldest first."""
    return motion_seen_from(history_w[:, -1], history_w[:, :-1]).flatten(1)


def motion_seen_from(present_w: Tensor, earlier_w: Tensor) -> Tensor:
    """Places and turns (rotation vectors) of N wrist poses (E, N, 7) seen from others (E, 7), scaled, (E, N, 6)."""
    left, rotation = _products(present_w[:, 3:])
    with full_precision(earlier_w):
        place = (earlier_w[..., :3] - present_w[:, None, :3]) @ rotation  # of rows: R^T d
        turn = rotation_vector_from_quat(earlier_w[..., 3:] @ left)  # of rows: conj(p) q
    return torch.cat([place / STEP_SCALE, turn / TURN_SCALE], dim=-1)


def wrist_attitude(pose_w: Tensor) -> Tensor:
    """Direction of gravity in the hand frame and height above the table in units of 0.2 m (E, 4), from poses (E, 7)."""
    _, rotation = _products(pose_w[:, 3:])
    return torch.cat([-rotation[:, 2], pose_w[:, 2:3] / 0.2], dim=1)


def tip_heights(tips_h: Tensor, pose_w: Tensor) -> Tensor:
    """Heights of the fingertips above the table (E, F), at most MAX_TIP_DISTANCE, in units of TIP_SCALE.

    Args:
        tips_h: fingertips in the hand frame (E, F, 3), m.
        pose_w: wrist poses (E, 7).
    """
    _, rotation = _products(pose_w[:, 3:])
    with full_precision(tips_h):
        heights = (tips_h @ rotation[:, 2, :, None])[..., 0] + pose_w[:, 2:3]
    return heights.clamp(max=MAX_TIP_DISTANCE) / TIP_SCALE


def tip_distances(tips_h: Tensor, points_h: Tensor) -> Tensor:
    """Distances of the fingertips (E, F, 3) to the nearest point of the cloud (E, N, 3), limited and scaled alike."""
    if torch.compiler.is_exporting():  # graphs do not have the operation, of which the other form takes memory
        squared = (tips_h[..., None] - points_h.mT[:, None]).square().sum(dim=2)
        nearest = squared.amin(dim=2).sqrt()
    else:
        nearest = torch.cdist(tips_h, points_h, compute_mode="donot_use_mm_for_euclid_dist").amin(dim=2)
    return nearest.clamp(max=MAX_TIP_DISTANCE) / TIP_SCALE


def _products(quat: Tensor) -> tuple[Tensor, Tensor]:
    """Of unit quaternions q (E, 4): L with L p = q p for quaternions p (E, 4, 4), and the rotation's matrix (E, 3, 3).

    L, and R with R p = p q*, are linear in q: few operations, and of a control step's time these are most.
    """
    from_left, from_right = _factors(quat.dtype, quat.device)
    with full_precision(quat):
        left, right = ((quat @ factor).unflatten(1, (4, 4)) for factor in (from_left, from_right))
        return left, (left @ right)[:, 1:, 1:]


@cache
def _factors(dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """What quaternions are multiplied by to give the entries of L and R (4, 16)."""
    with torch.inference_mode(False):  # gradients may need them later
        unit = torch.eye(4, dtype=dtype, device=device)
        of_left = quat_multiply(unit[:, None], unit)  # (4 of q, 4 of p, 4 of the product)
        of_right = quat_multiply(unit, quat_conjugate(unit)[:, None])
        return of_left.mT.flatten(1), of_right.mT.flatten(1)


@cache
def _fingertips(hand: Hand) -> HandPlaces:
    return HandPlaces(hand)
