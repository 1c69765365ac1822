"""Episodes from start to lift under a given policy: evaluation, and the choice of a script's best step."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from datamodules.rollouts.policy import FingerPolicy, hidden_groups, start_policy
from envs.hand.hand import Hand
from envs.physics.base import Array, PhysicsFactory, PhysicsState
from envs.physics.mujoco_cpu import MujocoCpu
from envs.rows import join_rows, take_rows
from envs.task.assist_env import HumanAssistEnv
from envs.task.episodes import Episodes
from envs.task.outcomes import EpisodeOutcome
from envs.task.perception import PerceptionNoise
from envs.task.settings import TaskSettings

STEP_GRID: tuple[int, ...] = tuple(range(14, 43, 4))
"""Control steps among which the best one for a script is looked for, on training objects."""

LONG_STEP_GRID: tuple[int, ...] = tuple(range(20, 81, 15))
"""The same for episodes that last as long as the user likes; the best one, 50, lies inside (docs/results_policy.md)."""


def steps_to_try(max_steps: int) -> tuple[int, ...]:
    """Fixed steps among which the best one is looked for, in episodes of at most so many control steps."""
    return STEP_GRID if max_steps <= TaskSettings().episode_steps else LONG_STEP_GRID


@dataclass
class EpisodeFrames:
    """Snapshots of E episodes, for pictures.

    Attributes:
        steps: control steps at which states are kept (F - 1,); the last frame is after the lift.
        joint_pos: (F, E, J), rad.
        wrist_pose_w: (F, E, 7).
        object_pose_w: (F, E, 7).
    """

    steps: tuple[int, ...]
    joint_pos: Array = field(init=False)
    wrist_pose_w: Array = field(init=False)
    object_pose_w: Array = field(init=False)

    def prepare(self, hand: Hand, count: int) -> None:
        """Room for ``count`` episodes of a hand."""
        for name, width in (("joint_pos", hand.num_joints), ("wrist_pose_w", 7), ("object_pose_w", 7)):
            setattr(self, name, np.zeros((len(self.steps) + 1, count, width)))

    def note(self, step: int | None, rows: NDArray[np.int64], state: PhysicsState) -> None:
        """Keep the episodes ``rows`` (K,) as they are after ``step`` steps, or after the lift where that is None."""
        frames = [index for index, each in enumerate((*self.steps, None)) if each == step]
        if not frames:
            return
        host = state.host()
        for name in ("joint_pos", "wrist_pose_w", "object_pose_w"):
            getattr(self, name)[np.ix_(np.array(frames), rows)] = getattr(host, name)


class EpisodeRunner:
    """Runs episodes in batches of worlds.

    Args:
        physics: makes the worlds; MuJoCo on the CPU when None.
        task: constants of the task; the defaults when None.
        num_worlds: worlds simulated at once.
        num_threads: threads that step the physics; one per core when None.
        noise: errors of what policies observe; none when None.
        on_batch: called with the number of episodes of each finished batch (progress).
    """

    def __init__(
        self,
        physics: PhysicsFactory | None = None,
        *,
        task: TaskSettings | None = None,
        num_worlds: int = 128,
        num_threads: int | None = None,
        noise: PerceptionNoise | None = None,
        on_batch: Callable[[int], None] = lambda _: None,
    ) -> None:
        if num_worlds < 1:
            raise ValueError(f"num_worlds is {num_worlds}, expected at least 1")
        self._physics: PhysicsFactory = physics or MujocoCpu()
        self._task = task
        self._num_worlds = num_worlds
        self._num_threads = num_threads
        self._noise = noise
        self.on_batch = on_batch

    def run(self, policy: FingerPolicy, episodes: Episodes, *, frames: EpisodeFrames | None = None) -> EpisodeOutcome:
        """How the episodes end, in their order; ``frames`` is filled where given.

        Raises:
            ValueError: no episodes, or a policy whose actions have another shape or are not finite.
        """
        if len(episodes) == 0:
            raise ValueError("there are no episodes to run; give at least one")
        if frames is not None:
            frames.prepare(episodes.hand, len(episodes))
        parts, order = [], []
        for rows in self.batches(episodes):
            parts.append(self._run_batch(policy, take_rows(episodes, rows), rows, frames))
            order.append(rows)
            self.on_batch(len(rows))
        return in_order(parts, np.concatenate(order))

    def batches(self, episodes: Episodes) -> Iterator[NDArray[np.int64]]:
        """Rows of the episodes that are simulated together, batch after batch.

        Episodes of one object are next to one another: a batch then needs few compiled models.
        """
        order = np.argsort(episodes.object_index, kind="stable")
        for begin in range(0, len(order), self._num_worlds):
            yield order[begin : begin + self._num_worlds]

    def _run_batch(
        self, policy: FingerPolicy, episodes: Episodes, rows: NDArray[np.int64], frames: EpisodeFrames | None
    ) -> EpisodeOutcome:
        physics = self._physics.make(episodes.hand, len(rows), num_threads=self._num_threads)
        env = HumanAssistEnv(physics, task=self._task, privileged=hidden_groups(policy), noise=self._noise)
        observation = env.reset(episodes)
        start_policy(policy, episodes)
        state = physics.state()
        parts, ended = [], []
        has_ended = np.zeros(len(episodes), dtype=bool)
        step = 0
        while not has_ended.all():
            if frames is not None:
                frames.note(step, rows, state)
            done = env.step(policy.act(observation, step))
            observation, state = done.observation, done.state
            if done.outcome is not None:
                parts.append(done.outcome)
                ended.append(np.flatnonzero(done.ended))
            has_ended |= done.ended
            step += 1
        if frames is not None:
            for later in range(step, episodes.max_steps + 1):
                frames.note(later, rows, state)
            frames.note(None, rows, physics.state())
        return in_order(parts, np.concatenate(ended))


def in_order(parts: Sequence[EpisodeOutcome], rows: NDArray[np.int64]) -> EpisodeOutcome:
    """The outcomes of all parts, where the i-th of them belongs into row ``rows[i]``."""
    return take_rows(join_rows(parts), np.argsort(rows))


@dataclass(frozen=True)
class StepChoice:
    """The best fixed step of a script, and the share of all episodes that ended well at every step that was tried.

    Where the wrist came for no grasp an episode ends well when the object was left alone: what closes too early loses.
    """

    step: int
    success: dict[int, float]


def best_fixed_step(outcome_at: Callable[[int], EpisodeOutcome], steps: Sequence[int]) -> StepChoice:
    """The step with the most successes, the earliest of equals.

    Args:
        outcome_at: outcome of a policy that starts at a step, on the same episodes for every step; training ones.
        steps: steps to try.

    Raises:
        ValueError: no steps.
    """
    if not steps:
        raise ValueError("there are no steps to choose from; give at least one")
    success = {step: float(outcome_at(step).is_success.mean()) for step in steps}
    return StepChoice(max(success, key=lambda step: success[step]), success)
