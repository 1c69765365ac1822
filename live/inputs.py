"""What has come in so far: clock, wrist, joints and object, each checked before it is believed."""

from dataclasses import dataclass

import numpy as np

from live.clock import Clock
from live.clouds import CloudWorker, PreparedCloud, prepare
from live.hand_facts import HandFacts
from live.poses import IDENTITY, Array, Points, number_of, numbers_of
from live.settings import ControllerSettings
from live.tracks import PoseTrack, unit_pose

_FAR_OUT = 0.5
"""Rad beyond a limit from which on a reading is no reading."""

_AGAIN = 3
"""Strange readings in a row that agree with one another: the joints are where they say."""

_AT_FIRST = 3
"""Readings in a row that agree before joints are believed at first, and after a gap: a bus that wakes up gives 0."""

_AGREE = 0.2
"""Rad of a joint between two readings that agree so."""

_MAX_JOINT_SPEED = 12.0
"""Rad/s of a joint that is believed at once."""


@dataclass(frozen=True)
class ObjectPose:
    """Where the known object stands (7,), world."""

    pose_w: Array


@dataclass(frozen=True)
class CloudView:
    """What cameras see: points (N, 3), m, in a frame that stands at ``pose_w`` in the world; fused by concatenation."""

    points: Points
    pose_w: Array


class JointTrack:
    """The last joints that can be believed: at first, and after a gap, the third of three readings that agree.

    Args:
        facts: the hand.
        lost_s: seconds without a reading that are a gap.

    Attributes:
        joint_pos: (J,), rad, within limits; None before any was believed.
        coupled_pos: (C,), rad.
        last_s: when.
        num_refused: readings refused.
        why_refused: the last one's reason.
    """

    def __init__(self, facts: HandFacts, lost_s: float) -> None:
        self._facts, self._lost_s = facts, lost_s
        self._strange: list[Array] = []
        self._first: list[Array] = []
        self._first_s = -np.inf  # of the last of them
        self.joint_pos: Array | None = None
        self.coupled_pos = np.zeros(len(facts.parents))
        self.last_s = -np.inf
        self.num_refused, self.why_refused = 0, ""

    def add(self, time_s: float, values: object) -> None:
        """A reading (J,), or (J + C,) with coupled joints behind; older ones than the last are left out."""
        facts, num = self._facts, len(self._facts.joints)
        reading = numbers_of(values)
        if why := self._why_none(reading):
            self._refuse(why)
            return
        if time_s < self.last_s:
            return
        joint_pos = np.clip(reading[:num], facts.low, facts.high)
        if time_s - self.last_s > self._lost_s:
            if not self._agree(time_s, joint_pos):
                return
        elif self._jumps(time_s, joint_pos):
            self._refuse(f"a jump of {np.abs(joint_pos - np.array(self.joint_pos)).max():.2f} rad")
            return
        self._strange.clear()
        self._first.clear()
        self.joint_pos, self.last_s = joint_pos, time_s
        self.coupled_pos = reading[num:] if len(reading) > num else facts.coupled(joint_pos)

    def _why_none(self, reading: Array) -> str:
        """Why numbers are no reading; empty where they are one."""
        facts, num = self._facts, len(self._facts.joints)
        if reading.shape not in {(num,), (num + len(facts.parents),)}:
            return f"{reading.size} numbers, expected {num} or {num + len(facts.parents)}"
        if not np.isfinite(reading).all():
            return "numbers that are not finite"
        beyond = np.maximum(facts.low - reading[:num], reading[:num] - facts.high)
        worst = int(beyond.argmax())
        return f"{facts.joints[worst]} {beyond[worst]:.2f} rad beyond its limits" if beyond[worst] > _FAR_OUT else ""

    def _refuse(self, why: str) -> None:
        self.num_refused += 1
        self.why_refused = why

    def _agree(self, time_s: float, joint_pos: Array) -> bool:
        """Whether this is the last of enough readings, one after another, that agree."""
        since = time_s - self._first_s
        if self._first and -self._lost_s <= since <= 0.0:  # the same once more, or one that comes late
            return False
        if self._first and (abs(since) > self._lost_s or np.abs(joint_pos - self._first[-1]).max() > _AGREE):
            for _ in self._first:
                self._refuse("at first, or after a gap, readings that do not agree")
            self._first.clear()
        self._first.append(joint_pos)
        self._first_s = time_s
        return len(self._first) >= _AT_FIRST

    def _jumps(self, time_s: float, joint_pos: Array) -> bool:
        allowed = 0.2 + _MAX_JOINT_SPEED * min(time_s - self.last_s, 1.0)
        if self.joint_pos is None or np.abs(joint_pos - self.joint_pos).max() <= allowed:
            return False
        if self._strange and np.abs(joint_pos - self._strange[-1]).max() > allowed:
            self._strange.clear()
        self._strange.append(joint_pos)
        return len(self._strange) < _AGAIN


class LiveInputs:
    """All that has come in.

    Args:
        facts: the hand.
        settings: limits.

    Attributes:
        clock, wrist, joints: what was believed.
        cloud: the object's; None before any was seen.
        num_bad_scenes: poses of objects, and clouds, that were refused.
        why_bad_scene: the last one's reason.
    """

    def __init__(self, facts: HandFacts, settings: ControllerSettings) -> None:
        self._facts, self._settings = facts, settings
        self.clock = Clock(settings.max_ahead_s, settings.max_late_s)
        self.wrist, self.joints = PoseTrack(settings.wrist), JointTrack(facts, settings.lost_s)
        self._thing = PoseTrack(settings.thing)
        self._worker: CloudWorker | None = None
        self._known: PreparedCloud | None = None
        self._seen: PreparedCloud | None = None
        self.num_bad_scenes, self.why_bad_scene = 0, ""

    @property
    def cloud(self) -> PreparedCloud | None:
        """The cloud of the object: that of the known one, once its pose was seen, or the cameras' last."""
        return self._known if self._is_known else self._seen

    @property
    def cloud_pose_w(self) -> Array:
        """Where the frame of the cloud stands (7,)."""
        return self._thing.at(np.inf) if self._is_known else IDENTITY

    @property
    def cloud_fault(self) -> str:
        """Why the cameras' last cloud could not be prepared; empty where it could, or another cloud is used."""
        return "" if self._worker is None or self._is_known else self._worker.fault

    @property
    def _is_known(self) -> bool:
        """Whether the object's cloud is known, and its pose has been told."""
        return self._known is not None and self._thing.last_s is not None

    def is_told(self, time_s: float) -> bool:
        """Whether the pose of a known object is told at a time, and not an old one."""
        last_s = self._thing.last_s
        return self._known is not None and last_s is not None and time_s - last_s <= self._settings.lost_s

    def age_s(self, time_s: float) -> float:
        """Seconds, at a time, since the object of the cloud was seen, or its pose told; infinite where it never was."""
        if self._is_known:
            return time_s - (self._thing.last_s or 0.0)
        beginnings, seen_s = (0, -np.inf) if self._seen is None else self._seen.seen
        return time_s - seen_s if beginnings == self.clock.num_restarts else np.inf

    def know(self, points_o: Points, *, is_ordered: bool = False) -> None:
        """From now on `ObjectPose` means an object with this cloud (N, 3), m, in its own frame.

        Raises:
            ValueError: see `prepare`.
        """
        self._known = prepare(points_o, self._facts.grouping, is_ordered=is_ordered)
        self._thing.clear()

    def take(self, time_s: object, wrist_pose_w: object, joint_pos: object, scene: object) -> bool:
        """Whatever of it can be believed; whether the clock began anew."""
        restarts, time = self.clock.num_restarts, number_of(time_s)
        if not self.clock.take(time, is_tick=wrist_pose_w is None and joint_pos is None and scene is None):
            return False
        is_new = self.clock.num_restarts > restarts
        if is_new:
            self.wrist.clear()
            self._thing.clear()
            self.joints.last_s = -np.inf
        if wrist_pose_w is not None:
            self.wrist.add(time, wrist_pose_w)
        if joint_pos is not None:
            self.joints.add(time, joint_pos)
        if isinstance(scene, ObjectPose):
            self._take_pose(time, scene)
        elif isinstance(scene, CloudView):
            self._take_cloud(time, scene)
        elif scene is not None:
            self._refuse("neither a pose nor a cloud")
        if self._worker is not None and (done := self._worker.take()) is not None:
            self._seen = done
        return is_new

    def wait_for_clouds(self) -> None:
        """Until the clouds that came in are prepared: for simulations that run faster than time."""
        if self._worker is not None:
            self._worker.wait()

    def close(self) -> None:
        """Ends the thread of the clouds."""
        if self._worker is not None:
            self._worker.close()

    @property
    def num_empty_clouds(self) -> int:
        """Clouds of which too few points lay in the workspace."""
        return 0 if self._worker is None else self._worker.num_refused

    def _refuse(self, why: str) -> None:
        self.num_bad_scenes += 1
        self.why_bad_scene = why

    def _take_pose(self, time_s: float, scene: ObjectPose) -> None:
        box, pose = self._settings.workspace, unit_pose(scene.pose_w)
        if pose is not None and not ((pose[:3] >= box.low) & (pose[:3] <= box.high)).all():
            self._refuse(f"an object at {np.round(pose[:3], 2).tolist()} m, out of the workspace")
        elif not self._thing.add(time_s, scene.pose_w if pose is None else pose):
            self._refuse(f"an object's pose: {self._thing.why_refused}")

    def _take_cloud(self, time_s: float, scene: CloudView) -> None:
        pose, points = unit_pose(scene.pose_w), numbers_of(scene.points)
        if pose is None:
            self._refuse("a cloud without the pose of its frame")
            return
        if points.ndim != 2 or points.shape[1] != 3 or len(points) > 1_000_000:
            self._refuse(f"a cloud of shape {points.shape}, expected (N, 3), a million points at most")
            return
        if self._worker is None:
            self._worker = CloudWorker(self._settings.workspace, self._facts.grouping)
        self._worker.give(points, pose, (self.clock.num_restarts, time_s))
