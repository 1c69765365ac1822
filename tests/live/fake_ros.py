"""A stand-in for rclpy and its messages: topics of one process, delivered one by one by ``spin_once``."""

import sys
from collections import deque
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

SENSOR_DATA = SimpleNamespace(reliability="best_effort", depth=5)
"""`rclpy.qos.qos_profile_sensor_data`."""

RELIABLE = {"release"}
"""Topics whose publishers are reliable; drivers publish the others as best effort."""


class FakeNode:
    """Remembers who listens to what, and what was published."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.callbacks: dict[str, Callable[[Any], None]] = {}
        self.published: dict[str, list[Any]] = {}
        self.waiting: deque[tuple[str, Any]] = deque()
        self.is_destroyed = False

    def create_subscription(self, kind: type, topic: str, callback: Callable[[Any], None], quality: Any) -> None:
        assert isinstance(kind, type)
        is_reliable = isinstance(quality, int)  # a depth alone
        assert (quality if is_reliable else quality.depth) > 0
        # a reliable subscription does not match a publisher of best effort; one of best effort loses what a button says
        self.callbacks[topic] = callback if is_reliable == (topic in RELIABLE) else lambda _: None

    def create_publisher(self, kind: type, topic: str, depth: int) -> SimpleNamespace:
        assert isinstance(kind, type)
        sent = self.published.setdefault(topic, [])
        return SimpleNamespace(publish=sent.append)

    def destroy_node(self) -> None:
        self.is_destroyed = True


class Message:
    """A message of any type: fields by keyword, as generated messages take them."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


def install(monkeypatch: pytest.MonkeyPatch) -> list[FakeNode]:
    """Put the stand-ins in place; the list of nodes that will be made."""
    nodes: list[FakeNode] = []
    rclpy: Any = ModuleType("rclpy")
    rclpy.is_running = False

    def create_node(name: str) -> FakeNode:
        assert rclpy.is_running
        nodes.append(FakeNode(name))
        return nodes[-1]

    def spin_once(node: FakeNode, timeout_sec: float) -> None:
        assert timeout_sec == 0.0  # control never waits
        if node.waiting:
            topic, message = node.waiting.popleft()
            node.callbacks[topic](message)

    rclpy.ok = lambda: rclpy.is_running
    rclpy.init = lambda: setattr(rclpy, "is_running", True)
    rclpy.create_node, rclpy.spin_once = create_node, spin_once
    monkeypatch.setitem(sys.modules, "rclpy", rclpy)
    qos: Any = ModuleType("rclpy.qos")
    qos.qos_profile_sensor_data = SENSOR_DATA
    monkeypatch.setitem(sys.modules, "rclpy.qos", qos)
    types = {
        "geometry_msgs": ("PoseStamped",),
        "sensor_msgs": ("JointState", "PointCloud2"),
        "std_msgs": ("Empty", "String", "Float64MultiArray"),
    }
    for package, names in types.items():
        module: Any = ModuleType(f"{package}.msg")
        for name in names:
            setattr(module, name, type(name, (Message,), {}))
        monkeypatch.setitem(sys.modules, package, ModuleType(package))
        monkeypatch.setitem(sys.modules, f"{package}.msg", module)
    return nodes


def header(time_s: float, frame: str = "world") -> SimpleNamespace:
    """A stamped header."""
    seconds = int(time_s)
    stamp = SimpleNamespace(sec=seconds, nanosec=round(1e9 * (time_s - seconds)))
    return SimpleNamespace(stamp=stamp, frame_id=frame)
