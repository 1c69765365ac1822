"""A user over UDP with whom everything goes wrong, by chance, all of it from one random stream."""

import heapq
import json
from collections import Counter

import numpy as np

from live.hand_facts import HandFacts
from live.inputs import CloudView, ObjectPose
from live.messages import reading_bytes
from live.ports import Reading
from live.poses import IDENTITY, Array
from live.udp import SILENT_S, UdpClient

RATE = 60.0
"""Messages a second."""

SHARES = {"lost": 0.08, "late": 0.06, "reordered": 0.06, "nan": 0.03, "size": 0.02, "jump": 0.04, "clock": 0.02,
          "malformed": 0.03, "stranger": 0.01}  # fmt: skip
"""Of the messages; the others are good."""

_GARBAGE = (
    b"", b"\xff\xfe", b"[]", b"{}", b"null", b'{"time_s": "x"}', b'{"time_s": 1, "other": 2}', b"[" * 60_000,
    b'{"time_s": 1, "points": [[1], [1, 2]]}', b'{"time_s": 1e999}', b'{"time_s": 1%s}' % (400 * b"0"),
    b'{"time_s": NaN, "wrist_pose_w": [1]}',
)  # fmt: skip


class FaultyUser:
    """Moves a wrist to and from an object, reads the joints that it was told, and sends it all, with faults.

    Args:
        facts: the hand.
        address: of the controller.
        rng: decides everything.
        reconnect_s: mean time between two reconnects.

    Attributes:
        sent: messages by what was wrong with them, ``good`` the others.
        reconnects: so far; every second one as another sender, after a silence, the others with another clock alone.
    """

    def __init__(
        self, facts: HandFacts, address: tuple[str, int], rng: np.random.Generator, reconnect_s: float = 3.0
    ) -> None:
        self._facts, self._address, self._rng, self._reconnect_s = facts, address, rng, reconnect_s
        self._client, self._stranger = UdpClient(address), UdpClient(address)
        self._joints = facts.open_pose.copy()
        self._held: list[tuple[float, int, bytes]] = []
        self._next: float | None = None
        self._origin = 0.0
        self._silent_until = -np.inf
        self._leaves = np.inf
        self._number = 0
        self.sent: Counter[str] = Counter()
        self.reconnects = 0

    def step(self, now: float) -> None:
        """Sends what is due at a time of this machine's clock."""
        if self._next is None:
            self._next, self._leaves = now, now + self._rng.exponential(self._reconnect_s)
        answer = self._client.receive()
        if answer is not None:
            self._joints = answer.joint_targets
        if now >= self._leaves:
            self._reconnect(now)
        while self._next <= now:
            if self._next >= self._silent_until:
                self._send(self._next)
            self._next += 1.0 / RATE
        while self._held and self._held[0][0] <= now:
            self._client.send_bytes(heapq.heappop(self._held)[2])

    def close(self) -> None:
        """Gives the sockets back."""
        self._client.close()
        self._stranger.close()

    def _reconnect(self, now: float) -> None:
        self.reconnects += 1
        self._origin = float(self._rng.uniform(-1e4, 1e4))
        silence = 0.0
        if self.reconnects % 2 == 0:
            self._client.close()
            self._client = UdpClient(self._address)
            silence = SILENT_S + 0.1
        self._silent_until = now + silence
        self._leaves = now + silence + self._rng.exponential(max(0.1, self._reconnect_s - 0.5 * SILENT_S))

    def _send(self, now: float) -> None:
        kind = str(self._rng.choice(["good", *SHARES], p=[1.0 - sum(SHARES.values()), *SHARES.values()]))
        self.sent[kind] += 1
        self._number += 1
        if kind == "lost":
            return
        if kind == "malformed":
            self._client.send_bytes(_GARBAGE[int(self._rng.integers(len(_GARBAGE)))])
            return
        data = self._message(now, kind)
        if kind in {"late", "reordered"}:
            wait = self._rng.uniform(0.02, 1.0) if kind == "late" else 2.5 / RATE
            heapq.heappush(self._held, (now + wait, self._number, data))
            return
        (self._stranger if kind == "stranger" else self._client).send_bytes(data)

    def _message(self, now: float, kind: str) -> bytes:
        """A reading at a time, with the fault of that kind."""
        rng, time_s = self._rng, now + self._origin
        wrist, joints = self._wrist(now), self._joints + 0.01 * rng.standard_normal(len(self._joints))
        scene: object = ObjectPose(np.array([0.0, 0.0, 0.04, 1.0, 0.0, 0.0, 0.0]))
        if self._number % 20 == 0:
            points = rng.normal(size=(200, 3))
            points = 0.035 * points / np.linalg.norm(points, axis=1, keepdims=True)
            scene = CloudView(points + np.array([0.0, 0.0, 0.04]), IDENTITY)
        if kind == "nan":
            which = rng.integers(2)
            (wrist, joints)[which][rng.integers(len((wrist, joints)[which]))] = rng.choice([np.nan, np.inf, 1e300])
        elif kind == "size":
            wrist, joints = wrist[: rng.integers(7)], joints[: rng.integers(len(joints))]
        elif kind == "jump":
            wrist[:3] += rng.choice([0.0, 3.0]) * rng.standard_normal(3)
            joints = joints + 2.0 * rng.standard_normal(len(joints))
        elif kind == "clock":
            time_s += float(rng.choice([-20.0, -0.6, -0.3, 0.3, 0.9, 5.0, 1e6]))
        if kind == "nan":  # JSON of Python writes NaN and Infinity, as careless senders do
            content = {"time_s": time_s, "wrist_pose_w": wrist.tolist(), "joint_pos": joints.tolist()}
            return json.dumps(content).encode()
        return reading_bytes(Reading(time_s, wrist, joints, scene, wants_release=bool(rng.random() < 0.002)))

    def _wrist(self, now: float) -> Array:
        """Palm down over the object, to and from it, and up from time to time (7,)."""
        away = 0.5 - 0.5 * np.cos(0.9 * now)
        up = max(0.0, np.sin(0.37 * now)) ** 4
        place = np.array([-0.085 - 0.2 * away, 0.02 * np.sin(1.7 * now), 0.13 + 0.1 * away + 0.15 * up])
        return np.concatenate([place, [0.5, 0.5, 0.5, 0.5]])
