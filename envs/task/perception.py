"""Errors of perception: the wrist's pose and the object's cloud as a tracker and a camera would give them."""

import math
import zlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from envs.geometry.transforms import (
    pose_compose,
    pose_invert,
    quat_from_rotation_vector,
    quat_multiply,
    transform_points,
)
from envs.physics.base import Array

_POSE_STREAM, _POINT_STREAM = 0, 1
_MAX_SEED = 2**63


class Perceived(NamedTuple):
    """Wrist poses (E, H, 7), world, and clouds (E, N, 3), hand frame, with their errors."""

    wrist_history: Tensor
    points_h: Tensor


@dataclass(frozen=True)
class PerceptionNoise:
    """Gaussian errors, clipped at one standard deviation (GraspGF App. D.4, Table 6).

    Errors follow from seed, episodes and control step alone: a wrist pose keeps its error while it moves through the
    history, and every policy meets the same errors in the same episodes.

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

    def apply(self, wrist_history: Tensor, points_h: Tensor, step: int, *, key: int = 0) -> Perceived:
        """Poses and clouds with their errors.

        The cloud is seen in the world and moved into the frame of the wrist as perceived, so an error of the present
        wrist pose moves the whole cloud.

        Args:
            wrist_history: true wrist poses (E, H, 7), world, oldest first, the last one of control step ``step``;
                poses of before the episode repeat the start.
            points_h: true clouds in the hand frame (E, N, 3), m.
            step: control step, 0 before the first.
            key: names the episodes, see `episode_key`.
        """
        if self.wrist_position_m == self.wrist_rotation_rad == self.point_m == 0.0:
            return Perceived(wrist_history, points_h)
        length = wrist_history.shape[1]
        seen = [
            self._disturb(wrist_history[:, index], max(0, step - length + 1 + index), key) for index in range(length)
        ]
        # T_seen,h: moves coordinates of the true hand frame into that of the perceived one
        shift = pose_compose(pose_invert(seen[-1]), wrist_history[:, -1])
        points = transform_points(shift, points_h)
        if self.point_m > 0.0:
            drawn = torch.randn(points.shape, generator=self._generator(_POINT_STREAM, step, key), dtype=points.dtype)
            points = points + self.point_m * drawn.clamp(-1.0, 1.0).to(points.device)
        return Perceived(torch.stack(seen, dim=1), points)

    def _disturb(self, wrist_pose_w: Tensor, step: int, key: int) -> Tensor:
        drawn = torch.randn(len(wrist_pose_w), 6, generator=self._generator(_POSE_STREAM, step, key))
        error = drawn.clamp(-1.0, 1.0).to(wrist_pose_w)
        position = wrist_pose_w[:, :3] + self.wrist_position_m * error[:, :3]
        turn = quat_from_rotation_vector(self.wrist_rotation_rad * error[:, 3:])
        return torch.cat([position, quat_multiply(turn, wrist_pose_w[:, 3:])], dim=1)

    def _generator(self, stream: int, step: int, key: int) -> torch.Generator:
        text = f"{self.seed} {stream} {step} {key}".encode()
        mixed = zlib.crc32(text) << 32 | zlib.crc32(text[::-1])
        return torch.Generator().manual_seed(mixed % _MAX_SEED)


def episode_key(wrist_pose_w: Array) -> int:
    """A number that names a batch of episodes by wrist poses (E, ..., 7), such as the starts, which a policy sees."""
    return zlib.crc32(np.ascontiguousarray(wrist_pose_w).tobytes())
