"""How a user's wrist moves in an episode, and when it lifts: the seam between the task and sources of movements."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from envs.hand.hand import Hand
from envs.wrist.patterns import WristPatterns
from envs.wrist.trajectory import sample_trajectories

Array = NDArray[np.float64]

KINDS: tuple[str, ...] = ("grasp", "change_of_mind", "pass_by")
NO_GRASP_KINDS: tuple[str, ...] = ("pass_by",)
AUTOMATIC = -1


@dataclass(frozen=True)
class WristMovements:
    pose_w: Array
    num_steps: NDArray[np.int64]
    arrival_step: NDArray[np.int64]
    lift_step: NDArray[np.int64]
    retry_lift_step: NDArray[np.int64]
    retry_steps: NDArray[np.int64]
    kind: NDArray[np.int64]


class WristMovement(Protocol):
    def sample(
        self,
        hand: Hand,
        final_pose_w: Array,
        fingertip_centre_w: Array,
        other_pose_w: Array,
        *,
        period_s: float,
        patterns: WristPatterns,
        mix: bool,
        rng: np.random.Generator,
    ) -> WristMovements: ...

    def max_steps(self, period_s: float) -> int: ...


@dataclass(frozen=True)
class PatternApproach:
    num_steps: int = 50

    def sample(
        self,
        hand: Hand,
        final_pose_w: Array,
        fingertip_centre_w: Array,
        other_pose_w: Array,
        *,
        period_s: float,
        patterns: WristPatterns,
        mix: bool,
        rng: np.random.Generator,
    ) -> WristMovements:
        moved = sample_trajectories(
            hand, final_pose_w, fingertip_centre_w, patterns, num_steps=self.num_steps, mix=mix, rng=rng
        )
        n = np.full(len(final_pose_w), self.num_steps)
        return WristMovements(
            moved.pose_w, n, moved.arrival_step, np.full_like(n, AUTOMATIC), n.copy(), n.copy(), np.zeros_like(n)
        )

    def max_steps(self, period_s: float) -> int:
        return self.num_steps
