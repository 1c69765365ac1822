"""A tracker that is late and noisy: readings between the simulated hand and the controller."""

from collections import deque
from dataclasses import replace

import numpy as np

from live.inputs import ObjectPose
from live.ports import Reading, Source
from live.poses import Array

MAX_LATENCY_S = 0.12
"""Seconds; of a wrist that is seen later than 0.15 s the controller says that it is lost."""

MAX_NOISE_M = 0.01
"""Standard deviation of a position, m."""


class LateNoisySource:
    """A `Source` that holds back and disturbs poses of another one; joints, which no tracker sees, pass as they are.

    Args:
        source: gives readings whose newest time is now.
        rng: draws the noise.

    Attributes:
        latency_s: seconds that poses are late.
        noise_m: standard deviation of each coordinate of wrist and object, m.
    """

    def __init__(self, source: Source, rng: np.random.Generator) -> None:
        self._source, self._rng = source, rng
        self._held: deque[Reading] = deque(maxlen=64)
        self.latency_s = 0.0
        self.noise_m = 0.0

    def read(self) -> list[Reading]:
        """See `Source.read`."""
        ready = []
        for reading in self._source.read():
            scene = reading.scene
            if isinstance(scene, ObjectPose):
                scene = ObjectPose(self._disturbed(scene.pose_w))
            wrist_w = None if reading.wrist_pose_w is None else self._disturbed(np.asarray(reading.wrist_pose_w))
            self._held.append(Reading(reading.time_s, wrist_w, None, scene, reading.wants_release))
            while self._held and self._held[0].time_s <= reading.time_s - self.latency_s + 1e-9:
                ready.append(self._held.popleft())
            # poses come before the joints, whose time is now and lets the controller take its step
            now = ready.pop() if ready and ready[-1].time_s == reading.time_s else Reading(reading.time_s)
            ready.append(replace(now, joint_pos=reading.joint_pos))
        return ready

    def _disturbed(self, pose_w: Array) -> Array:
        noise = np.zeros(7)
        noise[:3] = self.noise_m * self._rng.standard_normal(3)
        return pose_w + noise
