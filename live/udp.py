"""Readings and targets as JSON over UDP, on this machine alone unless another address is asked for."""

import json
import socket
import time
from typing import Any

import numpy as np

from live.controller import JointTargets
from live.inputs import CloudView, ObjectPose
from live.ports import Reading
from live.poses import IDENTITY

MAX_BYTES = 65_507
"""Of a datagram."""

SILENT_S = 2.0
"""Seconds of silence after which another sender may take over."""

_FIELDS = {"time_s", "wrist_pose_w", "joint_pos", "object_pose_w", "points", "cloud_pose_w", "release"}


class UdpPort:
    """A `Source` and a `Sink`: takes readings from one sender, and answers it with targets.

    A message is an object with ``time_s`` and any of ``wrist_pose_w``, ``joint_pos``, ``object_pose_w``, ``points``
    with ``cloud_pose_w``, and ``release``. The answer has ``time_s``, ``joint_targets``, ``is_ready``, ``state``,
    ``is_frozen`` and ``message``. Everything else is counted and left alone.

    Args:
        port: to listen at; any free one when 0.
        host: address to listen at.

    Attributes:
        address: where it listens.
        num_malformed: messages that were none.
        num_foreign: messages of a second sender.

    Raises:
        OSError: the port is taken, or the address is not of this machine.
    """

    def __init__(self, port: int = 47_800, host: str = "127.0.0.1") -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.bind((host, port))
        except OSError as error:
            self._socket.close()
            raise OSError(
                f"cannot listen at {host}:{port}: {error.strerror}; end the program that listens there, or choose "
                "another port (0 takes a free one)"
            ) from error
        self._socket.setblocking(False)
        self.address: tuple[str, int] = self._socket.getsockname()
        self._sender: tuple[str, int] | None = None
        self._heard = -np.inf
        self.num_malformed = self.num_foreign = 0

    def read(self) -> list[Reading]:
        """See `Source.read`; at most 256 messages a call."""
        readings = []
        for _ in range(256):
            try:
                data, sender = self._socket.recvfrom(MAX_BYTES)
            except (BlockingIOError, ConnectionError):
                break
            reading = _reading(data)
            if reading is None:
                self.num_malformed += 1
            elif self._is_from(sender):
                readings.append(reading)
        return readings

    def send(self, targets: JointTargets) -> None:
        """See `Sink.send`."""
        if self._sender is None:
            return
        answer = {
            "time_s": targets.time_s,
            "joint_targets": targets.joint_pos.tolist(),
            "is_ready": targets.is_ready,
            "state": targets.state.value,
            "is_frozen": targets.is_frozen,
            "message": targets.message,
        }
        try:
            self._socket.sendto(json.dumps(answer).encode(), self._sender)
        except OSError:  # nobody listens there any more, or the buffer is full: the next one may arrive
            return

    def close(self) -> None:
        """Gives the port back."""
        self._socket.close()

    def _is_from(self, sender: tuple[str, int]) -> bool:
        now = time.monotonic()
        if self._sender not in (None, sender) and now - self._heard < SILENT_S:
            self.num_foreign += 1
            return False
        self._sender, self._heard = sender, now
        return True


def _reading(data: bytes) -> Reading | None:
    """What a message says; None where it says nothing."""
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
    except (ValueError, TypeError, RecursionError):
        return None
    wants_release = content.get("release") is True
    return Reading(time_s, content.get("wrist_pose_w"), content.get("joint_pos"), scene, wants_release)
