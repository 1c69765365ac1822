"""Episodes frame by frame: what was measured, what was done, what it paid."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datamodules.rollouts.policy import FingerPolicy, hidden_groups, start_policy
from envs.hand.hand import Hand
from envs.physics.base import Array, PhysicsFactory, PhysicsState
from envs.rows import take_rows
from envs.task.assist_env import HumanAssistEnv
from envs.task.episodes import Episodes
from envs.task.settings import TaskSettings

POSE_NAMES = ("x", "y", "z", "qw", "qx", "qy", "qz")


@dataclass(frozen=True)
class RecordedEpisode:
    """An episode of T control steps; a frame is what was there before its action.

    Attributes:
        task: what was to be done, in words: to lift the object, or to leave it alone where the wrist passes by.
        state: joints (J), coupled joints (C), rad, and the wrist's pose in the world (7): (T, J + C + 7).
        object_pose_w: the object's pose, which policies are not shown (T, 7).
        action: (T, J) in [-1, 1].
        reward: 1 in the last step of a success, else 0 (T,).
        is_success: it was done when the episode ended: where the user tried again after a failed lift, at the second
            try. Evaluations count the first alone (`EpisodeOutcome.is_success`).
    """

    task: str
    state: Array
    object_pose_w: Array
    action: Array
    reward: Array
    is_success: bool

    def __len__(self) -> int:
        return len(self.reward)


def state_names(hand: Hand) -> list[str]:
    """Names of the columns of `RecordedEpisode.state`."""
    return [*hand.joints, *hand.coupled.names, *(f"wrist_{name}" for name in POSE_NAMES)]


def record_episodes(
    policy: FingerPolicy,
    episodes: Episodes,
    physics: PhysicsFactory,
    *,
    task: TaskSettings | None = None,
    num_worlds: int = 64,
    num_threads: int | None = None,
) -> Iterator[RecordedEpisode]:
    """The episodes under a policy, in their order.

    Args:
        policy: moves the fingers.
        episodes: what happens.
        physics: makes the worlds.
        task: constants of the task; the defaults when None.
        num_worlds: worlds simulated at once.
        num_threads: threads that step the physics; one per core when None.

    Raises:
        ValueError: fewer than one world, or a policy whose actions have another shape or are not finite.
    """
    if num_worlds < 1:
        raise ValueError(f"num_worlds is {num_worlds}, expected at least 1")
    for begin in range(0, len(episodes), num_worlds):
        part = take_rows(episodes, np.arange(begin, min(begin + num_worlds, len(episodes))))
        worlds = physics.make(part.hand, len(part), num_threads=num_threads)
        env = HumanAssistEnv(worlds, task=task, privileged=hidden_groups(policy), watch_contacts=False)
        yield from _recorded(env, policy, part)


def _recorded(env: HumanAssistEnv, policy: FingerPolicy, episodes: Episodes) -> Iterator[RecordedEpisode]:
    """The episodes of one batch."""
    observation = env.reset(episodes)
    start_policy(policy, episodes)
    state = env.physics.state()
    frames: dict[str, list[Array]] = {"state": [], "object_pose_w": [], "action": []}
    length, is_success = np.zeros(len(episodes), dtype=np.int64), np.zeros(len(episodes), dtype=bool)
    while (length == 0).any():
        action = np.clip(policy.act(observation, len(frames["action"])), -1.0, 1.0)
        done = env.step(action)
        for name, value in zip(frames, (*_measured(state), action), strict=True):
            frames[name].append(value)
        observation, state = done.observation, done.state
        if done.outcome is not None:
            length[done.ended], is_success[done.ended] = len(frames["action"]), done.outcome.is_success_at_last
    columns = {name: np.stack(values) for name, values in frames.items()}
    for world, (thing, is_grasp) in enumerate(zip(episodes.grasp_objects, episodes.is_grasp, strict=True)):
        own = {name: values[: length[world], world] for name, values in columns.items()}
        task = f"lift the {thing.family}" if is_grasp else f"leave the {thing.family} alone"
        reward = np.zeros(length[world])
        reward[-1] = is_success[world]
        yield RecordedEpisode(task=task, reward=reward, is_success=bool(is_success[world]), **own)


def _measured(state: PhysicsState) -> tuple[Array, NDArray[np.float64]]:
    """Rows of what a robot measures (E, J + C + 7), and where the objects are (E, 7)."""
    host = state.host()
    return np.concatenate([host.joint_pos, host.coupled_pos, host.wrist_pose_w], axis=1), host.object_pose_w
