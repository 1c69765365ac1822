"""Episodes from start to lift under a given policy: evaluation, and the choice of a script's best step."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from datamodules.rollouts.policy import FingerPolicy
from envs.conventions import EPISODE_STEPS, NUM_JOINTS
from envs.hand.commands import next_command
from envs.physics.base import Array, PhysicsFactory, PhysicsState
from envs.physics.mujoco_cpu import MujocoCpu
from envs.task.assist_env import HumanAssistEnv
from envs.task.episodes import Episodes
from envs.task.outcomes import EpisodeOutcome, concatenate_outcomes
from envs.task.perception import PerceptionNoise

STEP_GRID: tuple[int, ...] = tuple(range(14, 43, 4))
"""Control steps among which the best one for a script is looked for, on training objects."""


@dataclass
class EpisodeFrames:
    """Snapshots of E episodes, for pictures.

    Attributes:
        steps: control steps at which states are kept (F - 1,); the last frame is after the lift.
        joint_pos: (F, E, 18), rad.
        wrist_pose_w: (F, E, 7).
        object_pose_w: (F, E, 7).
    """

    steps: tuple[int, ...]
    joint_pos: Array = field(init=False)
    wrist_pose_w: Array = field(init=False)
    object_pose_w: Array = field(init=False)

    def prepare(self, count: int) -> None:
        """Room for ``count`` episodes."""
        frames = len(self.steps) + 1
        self.joint_pos = np.zeros((frames, count, NUM_JOINTS))
        self.wrist_pose_w = np.zeros((frames, count, 7))
        self.object_pose_w = np.zeros((frames, count, 7))

    def note(self, step: int, rows: NDArray[np.int64], state: PhysicsState) -> None:
        """Keep the episodes ``rows`` (K,) as they are after ``step`` steps; EPISODE_STEPS + 1 is after the lift."""
        wanted = (*self.steps, EPISODE_STEPS + 1)
        for frame in (index for index, each in enumerate(wanted) if each == step):
            for name in ("joint_pos", "wrist_pose_w", "object_pose_w"):
                getattr(self, name)[frame, rows] = getattr(state, name)


class EpisodeRunner:
    """Runs episodes in batches of worlds.

    Args:
        physics: makes the worlds; MuJoCo on the CPU when None.
        num_worlds: worlds simulated at once.
        num_threads: threads that step the physics; one per core when None.
        noise: errors of what policies observe; none when None.
        on_batch: called with the number of episodes of each finished batch (progress).
    """

    def __init__(
        self,
        physics: PhysicsFactory | None = None,
        *,
        num_worlds: int = 128,
        num_threads: int | None = None,
        noise: PerceptionNoise | None = None,
        on_batch: Callable[[int], None] = lambda _: None,
    ) -> None:
        if num_worlds < 1:
            raise ValueError(f"num_worlds is {num_worlds}, expected at least 1")
        self._physics: PhysicsFactory = physics or MujocoCpu()
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
            frames.prepare(len(episodes))
        parts, order = [], []
        for rows in self._batches(episodes):
            parts.append(self._run_batch(policy, select_episodes(episodes, rows), rows, frames))
            order.append(rows)
            self.on_batch(len(rows))
        return outcomes_in_order(parts, np.concatenate(order))

    def _batches(self, episodes: Episodes) -> Iterator[NDArray[np.int64]]:
        # episodes of one object next to one another: a batch then needs few compiled models
        order = np.argsort(episodes.object_index, kind="stable")
        for begin in range(0, len(order), self._num_worlds):
            yield order[begin : begin + self._num_worlds]

    def _run_batch(
        self, policy: FingerPolicy, episodes: Episodes, rows: NDArray[np.int64], frames: EpisodeFrames | None
    ) -> EpisodeOutcome:
        physics = self._physics.make(episodes.hand, len(rows), num_threads=self._num_threads)
        env = HumanAssistEnv(physics, noise=self._noise)
        observation = env.reset(episodes)
        policy.start(episodes)
        state = physics.state()
        command = state.joint_pos
        for step in range(EPISODE_STEPS):
            if frames is not None:
                frames.note(step, rows, state)
            action = checked_action(policy.act(observation, step), len(rows), step, type(policy).__name__)
            command = next_command(command, action, state.joint_pos, physics.settings.max_target_gap)
            observation = env.step(command)
            state = physics.state()
        if frames is not None:
            frames.note(EPISODE_STEPS, rows, state)
        outcome = env.finish()
        if frames is not None:
            frames.note(EPISODE_STEPS + 1, rows, physics.state())
        return outcome


def checked_action(action: Array, num_worlds: int, step: int, name: str) -> Array:
    """The action, if it has shape (E, 18) and is finite.

    Raises:
        ValueError: it is not; names the policy, the step and the first bad world.
    """
    if action.shape != (num_worlds, NUM_JOINTS):
        raise ValueError(
            f"policy {name} gave an action of shape {action.shape} at step {step}, "
            f"expected ({num_worlds}, {NUM_JOINTS})"
        )
    is_finite = np.isfinite(action).all(axis=1)
    if not is_finite.all():
        raise ValueError(
            f"policy {name} gave an action that is not finite at step {step} in world {np.argmin(is_finite)}; its "
            "weights or its input are broken"
        )
    return action


def select_episodes(episodes: Episodes, rows: NDArray[np.int64]) -> Episodes:
    """The episodes at ``rows`` (K,)."""
    of_all = ("things", "clouds")
    columns = {item.name: getattr(episodes, item.name)[rows] for item in fields(Episodes) if item.name not in of_all}
    return replace(episodes, things=[episodes.things[row] for row in rows], **columns)


def outcomes_in_order(parts: Sequence[EpisodeOutcome], rows: NDArray[np.int64]) -> EpisodeOutcome:
    """Outcomes of all batches together, where the i-th of them belongs into row ``rows[i]``."""
    together, place = concatenate_outcomes(parts), np.argsort(rows)
    return EpisodeOutcome(**{item.name: getattr(together, item.name)[place] for item in fields(EpisodeOutcome)})


@dataclass(frozen=True)
class StepChoice:
    """The best fixed step of a script, and the success at every step that was tried."""

    step: int
    success: dict[int, float]


class RunsEpisodes(Protocol):
    """Runs episodes under a policy, as `EpisodeRunner` does."""

    def run(self, policy: FingerPolicy, episodes: Episodes) -> EpisodeOutcome:
        """How the episodes end, in their order."""
        ...


def best_fixed_step(
    make_policy: Callable[[int], FingerPolicy], runner: RunsEpisodes, episodes: Episodes, steps: Sequence[int]
) -> StepChoice:
    """The step with the most successes (the earliest of equals) on the given episodes, which should be training ones.

    Args:
        make_policy: gives the policy that starts at a step.
        runner: runs them.
        episodes: the same for every step.
        steps: steps to try.

    Raises:
        ValueError: no steps.
    """
    if not steps:
        raise ValueError("there are no steps to choose from; give at least one")
    success = {step: float(runner.run(make_policy(step), episodes).is_success.mean()) for step in steps}
    return StepChoice(max(success, key=lambda step: success[step]), success)
