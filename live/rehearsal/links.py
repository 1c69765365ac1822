"""The cables between bench and controller: UDP to a second process in real time, or the same messages by a call."""

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Protocol

from live.controller import AssistController
from live.inputs import CloudView
from live.log import ControllerLog
from live.messages import Answer, answer_bytes, parse_answer, parse_reading, reading_bytes
from live.policies import ControlPolicy
from live.ports import Reading
from live.udp import UdpClient

START_S = 120.0
"""Seconds within which a controller has to listen."""

LIFE_S = 1800.0
"""Seconds after which a controller ends by itself: one whose rehearsal was killed would stay for ever."""


class Link(Protocol):
    """Carries readings to a controller and its answers back, once a control period."""

    def exchange(self, time_s: float, readings: list[Reading]) -> Answer | None:
        """Send what was measured by now, and give the newest answer; None before the first. May wait for real time."""
        ...

    def close(self, log: Path | None) -> None:
        """Ends the controller; its log is at ``log`` then."""
        ...


class DirectLink:
    """A controller in this process, in simulated time: as fast as the machine, on any machine the same.

    Messages become bytes and readings again, as on the way through a socket. A cloud is waited for.

    Args:
        policy: moves the fingers.
    """

    def __init__(self, policy: ControlPolicy) -> None:
        self._log = ControllerLog()
        self._controller = AssistController(policy, log=self._log)
        self.num_late = 0

    def exchange(self, time_s: float, readings: list[Reading]) -> Answer | None:
        """See `Link.exchange`."""
        for each in readings:
            reading = parse_reading(reading_bytes(each))
            if reading is None:
                raise RuntimeError(f"the message of {each} cannot be read")
            if reading.wants_release:
                self._controller.release()
            self._controller.update(reading.time_s, reading.wrist_pose_w, reading.joint_pos, reading.scene)
            if isinstance(reading.scene, CloudView):
                self._controller.inputs.wait_for_clouds()
        return parse_answer(answer_bytes(self._controller.update(time_s)))

    def close(self, log: Path | None) -> None:
        """See `Link.close`."""
        self._controller.close()
        if log is not None:
            self._log.save(log)


class UdpLink:
    """``python -m live.run`` as a process of its own, spoken to over UDP in real time.

    Args:
        policy: folder of ONNX files, or a checkpoint.
        log: where it is to write its log.
        period_s: control period.

    Attributes:
        num_late: control periods that came to an end more than half a period late.

    Raises:
        RuntimeError: it ended, or did not listen in time; says what it printed.
    """

    def __init__(self, policy: Path, log: Path, period_s: float) -> None:
        command = [sys.executable, "-m", "live.run", "--policy", str(policy), "--port", "0", "--log", str(log)]
        command += ["--seconds", str(LIFE_S)]
        self._messages = log.with_suffix(".txt")
        with self._messages.open("wb") as file:
            self._process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
        try:
            self._client = UdpClient(("127.0.0.1", self._port()))
        except BaseException:
            self._process.kill()
            raise
        self._period_s = period_s
        self._due: float | None = None
        self._answer: Answer | None = None
        self.num_late = 0

    def _port(self) -> int:
        until = time.monotonic() + START_S
        while time.monotonic() < until and self._process.poll() is None:
            found = re.search(r"listening at [\d.]+:(\d+)", self._messages.read_text(encoding="utf-8"))
            if found:
                return int(found[1])
            time.sleep(0.05)
        said = self._messages.read_text(encoding="utf-8").strip() or "nothing"
        raise RuntimeError(f"the controller did not listen within {START_S:.0f} s; it said: {said}")

    def exchange(self, time_s: float, readings: list[Reading]) -> Answer | None:
        """See `Link.exchange`."""
        for reading in readings:
            self._client.send(reading)
        now = time.monotonic()
        due = now if self._due is None else self._due
        if now - due > 0.5 * self._period_s:
            self.num_late += 1
        time.sleep(max(0.0, due - now))
        self._due = max(due, now - self._period_s) + self._period_s  # time that is lost is not made up for
        self._answer = self._client.receive() or self._answer
        return self._answer

    def close(self, log: Path | None) -> None:
        """See `Link.close`."""
        self._client.close()
        self._process.terminate()
        try:
            self._process.wait(timeout=20.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
