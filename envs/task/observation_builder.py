"""From what sensors give to what a policy sees; needs no simulator, so that a live loop shares it."""

from bisect import bisect_left
from dataclasses import dataclass

import torch
from torch import Tensor

from envs.geometry.object_clouds import KnownObjects, move_clouds
from envs.geometry.transforms import pose_compose, pose_invert, quat_normalise
from envs.hand.hand import Hand
from envs.task.observations import HISTORY_LENGTH, PAST_S, Observation

_SAME_TIME = 1e-6
"""Seconds by which a pose may be off a moment and still be the pose of that moment."""


@dataclass(frozen=True)
class Signals:
    """What is measured of E hands at one moment.

    Attributes:
        joint_pos: actuated joints (E, J), rad.
        coupled_pos: coupled joints (E, C), rad.
        command: commanded joints (E, J), rad.
        time_s: the moment, s, on a clock that all hands share and that never stops.
        wrist_pose_w: hand base at that moment (E, 7).
        cloud: points of the object, one coordinate a row (E, 3, N), m, in a frame of their own.
        cloud_pose_w: that frame in the world (E, 7): the object's for a known shape, the camera's for what it sees.
        objects: which objects the clouds show; None when nobody knows.
        is_exact: the clouds are those of these objects as they are known, without errors of their own.
    """

    joint_pos: Tensor
    coupled_pos: Tensor
    command: Tensor
    time_s: float
    wrist_pose_w: Tensor
    cloud: Tensor
    cloud_pose_w: Tensor
    objects: KnownObjects | None = None
    is_exact: bool = False


class WristHistory:
    """Wrist poses of E hands at the present and at moments before it, one period apart.

    Args:
        length: poses, the present one included.
        period_s: seconds between them; poses that come at other moments are interpolated.
    """

    def __init__(self, length: int, period_s: float) -> None:
        self._length = length
        self._period_s = period_s
        self._times_s: list[float] = []
        self._poses_w: list[Tensor] = []

    def add(self, time_s: float, pose_w: Tensor, first: Tensor | None = None) -> None:
        """A pose (E, 7) of each hand; where ``first`` (E,) bool, it stood there ever since.

        At the time of the last poses only hands that are ``first`` change.

        Raises:
            ValueError: the pose is not later than the one before.
        """
        is_again = first is not None and self._times_s[-1:] == [time_s]
        if self._times_s and time_s <= self._times_s[-1] and not is_again:
            raise ValueError(
                f"a wrist pose of {time_s} s came after that of {self._times_s[-1]} s; give poses in the order of time"
            )
        if first is not None:
            self._poses_w = [torch.where(first[:, None], pose_w, earlier) for earlier in self._poses_w]
        if is_again:
            return
        self._times_s.append(time_s)
        self._poses_w.append(pose_w)
        oldest = time_s - max((self._length - 1) * self._period_s, *PAST_S)
        while len(self._times_s) > 1 and self._times_s[1] <= oldest - _SAME_TIME:
            del self._times_s[0], self._poses_w[0]

    def poses(self) -> Tensor:
        """(E, H, 7), oldest first; before the first pose a hand stood at it."""
        now = self._times_s[-1]
        return torch.stack([self._at(now - back * self._period_s) for back in reversed(range(self._length))], dim=1)

    def past(self) -> Tensor:
        """Poses (E, P, 7) as long ago as `PAST_S` says."""
        return torch.stack([self._at(self._times_s[-1] - ago) for ago in PAST_S], dim=1)

    def _at(self, time_s: float) -> Tensor:
        after = bisect_left(self._times_s, time_s - _SAME_TIME)
        if after == 0 or self._times_s[after] <= time_s + _SAME_TIME:
            return self._poses_w[after]
        (start, end), (before_w, after_w) = self._times_s[after - 1 : after + 1], self._poses_w[after - 1 : after + 1]
        # q and -q are one rotation: the way between them is the short one
        sign = torch.where((before_w[:, 3:] * after_w[:, 3:]).sum(dim=1, keepdim=True) < 0.0, -1.0, 1.0)
        after_w = torch.cat([after_w[:, :3], sign * after_w[:, 3:]], dim=1)
        pose_w = torch.lerp(before_w, after_w, (time_s - start) / (end - start))
        return torch.cat([pose_w[:, :3], quat_normalise(pose_w[:, 3:])], dim=1)


class ObservationBuilder:
    """Makes the groups that a policy may see (`envs.task.observations.POLICY_GROUPS`), and remembers the wrists.

    Args:
        hand: whose joints are measured.
        period_s: seconds between the poses of the history: the control period.
        history_length: poses of the history.
    """

    def __init__(self, hand: Hand, period_s: float, history_length: int = HISTORY_LENGTH) -> None:
        self._hand = hand
        self._history = WristHistory(history_length, period_s)

    def observe(self, signals: Signals, first: Tensor | None = None) -> Observation:
        """The observation of this moment.

        Args:
            signals: what is measured.
            first: hands whose episode begins now (E,) bool; none does when None.

        Raises:
            ValueError: the signals are not later than those before.
        """
        self._history.add(signals.time_s, signals.wrist_pose_w, first)
        cloud_pose_h = pose_compose(pose_invert(signals.wrist_pose_w), signals.cloud_pose_w)
        hand = self._hand
        low, high = hand.coupled_limits.tensors(signals.coupled_pos)
        groups = {
            "joint_pos": hand.normalise(signals.joint_pos).float(),
            "coupled_pos": (2.0 * (signals.coupled_pos - low) / (high - low) - 1.0).float(),
            "wrist_history": self._history.poses().float(),
            "wrist_past": self._history.past().float(),
            "points_h": move_clouds(cloud_pose_h, signals.cloud),
            "command": hand.normalise(signals.command).float(),
        }
        return Observation(groups, signals.objects, cloud_pose_h.float() if signals.is_exact else None)
