"""What came of the visitor's tries, by the criteria of the task: lifted, or why not."""

import numpy as np
from numpy.typing import NDArray

from envs.hand.hand import Hand
from envs.physics.base import PhysicsState
from envs.task.grip import grips
from envs.task.outcomes import CAUSES, EpisodeFacts, judge
from envs.trials.lift import judge_lift

NEAR = 0.25
"""Metres from the wrist to the object's centre within which a try begins."""

BEGUN, ENOUGH = 0.02, 0.16
"""Metres above its lowest place at which the wrist has begun to rise, and at which the try is judged: an object that
came along has risen by the 0.1 m of `envs.trials.lift.MIN_RISE` then."""

SENTENCES: dict[str, str] = {
    "success": "Lifted!",
    "diverged": "The simulation broke down: the object was squeezed too hard.",
    "disturbed": "The object was pushed although nobody wanted it.",
    "never_touched": "The hand never touched the object: come closer before you rise.",
    "pushed_over": "The object was pushed over: approach from where the fingers can go around it.",
    "pushed_away": "The object was pushed away: come more slowly, with the palm towards it.",
    "hit_table": "A finger rested on the table: stay a little higher.",
    "let_go": "The fingers had lost the object when you rose: wait until they are closed.",
    "slipped_in_lift": "The object slipped in the lift: bring the palm closer, and wait until the fingers are closed.",
}
"""What the visitor reads of each of CAUSES."""


class Tries:
    """Watches one world; a try begins when the hand is near the object, and ends when the wrist has risen.

    Args:
        hand: the hand.

    Attributes:
        num_tries, num_lifted: tries that ended, and those of them that lifted the object.
        last: cause by which the last one ended, of CAUSES; empty before the first.
        is_held: whether the hand holds the object now.
    """

    def __init__(self, hand: Hand) -> None:
        self._hand = hand
        self.num_tries = self.num_lifted = 0
        self.last = ""
        self.is_held = False
        self._facts: EpisodeFacts | None = None
        self._before: PhysicsState | None = None
        self._lowest = np.inf
        self._is_over = False

    def begin(self) -> None:
        """Another world: nothing is under way; the counts stay."""
        self._facts = self._before = None
        self._is_over, self.is_held = False, False

    def step(self, state: PhysicsState, object_links: NDArray[np.bool_], table_links: NDArray[np.bool_]) -> None:
        """Look at the world (arrays of one row) after a control step: links (1, L) that touch the object, the table."""
        self.is_held = bool(grips(self._hand, object_links)[0])
        height = float(state.wrist_pose_w[0, 2])
        distance = float(np.linalg.norm(state.wrist_pose_w[0, :3] - state.object_pose_w[0, :3]))
        if self._is_over:
            self._is_over = height > self._lowest + 0.5 * ENOUGH  # until the wrist has come down again
            return
        if self._facts is None or self._before is None:
            if distance > NEAR:
                return
            self._facts, self._before, self._lowest = EpisodeFacts.at_start(state.object_pose_w), state, height
        self._lowest = min(self._lowest, height)
        if height > self._lowest + ENOUGH or state.is_diverged[0]:
            self._end(self._facts, self._before, state)
        elif height < self._lowest + BEGUN:
            self._before = state
            self._facts.note(self._hand, object_links, table_links, np.array([True]))

    def _end(self, facts: EpisodeFacts, before: PhysicsState, state: PhysicsState) -> None:
        outcome = judge(facts, before, judge_lift(before, state), before.joint_pos)
        self.last = CAUSES[int(outcome.cause[0])]
        self.num_tries += 1
        self.num_lifted += int(outcome.is_success[0])
        self._facts = self._before = None
        self._is_over = True
