"""Lifts by the user: he rises within the episode, and may come down and try again when the object stayed behind."""

from dataclasses import fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.physics.base import PhysicsState
from envs.rows import choose_rows, take_rows
from envs.task.episodes import Episodes
from envs.trials.lift import LiftResult, judge_lift
from envs.wrist.movement import AUTOMATIC


class UserLifts:
    """What E worlds were like before their users rose, and what came of it.

    Worlds that the environment lifts end at the same time as here, and are otherwise left out. States stay where the
    backend has them; of those on a device only the rows of worlds that come to the end of a lift are copied.

    Args:
        state: of the worlds, at any time.
    """

    def __init__(self, state: PhysicsState) -> None:
        self._before = self._before_retry = state
        host = state.host()
        self._is_retrying = np.zeros(len(host.is_diverged), dtype=bool)
        self._first = judge_lift(host, host)

    def begin(self, rows: NDArray[np.int64]) -> None:
        """New episodes begin in the worlds ``rows`` (K,)."""
        self._is_retrying[rows] = False

    def counts(self, episodes: Episodes, step: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Worlds (E,) bool whose first lift has not begun: what they touch now decides how the grasp was."""
        return step <= episodes.grasp_step

    def pushed(self, episodes: Episodes, step: NDArray[np.int64], before: PhysicsState, state: PhysicsState) -> Tensor:
        """How far objects moved in the last step (E,), m, where the first lift had not begun; 0 elsewhere."""
        way: Any = state.object_pose_w[:, :3] - before.object_pose_w[:, :3]
        # of numpy by numpy: torch's square root on a CPU is another in the last bit
        length = way.norm(dim=1) if isinstance(way, Tensor) else torch.as_tensor(np.linalg.norm(way, axis=1))
        counts = torch.as_tensor(self.counts(episodes, step)).to(length.device)
        return torch.where(counts, length, 0.0)

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
        has_come = moving & (step >= episodes.num_steps)
        self._before = state.where(moving & (step == episodes.lift_step), self._before)
        self._before_retry = state.where(moving & (step == episodes.retry_lift_step), self._before_retry)
        fresh = has_come & ~self._is_retrying
        rows = np.flatnonzero(fresh)
        if len(rows) == 0:
            return has_come & (step >= episodes.retry_steps)
        judged = judge_lift(self._before.host_rows(rows), state.host_rows(rows))
        for item in fields(judged):
            getattr(self._first, item.name)[rows] = getattr(judged, item.name)
        self._is_retrying[rows] = (step < episodes.retry_steps)[rows] & ~judged.is_lifted & ~judged.is_diverged
        return has_come & ~(self._is_retrying & (step < episodes.retry_steps))

    def before(self, episodes: Episodes, state: PhysicsState, rows: NDArray[np.int64]) -> PhysicsState:
        """The worlds ``rows`` (K,) before their first lift, in numpy; as they are now where the user does not lift."""
        has_risen = (episodes.lift_step != AUTOMATIC) & (episodes.lift_step < episodes.num_steps)
        return choose_rows(has_risen[rows], self._before.host_rows(rows), state.host_rows(rows))

    def first(self, rows: NDArray[np.int64]) -> LiftResult:
        """What came of the first lifts in the worlds ``rows`` (K,), where users lifted."""
        return take_rows(self._first, rows)

    def second_try(self, state: PhysicsState, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Of worlds ``rows`` (K,) that end now: 0 without a second try, 1 where it failed, 2 where it did not."""
        again = judge_lift(self._before_retry.host_rows(rows), state.host_rows(rows)).is_lifted
        return np.where(self._is_retrying[rows], 1 + again, 0)
