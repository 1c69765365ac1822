"""Topics of ROS 2 as source and sink, with a stand-in for rclpy."""

import json
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from live.controller import AssistController, JointTargets
from live.inputs import CloudView, ObjectPose
from live.ports import pump
from live.ros2 import Ros2Port, cloud_points
from live.states import State
from tests.live.fake_ros import FakeNode, Message, header, install
from tests.live.fakes import FACTS, OPEN, THING, WRIST, FakePolicy

CAMERA = np.array([0.5, 0.0, 0.5, 0.0, 1.0, 0.0, 0.0])


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> list[FakeNode]:
    return install(monkeypatch)


def pose(values: np.ndarray, time_s: float = 1.5, frame: str = "world") -> Message:
    x, y, z, w, i, j, k = values
    return Message(
        header=header(time_s, frame),
        pose=SimpleNamespace(position=SimpleNamespace(x=x, y=y, z=z), orientation=SimpleNamespace(w=w, x=i, y=j, z=k)),
    )


def cloud(points: np.ndarray, frame: str = "world", **changes: Any) -> Message:
    """Points with an intensity between them and the next, as drivers pad them, and rows that are longer than needed."""
    names = [("x", 0), ("y", 4), ("z", 8), ("intensity", 16)]
    data = np.zeros((2, len(points) // 2, 5), dtype="<f4")
    data[..., :3] = points.reshape(2, -1, 3)
    rows = [row.tobytes() + b"\0" * 12 for row in data]
    fields: dict[str, Any] = {
        "header": header(2.0, frame), "height": 2, "width": len(points) // 2, "point_step": 20,
        "row_step": len(rows[0]), "is_bigendian": False, "data": b"".join(rows),
        "fields": [SimpleNamespace(name=name, offset=offset, datatype=7) for name, offset in names],
    }  # fmt: skip
    return Message(**(fields | changes))


def test_topics_become_readings(nodes: list[FakeNode]) -> None:
    port = Ros2Port(FACTS, {"camera": CAMERA})
    names, positions = ["c", "other", "a", "b"], [OPEN[2], 9.0, OPEN[0], OPEN[1]]
    points = np.random.default_rng(0).normal(size=(40, 3))
    nodes[0].waiting.extend(
        [
            ("wrist_pose", pose(WRIST, 12.25)),
            ("joint_states", Message(header=header(12.3), name=names, position=positions)),
            ("object_pose", pose(THING)),
            ("points", cloud(points, "camera")),
            ("release", Message()),
        ]
    )
    wrist, joints, thing, view, release = port.read()
    assert wrist.time_s == pytest.approx(12.25)
    np.testing.assert_allclose(np.array(wrist.wrist_pose_w), WRIST)
    np.testing.assert_allclose(np.array(joints.joint_pos), OPEN)
    assert isinstance(thing.scene, ObjectPose)
    np.testing.assert_allclose(thing.scene.pose_w, THING)
    assert isinstance(view.scene, CloudView)
    np.testing.assert_allclose(view.scene.points, points, atol=1e-6)
    np.testing.assert_array_equal(view.scene.pose_w, CAMERA)
    assert release.wants_release
    assert port.read() == []
    port.close()
    assert nodes[0].is_destroyed


@pytest.mark.parametrize(
    ("topic", "message"),
    [
        ("joint_states", Message(header=header(1.0), name=["a", "b"], position=[0.0, 0.1])),
        ("joint_states", Message(header=header(1.0), name=["a", "b", "c"], position=[0.0])),
        ("wrist_pose", pose(WRIST, frame="camera")),
        ("wrist_pose", Message()),
        ("points", cloud(np.zeros((4, 3)), "nowhere")),
        ("points", cloud(np.zeros((4, 3)), data=b"")),
        ("points", cloud(np.zeros((4, 3)), fields=[])),
    ],
)
def test_what_cannot_be_used_is_counted(nodes: list[FakeNode], topic: str, message: Message) -> None:
    port = Ros2Port(FACTS)
    nodes[0].waiting.extend([(topic, message), ("wrist_pose", pose(WRIST))])
    assert len(port.read()) == 1
    assert port.num_malformed == 1


def test_targets_are_published_once_they_are_ready(nodes: list[FakeNode]) -> None:
    port = Ros2Port(FACTS)
    port.send(JointTargets(0.0, OPEN, False, State.IDLE, True, "no joints read yet"))
    assert nodes[0].published["joint_targets"] == []
    port.send(JointTargets(0.0, OPEN, True, State.HOLDING, False, ""))
    assert nodes[0].published["joint_targets"][0].data == OPEN.tolist()
    told = json.loads(nodes[0].published["state"][-1].data)
    assert told == {"state": "holding", "is_frozen": False, "message": ""}


def test_a_controller_runs_on_topics(nodes: list[FakeNode]) -> None:
    port, controller = Ros2Port(FACTS), AssistController(FakePolicy())
    for time_s in (4.95, 4.975, 5.0):
        joints = Message(header=header(time_s), name=list(FACTS.joints), position=OPEN.tolist())
        nodes[0].waiting.extend([("wrist_pose", pose(WRIST, time_s)), ("joint_states", joints)])
    pump(controller, [port], [port], 5.0)
    assert nodes[0].published["joint_targets"][-1].data == pytest.approx(OPEN.tolist())


def test_without_ros_it_says_how_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rclpy", None)
    with pytest.raises(ModuleNotFoundError, match="comes with ROS 2"):
        Ros2Port(FACTS)


def test_big_endian_clouds_are_read() -> None:
    data = np.array([[1.0, 2.0, 3.0]], dtype=">f4").tobytes()
    fields = [SimpleNamespace(name=name, offset=4 * at, datatype=7) for at, name in enumerate("xyz")]
    message = Message(height=1, width=1, point_step=12, row_step=12, is_bigendian=True, data=data, fields=fields)
    np.testing.assert_array_equal(cloud_points(message), [[1.0, 2.0, 3.0]])


@pytest.mark.parametrize("cameras", [{"camera_link": [0.5, 0.0, 0.5]}, {"camera_link": "here"}, [CAMERA.tolist()]])
def test_poses_of_cameras_that_are_none_are_told_at_once(nodes: list[FakeNode], cameras: Any) -> None:
    with pytest.raises(ValueError, match=r"cameras.*7 numbers"):
        Ros2Port(FACTS, cameras)
    assert not nodes
