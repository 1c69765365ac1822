"""Where readings come from and where targets go: small seams, so that every hand and tracker fits."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from live.controller import AssistController, JointTargets
from live.inputs import ObjectPose
from live.log import load_log


@dataclass(frozen=True)
class Reading:
    """Something that was measured; what was not is None. Arguments of `AssistController.update`."""

    time_s: float
    wrist_pose_w: object = None
    joint_pos: object = None
    scene: object = None
    wants_release: bool = False


class Source(Protocol):
    """Gives readings."""

    def read(self) -> list[Reading]:
        """What has come since the last call; never waits."""
        ...


class Sink(Protocol):
    """Takes targets."""

    def send(self, targets: JointTargets) -> None:
        """What the motors should do now; not to be sent on while ``is_ready`` is false."""
        ...


def readings_at_rest(time_s: float, joint_pos: object) -> list[Reading]:
    """Two readings of joints that stand still before a time: those at that time are believed then, as the third."""
    return [Reading(time_s - early, joint_pos=joint_pos) for early in (0.002, 0.001)]


def pump(controller: AssistController, sources: list[Source], sinks: list[Sink], time_s: float) -> JointTargets:
    """One round: everything that came in goes to the controller, and its targets for ``time_s`` to the sinks."""
    for source in sources:
        for reading in source.read():
            if reading.wants_release:
                controller.release()
            controller.update(reading.time_s, reading.wrist_pose_w, reading.joint_pos, reading.scene)
    targets = controller.update(time_s)
    for sink in sinks:
        sink.send(targets)
    return targets


class RecordedSource:
    """A log, or another npz file with its fields, as if it happened now: one control step a call.

    Its first joints come three times, within 2 ms: the log's controller believed them already.

    Args:
        path: file of `ControllerLog.save`.

    Raises:
        ValueError: it is none.
    """

    def __init__(self, path: str | Path) -> None:
        self._steps = self._readings(load_log(path))
        self._has_begun = False

    def read(self) -> list[Reading]:
        """See `Source.read`; nothing once the log has ended."""
        step = next(self._steps, None)
        if step is None:
            return []
        before = [] if self._has_begun else readings_at_rest(step.time_s, step.joint_pos)
        self._has_begun = True
        return [*before, step]

    @staticmethod
    def _readings(log: dict[str, np.ndarray]) -> Iterator[Reading]:
        for time_s, wrist_w, joints, thing_w in zip(
            *(log[name] for name in ("time_s", "wrist_pose_w", "joint_pos", "object_pose_w")), strict=True
        ):
            yield Reading(float(time_s), wrist_w, joints, ObjectPose(thing_w))
