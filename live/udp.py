"""Readings and targets as JSON over UDP, on this machine alone unless another address is asked for."""

import errno
import socket
import time

import numpy as np

from live.controller import JointTargets
from live.messages import MAX_BYTES, Answer, answer_bytes, parse_answer, parse_reading, reading_bytes
from live.ports import Reading

SILENT_S = 2.0
"""Seconds of silence after which another sender may take over."""


MAX_MESSAGES = 1024
"""Messages that are taken in one read at most, a stranger's included."""

MAX_READ = 4 * MAX_BYTES
"""Bytes that are parsed in one read, after which the others wait for the next: some 10 ms."""


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
        ValueError: no port, or no address.
    """

    def __init__(self, port: int = 47_800, host: str = "127.0.0.1") -> None:
        if not 0 <= port <= 65_535:
            raise ValueError(f"port is {port}; expected 0 to 65535 (0 takes a free one)")
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.bind((host, port))
        except (UnicodeError, TypeError) as error:  # a name that is none, as of IDNA
            self._socket.close()
            raise ValueError(f"host is {host[:60]!r}, which is no address: {error}") from error
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
        """See `Source.read`; at most `MAX_MESSAGES` and `MAX_READ` a call."""
        readings, num_parsed = [], 0
        for _ in range(MAX_MESSAGES):
            if num_parsed >= MAX_READ:
                break
            try:
                data, sender = self._socket.recvfrom(MAX_BYTES)
            except (BlockingIOError, ConnectionError):
                break
            if self._is_foreign(sender):  # before it costs the time to be parsed
                self.num_foreign += 1
                continue
            num_parsed += len(data)
            reading = parse_reading(data)
            if reading is None:
                self.num_malformed += 1
                continue
            self._sender, self._heard = sender, time.monotonic()
            readings.append(reading)
        return readings

    def send(self, targets: JointTargets) -> None:
        """See `Sink.send`."""
        if self._sender is None:
            return
        try:
            self._socket.sendto(answer_bytes(targets), self._sender)
        except OSError:  # nobody listens there any more, or the buffer is full: the next one may arrive
            return

    def close(self) -> None:
        """Gives the port back."""
        self._socket.close()

    def _is_foreign(self, sender: tuple[str, int]) -> bool:
        return self._sender not in (None, sender) and time.monotonic() - self._heard < SILENT_S


class UdpClient:
    """The other end of a `UdpPort`: what a program at a tracker, a camera or a hand sends and receives.

    Args:
        address: of the port.
    """

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(address)
        self._socket.setblocking(False)

    def send(self, reading: Reading) -> None:
        """A reading; lost where nobody listens.

        Raises:
            ValueError: see `reading_bytes`.
        """
        self.send_bytes(reading_bytes(reading))

    def send_bytes(self, data: bytes) -> None:
        """A message as it is; lost where nobody listens, or the network is away.

        Raises:
            ValueError: more than a datagram holds.
        """
        try:
            self._socket.send(data)
        except OSError as error:  # a cable that is out, too: the next one may arrive
            if error.errno == errno.EMSGSIZE:
                raise ValueError(f"a message of {len(data)} bytes; a datagram holds {MAX_BYTES}") from error

    def receive(self) -> Answer | None:
        """The newest answer that has come since the last call; None where there is none. Never waits."""
        newest = None
        for _ in range(256):
            try:
                data = self._socket.recv(MAX_BYTES)
            except BlockingIOError:
                break
            except OSError:  # nobody listened when the last message went out, or the network was away
                continue
            newest = parse_answer(data) or newest
        return newest

    def close(self) -> None:
        """Gives the socket back."""
        self._socket.close()
