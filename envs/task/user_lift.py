"""Lifts by the user: he rises within the episode, and may come down and try again when the object stayed behind."""

import numpy as np
from numpy.typing import NDArray

from envs.physics.base import Array, PhysicsState, to_host
from envs.rows import choose_rows
from envs.task.episodes import Episodes
from envs.trials.lift import LiftResult, judge_lift
from envs.wrist.movement import AUTOMATIC


class UserLifts:
    """What E worlds were like before their users rose, and what came of it.

    Worlds that the environment lifts end at the same time as here, and are otherwise left out.

    Args:
        state: of the worlds, at any time.
    """

    def __init__(self, state: PhysicsState) -> None:
        self._before = self._before_retry = state.host()
        self._is_retrying = np.zeros(len(self._before.is_diverged), dtype=bool)
        self._first = judge_lift(self._before, self._before)

    def begin(self, rows: NDArray[np.int64]) -> None:
        """New episodes begin in the worlds ``rows`` (K,)."""
        self._is_retrying[rows] = False

    def counts(self, episodes: Episodes, step: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Worlds (E,) bool whose first lift has not begun: what they touch now decides how the grasp was."""
        return step <= episodes.grasp_step

    def pushed(self, episodes: Episodes, step: NDArray[np.int64], before: PhysicsState, state: PhysicsState) -> Array:
        """How far objects moved in the last step (E,), m, where the first lift had not begun; 0 elsewhere."""
        way = to_host(state.object_pose_w)[:, :3] - to_host(before.object_pose_w)[:, :3]
        return np.where(self.counts(episodes, step), np.linalg.norm(way, axis=1), 0.0)

    def ended(
        self, episodes: Episodes, step: NDArray[np.int64], state: PhysicsState, moving: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Look at the worlds after a control step; those (E,) bool whose episodes end with it.

        Args:
            episodes: of the worlds.
            step: control steps since the start of each (E,).
            state: of the worlds.
            moving: worlds that were stepped (E,) bool.
        """
        rises = moving & (step == episodes.lift_step)
        rises_again = moving & (step == episodes.retry_lift_step)
        has_come = moving & (step >= episodes.num_steps)
        if not (rises | rises_again | has_come).any():
            return has_come
        now = state.host()
        self._before = choose_rows(rises, now, self._before)
        self._before_retry = choose_rows(rises_again, now, self._before_retry)
        fresh = has_come & ~self._is_retrying
        if not fresh.any():
            return has_come & (step >= episodes.retry_steps)
        self._first = choose_rows(fresh, judge_lift(self._before, now), self._first)
        self._is_retrying |= fresh & (step < episodes.retry_steps) & ~self._first.is_lifted & ~now.is_diverged
        return has_come & ~(self._is_retrying & (step < episodes.retry_steps))

    def before(self, episodes: Episodes, state: PhysicsState) -> PhysicsState:
        """The worlds before their first lift; as they are now where the user does not lift."""
        has_risen = (episodes.lift_step != AUTOMATIC) & (episodes.lift_step < episodes.num_steps)
        return choose_rows(has_risen, self._before, state.host())

    def first(self) -> LiftResult:
        """What came of the first lifts, where users lifted."""
        return self._first

    def second_try(self, state: PhysicsState) -> NDArray[np.int64]:
        """Of worlds that end now (E,): 0 without a second try, 1 where it failed, 2 where it did not."""
        again = judge_lift(self._before_retry, state.host()).is_lifted
        return np.where(self._is_retrying, 1 + again, 0)
