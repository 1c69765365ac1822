"""Errors of perception: the wrist's pose and the object's cloud as a tracker and a camera would give them."""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.geometry.object_clouds import KnownObjects
from envs.geometry.transforms import quat_from_rotation_vector, quat_multiply
from envs.task.episodes import Episodes
from envs.task.one_camera import OneCamera

_SIZE = 3
"""Stream of an episode's sizes; those before it are of its errors."""


@dataclass(frozen=True)
class PerceptionNoise:
    """Gaussian errors, clipped at one standard deviation (GraspGF App. D.4, Table 6), and a tracker that is late.

    Attributes:
        wrist_position_m: standard deviation and bound of each coordinate of the wrist's position, m.
        wrist_rotation_rad: of each component of a rotation vector by which the wrist is turned, rad.
        point_m: of each coordinate of a cloud point, m; not in the paper.
        one_camera: of the cloud only what one fixed depth camera sees is there, before points are moved; what the hand
            hides is there, too (`envs.task.one_camera`); not in the paper.
        wrist_latency_s: a wrist is seen so much later than it was there, s; rounded to control steps; not in the paper.
        wrist_lost: share of the wrist's samples that are lost, the last one seen standing for them; not in the paper.
        varied_share: for training: so many episodes have Gaussian errors, of sizes drawn evenly from 0 to these, the
            others none; in [0, 1]. All have them, of exactly these sizes, when None.
        seed: another seed, other errors.

    Raises:
        ValueError: a negative, infinite or missing size, a share out of its bounds, or a negative seed.
    """

    wrist_position_m: float = 0.0
    wrist_rotation_rad: float = 0.0
    point_m: float = 0.0
    one_camera: bool = False
    wrist_latency_s: float = 0.0
    wrist_lost: float = 0.0
    varied_share: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.varied_share is not None and not 0.0 <= self.varied_share <= 1.0:
            raise ValueError(
                f"perception noise varied_share is {self.varied_share}, expected a share of the episodes in [0, 1], or "
                "null for the same errors in all of them"
            )
        if self.wrist_lost >= 1.0:
            raise ValueError(f"perception noise wrist_lost is {self.wrist_lost}, expected a share below 1 (0: no loss)")
        if self.seed < 0:
            raise ValueError(f"perception noise seed is {self.seed}, expected at least 0")
        for name in ("wrist_position_m", "wrist_rotation_rad", "point_m", "wrist_latency_s", "wrist_lost"):
            size = getattr(self, name)
            if not (math.isfinite(size) and size >= 0.0):
                raise ValueError(f"perception noise {name} is {size}, expected a number of at least 0 (0: no error)")

    @property
    def moves_points(self) -> bool:
        """Whether clouds have errors of their own, beside those of where they are seen from."""
        return self.point_m > 0.0 or self.one_camera


class PerceptionErrors:
    """The errors in E worlds, drawn anew in each control step.

    They follow from the noise's seed, the episode's key and the number of control steps since its start alone: every
    policy meets the same errors in the same episode, whatever runs beside it.

    Args:
        noise: their sizes.
        num_worlds: E.
        period_s: seconds of a control step.
    """

    def __init__(self, noise: PerceptionNoise, num_worlds: int, period_s: float) -> None:
        self._noise = noise
        self._camera = OneCamera(num_worlds) if noise.one_camera else None
        self._streams: list[list[np.random.Generator]] = [[]] * num_worlds
        self._size = np.ones(num_worlds, dtype=np.float32)
        self._is_first = torch.zeros(num_worlds, dtype=torch.bool)
        self._seen = torch.zeros(num_worlds, 7)
        self._wrist_w, self._cloud = self._seen, torch.zeros(num_worlds, 0, 0)  # as shown last
        self._past: deque[Tensor] = deque(maxlen=1 + round(noise.wrist_latency_s / period_s))

    def begin(self, worlds: NDArray[np.int64], keys: NDArray[np.int64], episodes: Episodes | None = None) -> None:
        """Episodes with these keys (K,) begin in the worlds (K,); what they are is needed for a camera alone."""
        for world, key in zip(worlds.tolist(), keys.tolist(), strict=True):
            self._streams[world] = [np.random.default_rng([self._noise.seed, key, stream]) for stream in range(3)]
            self._size[world] = self._drawn_size(key)
        self._is_first[torch.as_tensor(worlds)] = True
        if self._camera is not None and episodes is not None:
            self._camera.begin(worlds, episodes)

    def _drawn_size(self, key: int) -> float:
        """By what the Gaussian errors of an episode are smaller, in [0, 1]."""
        share = self._noise.varied_share
        if share is None:
            return 1.0
        chosen, size = np.random.default_rng([self._noise.seed, key, _SIZE]).random(2)
        return float(size) if chosen < share else 0.0

    def wrists(self, pose_w: Tensor, again: Tensor | None = None) -> Tensor:
        """The poses (E, 7) as they are seen; to be called once in a control step.

        Once more in the same step for worlds ``again`` (E,) bool that have begun since; the others are seen as before.
        """
        pose_w = self._late(pose_w, again)
        error = self._draw(0, (6,), again).to(pose_w)
        turn = quat_from_rotation_vector(self._noise.wrist_rotation_rad * error[:, 3:])
        position = pose_w[:, :3] + self._noise.wrist_position_m * error[:, :3]
        seen = torch.cat([position, quat_multiply(turn, pose_w[:, 3:])], dim=1)
        self._wrist_w = seen if again is None else torch.where(again[:, None], seen, self._wrist_w)
        return self._wrist_w

    def _late(self, pose_w: Tensor, again: Tensor | None) -> Tensor:
        """The last of these poses (E, 7), given step by step, that have come through; at first a wrist is seen."""
        if self._past.maxlen == 1 and self._noise.wrist_lost == 0.0:
            return pose_w
        first = self._is_first.to(pose_w.device)[:, None]
        self._past.extend([pose_w] * (self._past.maxlen or 1) if not self._past else [])
        for index, earlier in enumerate(self._past):
            self._past[index] = torch.where(first, pose_w, earlier)
        if again is None:
            self._past.append(pose_w)
        come = self._past[0] if again is None else torch.where(again[:, None], self._past[0], self._seen)
        if self._noise.wrist_lost > 0.0:
            drawn = np.array([1.0 if streams is None else streams[2].random() for streams in self._drawing(again)])
            is_lost = torch.as_tensor(drawn < self._noise.wrist_lost) & ~self._is_first
            come = torch.where(is_lost.to(pose_w.device)[:, None], self._seen, come) if is_lost.any() else come
        self._seen = come
        self._is_first[:] = False
        return come

    def clouds(
        self, cloud: Tensor, object_pose_w: Tensor, objects: KnownObjects | None, again: Tensor | None = None
    ) -> tuple[Tensor, KnownObjects | None]:
        """Clouds (E, 3, N) as they are seen, in their own frames, and who knows their groups; once in a control step.

        Args:
            cloud: as they are.
            object_pose_w: their frames in the world (E, 7).
            objects: what knows the groups of the clouds as they are.
            again: see `wrists`.
        """
        if self._camera is not None:
            cloud, objects = self._camera.see(cloud, object_pose_w)
        if self._noise.point_m == 0.0:
            return cloud, objects
        seen = cloud + self._noise.point_m * self._draw(1, tuple(cloud.shape[1:]), again).to(cloud)
        self._cloud = seen if again is None else torch.where(again[:, None, None], seen, self._cloud)
        return self._cloud, objects

    def _drawing(self, again: Tensor | None) -> list[list[np.random.Generator] | None]:
        """The streams of each world that something is drawn for, None for the others."""
        if again is None:
            return list(self._streams)
        return [streams if draws else None for streams, draws in zip(self._streams, again.tolist(), strict=True)]

    def _draw(self, stream: int, shape: tuple[int, ...], again: Tensor | None) -> Tensor:
        none = np.zeros(shape, dtype=np.float32)
        drawn = np.stack(
            [
                none if streams is None else streams[stream].standard_normal(shape, dtype=np.float32)
                for streams in self._drawing(again)
            ]
        )
        return torch.as_tensor(drawn.clip(-1.0, 1.0) * self._size.reshape(-1, *(1 for _ in shape)))
