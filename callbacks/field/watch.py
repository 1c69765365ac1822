"""What happens in trials of the field: why grasps fail, as measured in the trial, and snapshots for pictures."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from callbacks.assist.runs import FRAMES
from callbacks.store.result_files import Arrays
from datamodules.rollouts.runner import EpisodeFrames
from envs.hand.hand import Hand
from envs.physics.base import Array, PhysicsBackend, to_host
from envs.task.outcomes import AWAY_DISTANCE, OVER_ANGLE, TABLE_STEPS, lean, translation
from envs.task.settings import TaskSettings
from envs.trials.lift import LiftResult

FIELD_CAUSES: tuple[str, ...] = (
    "success", "diverged", "never_touched", "pushed_over", "pushed_away", "hit_table", "let_go", "one_sided",
    "left_behind", "slipped_in_lift",
)  # fmt: skip
"""How a trial can end, in the order in which `FieldWatcher.causes` asks; the last is what remains."""

LEFT_RISE = 0.02
"""An object that rose by less than this in the lift was left behind, m (chosen here)."""

ON_STEPS = (0, 15, 30, TaskSettings().episode_steps)
"""Control steps of which states are kept where the fingers follow the field in the world."""

OFF_STEPS = (0, 1)
"""The same for fingers placed without collisions: placed, and closed for the lift."""


@dataclass(frozen=True)
class WatchedTrials:
    """What was seen of G trials.

    Attributes:
        cause: index into FIELD_CAUSES (G,).
        frames: snapshots.
    """

    cause: NDArray[np.int64]
    frames: EpisodeFrames

    def arrays(self, prefix: str) -> Arrays:
        """Plain arrays, for a file."""
        kept = {f"{prefix}{name}": getattr(self.frames, name) for name in FRAMES}
        return {f"{prefix}cause": self.cause, f"{prefix}steps": np.array(self.frames.steps), **kept}

    @classmethod
    def of_arrays(cls, arrays: Arrays, prefix: str) -> "WatchedTrials":
        """Back from `arrays`."""
        frames = EpisodeFrames(tuple(arrays[f"{prefix}steps"].tolist()))
        for name in FRAMES:
            setattr(frames, name, arrays[f"{prefix}{name}"])
        return cls(arrays[f"{prefix}cause"], frames)


class FieldWatcher:
    """Watches G trials (`envs.trials.grasp_trials.TrialWatcher`).

    Args:
        hand: the hand.
        count: number of trials G.
        steps: control steps of which states are kept.
    """

    def __init__(self, hand: Hand, count: int, steps: tuple[int, ...]) -> None:
        # palm and thumb; the other links are of fingers
        opposing = {hand.palm, *hand.links_of(hand.fingers[-1])}
        self._is_opposing = np.array([name in opposing for name in hand.links])
        self.frames = EpisodeFrames(steps)
        self.frames.prepare(hand, count)
        self._start_w: Array = np.zeros((count, 7))
        self._closed_w: Array = np.zeros((count, 7))
        self._links = np.zeros((count, len(hand.links)), dtype=bool)
        self._was_touched = np.zeros(count, dtype=bool)
        self._table_steps = np.zeros(count, dtype=np.int64)
        self._is_on_table = np.zeros(count, dtype=bool)
        self._rise: Array = np.zeros(count)
        self._is_lifted = np.zeros(count, dtype=bool)
        self._is_diverged = np.zeros(count, dtype=bool)

    def step(self, rows: NDArray[np.int64], physics: PhysicsBackend, step: int) -> None:
        """See `TrialWatcher.step`."""
        state = physics.state().host()
        self.frames.note(step, rows, state)
        if step == 0:
            self._start_w[rows] = state.object_pose_w
        else:  # contacts are those of the last step: at the start there was none
            self._was_touched[rows] |= to_host(physics.contact_links()).any(axis=1)
            self._table_steps[rows] += to_host(physics.table_links()).any(axis=1)

    def closed(self, rows: NDArray[np.int64], physics: PhysicsBackend) -> None:
        """See `TrialWatcher.closed`."""
        state, links = physics.state().host(), to_host(physics.contact_links())
        if self.frames.steps == OFF_STEPS:
            self.frames.note(OFF_STEPS[-1], rows, state)
        self._closed_w[rows] = state.object_pose_w
        self._links[rows] = links
        self._was_touched[rows] |= links.any(axis=1)
        self._is_on_table[rows] = to_host(physics.table_links()).any(axis=1)

    def lifted(self, rows: NDArray[np.int64], physics: PhysicsBackend, result: LiftResult) -> None:
        """See `TrialWatcher.lifted`."""
        self.frames.note(None, rows, physics.state().host())
        self._rise[rows] = result.rise
        self._is_lifted[rows] = result.is_lifted
        self._is_diverged[rows] = result.is_diverged

    def causes(self) -> NDArray[np.int64]:
        """Index into FIELD_CAUSES of each trial (G,): the first that applies, in their order.

        Diverged; no link touched the object until the hand had closed for the lift; by then it leaned by more than
        30 degrees or had moved by more than 5 cm; a finger was on the table, for 5 control steps or when the hand had
        closed; nothing touched the object any longer; what touched it did not oppose: fingers without thumb and palm,
        or these without fingers; it rose by less than 2 cm; else it was lost on the way up.
        """
        opposing = self._is_opposing
        is_opposed = self._links[:, opposing].any(axis=1) & self._links[:, ~opposing].any(axis=1)
        applies = [
            self._is_lifted,
            self._is_diverged,
            ~self._was_touched,
            lean(self._start_w, self._closed_w) > OVER_ANGLE,
            translation(self._start_w, self._closed_w) > AWAY_DISTANCE,
            (self._table_steps >= TABLE_STEPS) | self._is_on_table,
            ~self._links.any(axis=1),
            ~is_opposed,
            self._rise < LEFT_RISE,
        ]
        return np.select(applies, list(range(len(applies))), default=len(applies)).astype(np.int64)

    def watched(self) -> WatchedTrials:
        """What was seen, once all trials have ended."""
        return WatchedTrials(self.causes(), self.frames)
