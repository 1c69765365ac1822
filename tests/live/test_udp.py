"""Readings and targets over UDP: malformed messages, two senders, a port that is taken."""

import json
import socket
import time

import pytest

from live.controller import AssistController
from live.ports import Reading, pump
from live.udp import UdpPort
from tests.live.fakes import BALL, OPEN, THING, WRIST, FakePolicy


def wait_for(port: UdpPort) -> list[Reading]:
    for _ in range(200):
        if readings := port.read():
            return readings
        time.sleep(0.002)
    return []


def sender() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.settimeout(2.0)
    return made


def test_a_wrist_sent_over_udp_is_answered_with_targets() -> None:
    port, user = UdpPort(0), sender()
    controller = AssistController(FakePolicy())
    controller.know_object(BALL)
    content = {
        "wrist_pose_w": WRIST.tolist(),
        "joint_pos": OPEN.tolist(),
        "object_pose_w": THING.tolist(),
    }
    for time_s in (0.96, 0.98, 1.0):
        user.sendto(json.dumps(content | {"time_s": time_s}).encode(), port.address)
    time.sleep(0.02)
    pump(controller, [port], [port], 1.0)
    answer = json.loads(user.recv(65_507))
    assert answer["is_ready"]
    assert answer["joint_targets"] == pytest.approx(OPEN.tolist())
    port.close()


def test_malformed_messages_are_counted_and_left_alone() -> None:
    port, user = UdpPort(0), sender()
    bad = [
        b"", b"\xff\xfe", b"[]", b"{}", b'{"time_s": "x"}', b'{"time_s": 1, "points": "x"}',
        b'{"time_s": 1, "other": 2}',
        b"[" * 60_000, b'{"time_s": 1, "points": [[1], [1, 2]]}',
    ]  # fmt: skip
    for data in bad:
        user.sendto(data, port.address)
    user.sendto(b'{"time_s": 5.0}', port.address)
    readings = wait_for(port)
    assert [reading.time_s for reading in readings] == [5.0]
    assert port.num_malformed == len(bad)
    port.close()


def test_a_second_sender_is_not_heard_until_the_first_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    port, first, second = UdpPort(0), sender(), sender()
    first.sendto(b'{"time_s": 1.0}', port.address)
    assert len(wait_for(port)) == 1
    second.sendto(b'{"time_s": 2.0}', port.address)
    time.sleep(0.02)
    assert port.read() == []
    assert port.num_foreign == 1
    monkeypatch.setattr("live.udp.SILENT_S", 0.0)
    second.sendto(b'{"time_s": 3.0}', port.address)
    assert [reading.time_s for reading in wait_for(port)] == [3.0]
    port.close()


def test_a_port_that_is_taken_is_named() -> None:
    port = UdpPort(0)
    with pytest.raises(OSError, match=f"cannot listen at 127.0.0.1:{port.address[1]}"):
        UdpPort(port.address[1])
    port.close()
