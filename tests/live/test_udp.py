"""Readings and targets over UDP: malformed messages, two senders, a port that is taken."""

import errno
import json
import os
import socket
import time

import pytest

from live.controller import AssistController
from live.messages import parse_reading
from live.ports import Reading, pump
from live.udp import UdpClient, UdpPort
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


def test_a_strangers_messages_are_not_even_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    port, first, stranger = UdpPort(0), sender(), sender()
    first.sendto(b'{"time_s": 1.0}', port.address)
    assert len(wait_for(port)) == 1

    def parse(data: bytes) -> Reading | None:
        assert data == b'{"time_s": 2.0}'
        return parse_reading(data)

    monkeypatch.setattr("live.udp.parse_reading", parse)
    stranger.sendto(b"[" * 60_000, port.address)
    first.sendto(b'{"time_s": 2.0}', port.address)
    assert [reading.time_s for reading in wait_for(port)] == [2.0]
    assert (port.num_foreign, port.num_malformed) == (1, 0)
    port.close()


def test_who_sends_nothing_that_can_be_read_is_no_sender() -> None:
    port, stranger, user = UdpPort(0), sender(), sender()
    stranger.sendto(b"hello", port.address)
    user.sendto(b'{"time_s": 1.0}', port.address)
    assert len(wait_for(port)) == 1
    assert (port.num_malformed, port.num_foreign) == (1, 0)
    port.close()


def test_a_read_parses_so_much_and_the_rest_comes_with_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live.udp.MAX_READ", 40)
    port, user = UdpPort(0), sender()
    for number in range(5):
        user.sendto(b'{"time_s": %d.00}' % number, port.address)  # 16 bytes
    time.sleep(0.02)
    assert [len(port.read()) for _ in range(3)] == [3, 2, 0]
    port.close()


@pytest.mark.parametrize("error", [errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ECONNREFUSED])
def test_a_cable_that_is_out_ends_no_client(error: int) -> None:
    client = UdpClient(("127.0.0.1", 9))

    class Out:
        """A socket without a network, three times."""

        times = 0

        def send(self, data: bytes) -> None:
            raise OSError(error, os.strerror(error))

        def recv(self, size: int) -> bytes:
            self.times += 1
            raise OSError(error, os.strerror(error)) if self.times < 3 else BlockingIOError

    client.close()
    client._socket = Out()  # type: ignore[assignment]
    client.send(Reading(0.0))
    assert client.receive() is None


def test_a_message_that_is_too_long_is_told() -> None:
    client = UdpClient(("127.0.0.1", 9))
    with pytest.raises(ValueError, match="70000 bytes; a datagram holds 65507"):
        client.send_bytes(bytes(70_000))
    client.close()


@pytest.mark.parametrize(("port", "host", "why"), [(70_000, "127.0.0.1", "port is 70000"), (0, 70 * "ä", "no address")])
def test_a_port_or_an_address_that_is_none_is_told(port: int, host: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        UdpPort(port, host)


def test_a_port_that_is_taken_is_named() -> None:
    port = UdpPort(0)
    with pytest.raises(OSError, match=f"cannot listen at 127.0.0.1:{port.address[1]}"):
        UdpPort(port.address[1])
    port.close()
