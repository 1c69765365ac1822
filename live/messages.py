"""What a controller and a program at a tracker, a camera or a hand say to one another: JSON, one object a message."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from live.controller import JointTargets
from live.inputs import CloudView, ObjectPose
from live.ports import Reading
from live.poses import IDENTITY, Array

MAX_BYTES = 65_507
"""Of a datagram."""

_FIELDS = {"time_s", "wrist_pose_w", "joint_pos", "object_pose_w", "points", "cloud_pose_w", "release"}


def parse_reading(data: bytes) -> Reading | None:
    """What a message to the controller says; None where it is none."""
    try:
        content: Any = json.loads(data)
        if not isinstance(content, dict) or "time_s" not in content or not content.keys() <= _FIELDS:
            return None
        scene: object = None
        if "object_pose_w" in content:
            scene = ObjectPose(np.array(content["object_pose_w"], dtype=float))
        elif "points" in content:
            pose_w = np.array(content.get("cloud_pose_w", IDENTITY), dtype=float)
            scene = CloudView(np.array(content["points"], dtype=float), pose_w)
        time_s = float(content["time_s"])
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None
    wants_release = content.get("release") is True
    return Reading(time_s, content.get("wrist_pose_w"), content.get("joint_pos"), scene, wants_release)


def reading_bytes(reading: Reading) -> bytes:
    """A reading as a message to the controller; points to a tenth of a millimetre, all else to 1e-6.

    Raises:
        ValueError: a scene that is no `ObjectPose` or `CloudView`, or more points than a datagram holds.
    """
    content: dict[str, Any] = {"time_s": round(reading.time_s, 6)}
    named: dict[str, Any] = {"wrist_pose_w": reading.wrist_pose_w, "joint_pos": reading.joint_pos}
    if isinstance(reading.scene, ObjectPose):
        named["object_pose_w"] = reading.scene.pose_w
    elif isinstance(reading.scene, CloudView):
        named |= {"points": reading.scene.points, "cloud_pose_w": reading.scene.pose_w}
    elif reading.scene is not None:
        raise ValueError(f"a scene is {type(reading.scene).__name__}; expected ObjectPose, CloudView or None")
    content |= {name: _rounded(name, values) for name, values in named.items() if values is not None}
    if reading.wants_release:
        content["release"] = True
    data = json.dumps(content, separators=(",", ":")).encode()
    if len(data) > MAX_BYTES:
        raise ValueError(f"a message of {len(data)} bytes; a datagram holds {MAX_BYTES}: send at most 1,800 points")
    return data


def _rounded(name: str, values: Any) -> Any:
    # quaternions keep their unit length, points are many
    return np.round(np.asarray(values, dtype=float), 4 if name == "points" else 6).tolist()


@dataclass(frozen=True)
class Answer:
    """What the controller answers; see `live.controller.JointTargets`.

    Attributes:
        time_s: the controller's time.
        joint_targets: (J,), rad.
        is_ready: whether they may be sent to motors.
        state: name of the state.
        is_frozen: the fingers stay where they are.
        message: why.
    """

    time_s: float
    joint_targets: Array
    is_ready: bool
    state: str
    is_frozen: bool
    message: str


def answer_bytes(targets: JointTargets) -> bytes:
    """Targets as the controller's answer."""
    answer = {
        "time_s": targets.time_s,
        "joint_targets": targets.joint_pos.tolist(),
        "is_ready": targets.is_ready,
        "state": targets.state.value,
        "is_frozen": targets.is_frozen,
        "message": targets.message,
    }
    return json.dumps(answer).encode()


def parse_answer(data: bytes) -> Answer | None:
    """What an answer says; None where it is none."""
    try:
        content: Any = json.loads(data)
        content["joint_targets"] = np.array(content["joint_targets"], dtype=float)
        return Answer(**content)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
