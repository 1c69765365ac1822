"""What a wrist does in an episode: the border to whatever moves it, and the approach of the paper's task."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from envs.hand.hand import Hand
from envs.wrist.patterns import WristPatterns
from envs.wrist.trajectory import sample_trajectories

Array = NDArray[np.float64]

KINDS: tuple[str, ...] = ("grasp", "change_of_mind", "pass_by")
"""What the wrist is up to: a grasp, a grasp that it turns to on the way to another one, or none."""

NO_GRASP_KINDS: tuple[str, ...] = ("pass_by",)
"""Kinds after which nothing is to be lifted."""

AUTOMATIC = -1
"""Lift step of episodes whose wrist does not rise by itself: the environment lifts after the last step."""


@dataclass(frozen=True)
class WristMovements:
    """K movements over at most T control steps; time index 0 is the start.

    Attributes:
        pose_w: wrist poses (K, T + 1, 7); after the end of a movement its last pose is repeated.
        num_steps: control steps to the end of the first lift, or of the whole movement when nothing is lifted (K,).
        arrival_step: first step from which the wrist stays within 5 mm and 0.05 rad of the grasp until it rises, tremor
            apart; ``num_steps`` when it is no grasp (K,).
        lift_step: first control step of the rise: poses up to this index rest at the grasp, the next one is higher;
            AUTOMATIC where the environment lifts after the last step, ``num_steps`` where nobody lifts (K,).
        retry_lift_step: the same of the second try, ``num_steps`` where there is none (K,).
        retry_steps: control steps to the end of the second try, ``num_steps`` where there is none (K,).
        kind: index into KINDS (K,).
    """

    pose_w: Array
    num_steps: NDArray[np.int64]
    arrival_step: NDArray[np.int64]
    lift_step: NDArray[np.int64]
    retry_lift_step: NDArray[np.int64]
    retry_steps: NDArray[np.int64]
    kind: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.kind)


class WristMovement(Protocol):
    """Draws the movements of wrists to given grasps; chosen in the config."""

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
        """Movements to K grasps.

        Args:
            hand: the hand that must not go through the table.
            final_pose_w: wrist poses at the grasps (K, 7).
            fingertip_centre_w: mean of the fingertips at the grasps (K, 3), m.
            other_pose_w: wrist poses at another grasp of the same object (K, 7); a row of NaN where there is none.
            period_s: seconds of a control step.
            patterns: the movement patterns to draw from.
            mix: blend two patterns in each movement.
            rng: draws everything.
        Raises:
            ValueError: wrong shapes, values that are not finite, or a movement that leaves the reachable space.
        """
        ...

    def max_steps(self, period_s: float) -> int:
        """T, for control steps of ``period_s`` seconds."""
        ...


@dataclass(frozen=True)
class PatternApproach:
    """The paper's task (GraspGF App. A.1): every wrist has arrived when the episode ends, then the environment lifts.

    Args:
        num_steps: control steps of an episode, whatever their length.

    Raises:
        ValueError: no steps.
    """

    num_steps: int = 50

    def __post_init__(self) -> None:
        if self.num_steps < 1:
            raise ValueError(f"num_steps is {self.num_steps}; a movement needs at least 1 control step")

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
        """The trajectories of `sample_trajectories`; ``other_pose_w`` and ``period_s`` play no part."""
        moved = sample_trajectories(
            hand, final_pose_w, fingertip_centre_w, patterns, num_steps=self.num_steps, mix=mix, rng=rng
        )
        end = np.full(len(final_pose_w), self.num_steps)
        return WristMovements(
            pose_w=moved.pose_w,
            num_steps=end,
            arrival_step=moved.arrival_step,
            lift_step=np.full_like(end, AUTOMATIC),
            retry_lift_step=end.copy(),
            retry_steps=end.copy(),
            kind=np.full_like(end, KINDS.index("grasp")),
        )

    def max_steps(self, period_s: float) -> int:
        return self.num_steps
