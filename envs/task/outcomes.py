"""How episodes end: success, posture and stability of GraspGF Sec. 4.2, and for failures the cause."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from envs.geometry.table import vertical_in
from envs.hand.hand import Hand
from envs.physics.base import Array, PhysicsState
from envs.task.grip import grips
from envs.trials.lift import LiftResult

CAUSES: tuple[str, ...] = (
    "success", "diverged", "disturbed", "never_touched", "pushed_over", "pushed_away", "hit_table", "let_go",
    "slipped_in_lift",
)  # fmt: skip
"""How an episode can end, in the order in which `classify` asks; the last is what remains. Only those that are no grasp
can be disturbed."""

DISTURBED_DISTANCE = 0.01
"""Metres from which on an object that nobody grasps counts as disturbed."""

OVER_ANGLE = np.deg2rad(30.0)
"""An object whose upright axis leans by more than this before the lift counts as pushed over, rad (chosen here)."""

AWAY_DISTANCE = 0.05
"""An object that moved farther than this before the lift counts as pushed away, m (chosen here)."""

TABLE_STEPS = 5
"""Control steps with a finger on the table from which a failure is blamed on the table (chosen here: 1/8 s)."""


@dataclass(frozen=True)
class EpisodeOutcome:
    """How E episodes ended.

    Attributes:
        is_success: the object rose by more than 0.1 m, and its distance to the hand changed by less than 0.05 m; where
            the wrist came for no grasp: the object was not disturbed.
        is_grasp: the wrist came to grasp.
        second_try: where the user came down again after a failed lift: 1 if it failed again, 2 if it succeeded; 0
            where there was none. Of it tells `is_success_at_last`, all else of the first.
        held_steps: control steps right before the lift in all of which the hand held the object (`envs.task.grip`), 0
            where it did not in the last.
        rise: how far the object rose in the lift, m; 0 in diverged worlds.
        slip: change of the hand-object distance in the lift, m.
        height: height of the object's centre before the lift, m.
        is_diverged: the physics broke down; never a success.
        joint_pos: joints before the lift (E, J), rad.
        posture_rad: distance of these joints from those of the grasp to come, over the joints.
        translation_m: how far the object moved from the start to before the lift, m.
        rotation_cos: cosine distance of the object's x axis over the same time, 0 (unturned) to 2.
        cause: index into CAUSES.
    """

    is_success: NDArray[np.bool_]
    is_grasp: NDArray[np.bool_]
    second_try: NDArray[np.int64]
    held_steps: NDArray[np.int64]
    rise: Array
    slip: Array
    height: Array
    is_diverged: NDArray[np.bool_]
    joint_pos: Array
    posture_rad: Array
    translation_m: Array
    rotation_cos: Array
    cause: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.cause)

    @property
    def is_success_at_last(self) -> NDArray[np.bool_]:
        """What the wrist came for was done when the episode ended (E,) bool: at the first try, or at the second."""
        return self.is_success | (self.second_try == 2)

    def cause_counts(self) -> dict[str, int]:
        """Number of episodes by cause, all of CAUSES."""
        return {name: int((self.cause == index).sum()) for index, name in enumerate(CAUSES)}


@dataclass
class EpisodeFacts:
    """What is remembered of E running episodes.

    Attributes:
        start_pose_w: object poses at the start (E, 7).
        was_touched: a hand link touched the object in some step (E,) bool.
        is_touched: one did in the latest step (E,) bool.
        table_steps: in how many steps a hand link touched the table (E,).
        held_steps: in how many of the latest steps, without a break, the hand held the object (E,).
    """

    start_pose_w: Array
    was_touched: NDArray[np.bool_]
    is_touched: NDArray[np.bool_]
    table_steps: NDArray[np.int64]
    held_steps: NDArray[np.int64]

    @classmethod
    def at_start(cls, object_pose_w: Array) -> "EpisodeFacts":
        """Nothing has happened yet to objects at ``object_pose_w`` (E, 7)."""
        no, none = np.zeros(len(object_pose_w), dtype=bool), np.zeros(len(object_pose_w), dtype=np.int64)
        return cls(object_pose_w.copy(), no, no.copy(), none, none.copy())

    def begin(self, rows: NDArray[np.int64], object_pose_w: Array) -> None:
        """New episodes begin in the worlds ``rows`` (K,), with objects at ``object_pose_w`` (K, 7)."""
        self.start_pose_w[rows] = object_pose_w
        self.was_touched[rows] = self.is_touched[rows] = False
        self.table_steps[rows] = self.held_steps[rows] = 0

    def note(
        self, hand: Hand, object_links: NDArray[np.bool_], table_links: NDArray[np.bool_], worlds: NDArray[np.bool_]
    ) -> None:
        """One more control step of the worlds (E,) bool: these links (E, L) touched the object, those the table."""
        self.is_touched = np.where(worlds, object_links.any(axis=1), self.is_touched)
        self.was_touched = self.was_touched | (worlds & self.is_touched)
        self.table_steps = self.table_steps + (worlds & table_links.any(axis=1))
        self.held_steps = np.where(worlds, np.where(grips(hand, object_links), self.held_steps + 1, 0), self.held_steps)


def judge(
    facts: EpisodeFacts,
    before: PhysicsState,
    lifted: LiftResult,
    goal_joint_pos: Array,
    is_grasp: NDArray[np.bool_] | None = None,
    second_try: NDArray[np.int64] | None = None,
) -> EpisodeOutcome:
    """The outcome of E episodes.

    Args:
        facts: what was noted on the way.
        before: state after the last control step, before the lift.
        lifted: result of the lift; not looked at where there was no grasp.
        goal_joint_pos: joints of the grasp to come (E, J), rad.
        is_grasp: where the wrist came to grasp (E,) bool; everywhere when None.
        second_try: see `EpisodeOutcome`; there was none when None.
    """
    is_grasp = np.ones(len(goal_joint_pos), dtype=bool) if is_grasp is None else is_grasp
    is_diverged = before.is_diverged | lifted.is_diverged
    start_w, end_w = facts.start_pose_w, before.object_pose_w
    is_left_alone = translation(start_w, end_w) <= DISTURBED_DISTANCE
    is_success = np.where(is_grasp, lifted.is_lifted, is_left_alone) & ~is_diverged
    return EpisodeOutcome(
        is_success=is_success,
        is_grasp=is_grasp.copy(),
        second_try=np.zeros(len(is_grasp), dtype=np.int64) if second_try is None else second_try.copy(),
        held_steps=facts.held_steps.copy(),
        rise=np.where(is_diverged, 0.0, lifted.rise),
        slip=lifted.slip.copy(),
        height=end_w[:, 2].copy(),
        is_diverged=is_diverged,
        joint_pos=before.joint_pos.copy(),
        posture_rad=np.linalg.norm(before.joint_pos - goal_joint_pos, axis=1),
        translation_m=translation(start_w, end_w),
        rotation_cos=axis_distance(start_w, end_w),
        cause=classify(facts, end_w, is_success, is_diverged, is_grasp),
    )


def classify(
    facts: EpisodeFacts,
    end_pose_w: Array,
    is_success: NDArray[np.bool_],
    is_diverged: NDArray[np.bool_],
    is_grasp: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Index into CAUSES of each episode (E,): the first that applies, in their order.

    Diverged; disturbed where there was no grasp; never touched before the lift; pushed over or away (object poses
    ``end_pose_w`` (E, 7) before the lift); a finger rested on the table; the object was touched but no longer when the
    lift began; else it slipped.
    """
    applies = [
        is_success,
        is_diverged,
        ~is_grasp,
        ~facts.was_touched,
        lean(facts.start_pose_w, end_pose_w) > OVER_ANGLE,
        translation(facts.start_pose_w, end_pose_w) > AWAY_DISTANCE,
        facts.table_steps >= TABLE_STEPS,
        ~facts.is_touched,
    ]
    return np.select(applies, list(range(len(applies))), default=CAUSES.index("slipped_in_lift")).astype(np.int64)


def translation(start_pose_w: Array, end_pose_w: Array) -> Array:
    """Distance between two object positions (E,), m (GraspGF Sec. 4.2)."""
    return np.linalg.norm(end_pose_w[:, :3] - start_pose_w[:, :3], axis=1)


def axis_distance(start_pose_w: Array, end_pose_w: Array) -> Array:
    """1 - <x_start, x_end> (E,), with the object's x axis in the world (GraspGF Sec. 4.2): 0 unturned, 2 reversed.

    A turn about the x axis itself does not show.
    """
    return 1.0 - (_x_axis(start_pose_w) * _x_axis(end_pose_w)).sum(axis=1)


def lean(start_pose_w: Array, end_pose_w: Array) -> Array:
    """Angle (E,), rad, between the vertical and the object's axis that was vertical at the start."""
    upright = (vertical_in(start_pose_w) * vertical_in(end_pose_w)).sum(axis=1)
    return np.arccos(upright.clip(-1.0, 1.0))


def _x_axis(pose: Array) -> Array:
    """First column of the rotation matrices of poses (E, 7): (E, 3)."""
    w, x, y, z = pose[:, 3:].T
    return np.stack([1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + w * z), 2.0 * (x * z - w * y)], axis=1)
