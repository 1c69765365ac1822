"""Errors of perception: the wrist's pose and the object's cloud as a tracker and a camera would give them."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.geometry.transforms import quat_from_rotation_vector, quat_multiply


@dataclass(frozen=True)
class PerceptionNoise:
    """Gaussian errors, clipped at one standard deviation (GraspGF App. D.4, Table 6).

    Attributes:
        wrist_position_m: standard deviation and bound of each coordinate of the wrist's position, m.
        wrist_rotation_rad: of each component of a rotation vector by which the wrist is turned, rad.
        point_m: of each coordinate of a cloud point, m; not in the paper.
        seed: another seed, other errors.

    Raises:
        ValueError: a negative, infinite or missing size.
    """

    wrist_position_m: float = 0.0
    wrist_rotation_rad: float = 0.0
    point_m: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("wrist_position_m", "wrist_rotation_rad", "point_m"):
            size = getattr(self, name)
            if not (math.isfinite(size) and size >= 0.0):
                raise ValueError(f"perception noise {name} is {size}, expected a number of at least 0 (0: no error)")

    @classmethod
    def table_6(cls, level: float, seed: int = 0) -> "PerceptionNoise":
        """``level`` degrees and ``level`` centimetres; the paper has 2 and 5."""
        return cls(wrist_position_m=0.01 * level, wrist_rotation_rad=math.radians(level), seed=seed)


class PerceptionErrors:
    """The errors in E worlds, drawn anew in each control step.

    They follow from the noise's seed, the episode's key and the number of control steps since its start alone: every
    policy meets the same errors in the same episode, whatever runs beside it.

    Args:
        noise: their sizes.
        num_worlds: E.
    """

    def __init__(self, noise: PerceptionNoise, num_worlds: int) -> None:
        self._noise = noise
        self._streams: list[list[np.random.Generator]] = [[]] * num_worlds

    def begin(self, worlds: NDArray[np.int64], keys: NDArray[np.int64]) -> None:
        """Episodes with these keys (K,) begin in the worlds (K,)."""
        for world, key in zip(worlds.tolist(), keys.tolist(), strict=True):
            self._streams[world] = [np.random.default_rng([self._noise.seed, key, stream]) for stream in range(2)]

    def wrists(self, pose_w: Tensor) -> Tensor:
        """The poses (E, 7) as they are seen; to be called once in a control step."""
        error = self._draw(0, (6,)).to(pose_w)
        turn = quat_from_rotation_vector(self._noise.wrist_rotation_rad * error[:, 3:])
        position = pose_w[:, :3] + self._noise.wrist_position_m * error[:, :3]
        return torch.cat([position, quat_multiply(turn, pose_w[:, 3:])], dim=1)

    def clouds(self, cloud: Tensor) -> Tensor:
        """Clouds (E, 3, N) as they are seen in the world, in the frame of their own; once in a control step."""
        if self._noise.point_m == 0.0:
            return cloud
        return cloud + self._noise.point_m * self._draw(1, tuple(cloud.shape[1:])).to(cloud)

    def _draw(self, stream: int, shape: tuple[int, ...]) -> Tensor:
        drawn = np.stack([streams[stream].standard_normal(shape, dtype=np.float32) for streams in self._streams])
        return torch.as_tensor(drawn.clip(-1.0, 1.0))
