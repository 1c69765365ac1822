"""Readings from ROS 2 topics, and targets to them, where ``rclpy`` is installed; it comes with ROS 2, not from PyPI.

| topic, below the node's namespace | type | what |
|---|---|---|
| wrist_pose | geometry_msgs/PoseStamped | hand base in the world frame |
| joint_states | sensor_msgs/JointState | joints by name, rad |
| object_pose | geometry_msgs/PoseStamped | object in the world frame, where it is tracked |
| points | sensor_msgs/PointCloud2 | a camera's cloud, in the world frame or that of a camera whose pose is given |
| release | std_msgs/Empty | the user's button; the one subscription that is reliable |
| joint_targets (published) | std_msgs/Float64MultiArray | rad, in the order of the hand's joints, while ready |
| state (published) | std_msgs/String | state, is_frozen and message as JSON |
"""

import importlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from live.controller import JointTargets
from live.hand_facts import HandFacts
from live.inputs import CloudView, ObjectPose
from live.ports import Reading
from live.poses import IDENTITY, Array
from live.tracks import unit_pose

WORLD_FRAMES = ("", "world")
"""Frames that are the world, whose table is z = 0."""

AT_ONCE = 64
"""Messages that are taken in one read at most."""

_DEPTH = 10
"""Messages of a reliable subscription that wait at most."""

_FLOAT32 = 7
"""`sensor_msgs/PointField.FLOAT32`."""


class Ros2Port:
    """A `Source` and a `Sink` on ROS 2 topics; messages that cannot be used are counted and left alone.

    Args:
        facts: the hand, whose joints are asked for by name.
        cameras: poses (7,) of cameras in the world, by the frame of their clouds.
        name: of the node.

    Attributes:
        num_malformed: messages that could not be used: a joint missing, an unknown frame, a cloud without x, y, z.

    Raises:
        ModuleNotFoundError: no ``rclpy``; says how to have it.
        ValueError: a camera's pose that is none.
    """

    def __init__(
        self, facts: HandFacts, cameras: Mapping[str, Array] | None = None, name: str = "assist_controller"
    ) -> None:
        try:
            self._rclpy = importlib.import_module("rclpy")
            # drivers publish measurements as best effort, which a reliable subscription never hears, and both are heard
            # so; of a button's presses none may be lost
            measured, pressed = importlib.import_module("rclpy.qos").qos_profile_sensor_data, _DEPTH
            types = {
                each: importlib.import_module(f"{each}.msg") for each in ("geometry_msgs", "sensor_msgs", "std_msgs")
            }
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f"{error.name} is not there; it comes with ROS 2: source /opt/ros/DISTRIBUTION/setup.bash before the "
                "start, with the Python that ROS 2 was built for. Without it: UDP (docs/real_hand.md)"
            ) from error
        self._facts, self._cameras = facts, _camera_poses(cameras or {})
        self._readings: list[Reading] = []
        self._num_heard = 0
        self.num_malformed = 0
        if not self._rclpy.ok():
            self._rclpy.init()
        self._node = self._rclpy.create_node(name)
        stamped, empty = types["geometry_msgs"].PoseStamped, types["std_msgs"].Empty
        self._listen(stamped, "wrist_pose", _wrist, measured)
        self._listen(types["sensor_msgs"].JointState, "joint_states", self._joints, measured)
        self._listen(stamped, "object_pose", _object, measured)
        self._listen(types["sensor_msgs"].PointCloud2, "points", self._cloud, measured)
        self._listen(empty, "release", lambda _: Reading(float("nan"), wants_release=True), pressed)
        self._string, self._array = types["std_msgs"].String, types["std_msgs"].Float64MultiArray
        self._targets = self._node.create_publisher(self._array, "joint_targets", 1)
        self._state = self._node.create_publisher(self._string, "state", 1)

    def read(self) -> list[Reading]:
        """See `Source.read`."""
        for _ in range(AT_ONCE):
            before = self._num_heard
            self._rclpy.spin_once(self._node, timeout_sec=0.0)
            if self._num_heard == before:
                break
        found, self._readings = self._readings, []
        return found

    def send(self, targets: JointTargets) -> None:
        """See `Sink.send`."""
        if targets.is_ready:
            self._targets.publish(self._array(data=targets.joint_pos.tolist()))
        told = {"state": targets.state.value, "is_frozen": targets.is_frozen, "message": targets.message}
        self._state.publish(self._string(data=json.dumps(told)))

    def close(self) -> None:
        """Ends the node."""
        self._node.destroy_node()

    def _listen(self, kind: Any, topic: str, reading_of: Any, quality: Any) -> None:
        def hear(message: Any) -> None:
            self._num_heard += 1
            try:
                self._readings.append(reading_of(message))
            except (ValueError, TypeError, KeyError, AttributeError):
                self.num_malformed += 1

        self._node.create_subscription(kind, topic, hear, quality)

    def _joints(self, message: Any) -> Reading:
        positions = dict(zip(message.name, message.position, strict=True))
        return Reading(_time(message), joint_pos=np.array([positions[name] for name in self._facts.joints]))

    def _cloud(self, message: Any) -> Reading:
        frame = message.header.frame_id
        pose_w = IDENTITY if frame in WORLD_FRAMES else self._cameras[frame]
        return Reading(_time(message), scene=CloudView(cloud_points(message), pose_w))


def cloud_points(message: Any) -> Array:
    """Points (N, 3), m, of a PointCloud2 whose x, y and z are 32-bit floats; NaN where it has them.

    Raises:
        ValueError: other fields, or less data than it says.
    """
    offsets = {field.name: int(field.offset) for field in message.fields if int(field.datatype) == _FLOAT32}
    if not {"x", "y", "z"} <= offsets.keys():
        raise ValueError(f"a cloud has the 32-bit fields {sorted(offsets)}; expected x, y and z")
    order = ">" if message.is_bigendian else "<"
    kind = np.dtype(
        {
            "names": ["x", "y", "z"],
            "formats": [f"{order}f4"] * 3,
            "offsets": [offsets[name] for name in "xyz"],
            "itemsize": int(message.point_step),
        }
    )
    data, width, row = bytes(message.data), int(message.width), int(message.row_step)
    if row < width * kind.itemsize or len(data) < row * int(message.height):
        raise ValueError(f"a cloud of {message.height} rows of {row} bytes has {len(data)} bytes")
    rows = [np.frombuffer(data, dtype=kind, count=width, offset=row * each) for each in range(int(message.height))]
    points = np.concatenate(rows)
    return np.stack([points[name].astype(np.float64) for name in "xyz"], axis=1)


def _camera_poses(cameras: object) -> dict[str, Array]:
    """Poses (7,) by frame.

    Raises:
        ValueError: one that is none: its camera's clouds would all be refused without a word.
    """
    found = {}
    expected = "expected, by the frame of its clouds, 7 numbers: position in m and unit quaternion wxyz"
    if not isinstance(cameras, Mapping):
        raise ValueError(f"cameras are {str(cameras)[:60]}; {expected}")
    for frame, values in cameras.items():
        if (pose := unit_pose(values)) is None:
            raise ValueError(f"cameras have {str(values)[:60]} at {frame!r}; {expected}")
        found[frame] = pose
    return found


def _time(message: Any) -> float:
    stamp = message.header.stamp
    return float(stamp.sec) + 1e-9 * float(stamp.nanosec)


def _wrist(message: Any) -> Reading:
    return Reading(_time(message), wrist_pose_w=_pose(message))


def _object(message: Any) -> Reading:
    return Reading(_time(message), scene=ObjectPose(np.array(_pose(message))))


def _pose(message: Any) -> list[float]:
    """Position and quaternion wxyz (7,) of a PoseStamped, whose frame is the world.

    Raises:
        ValueError: another frame.
    """
    if message.header.frame_id not in WORLD_FRAMES:
        raise ValueError(f"a pose is in the frame {message.header.frame_id!r}; expected the world's")
    place, turn = message.pose.position, message.pose.orientation
    return [place.x, place.y, place.z, turn.w, turn.x, turn.y, turn.z]
