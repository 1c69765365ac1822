"""Episodes run part by part, each kept as soon as it is done and never run twice."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callbacks.store.arrays import digest
from callbacks.store.outcomes import FRAMES, OutcomeStore, StoredPart, episodes_digest
from datamodules.rollouts.policy import FingerPolicy
from datamodules.rollouts.runner import EpisodeFrames, EpisodeRunner, outcomes_in_order, select_episodes
from envs.physics.base import Array
from envs.task.episodes import Episodes
from envs.task.observations import Observation
from envs.task.outcomes import EpisodeOutcome

PART_BATCHES = 8
"""Batches of worlds in one part: some 1,000 episodes, a minute on two cores."""


@dataclass(frozen=True)
class KnownPolicy:
    """A policy whose episodes can be kept.

    Attributes:
        policy: moves the fingers.
        fingerprint: stands for everything that decides what it does: its name, weights, settings, training grasps.
    """

    policy: FingerPolicy
    fingerprint: str

    def start(self, episodes: Episodes) -> None:
        """See `FingerPolicy.start`."""
        self.policy.start(episodes)

    def act(self, observation: Observation, step: int) -> Array:
        """See `FingerPolicy.act`."""
        return self.policy.act(observation, step)


class ResumableRunner:
    """Runs episodes; parts of known policies that the store has are read instead.

    Parts are whole batches of the runner, so that outcomes do not depend on where a run was interrupted.

    Args:
        runner: runs what is missing.
        num_worlds: its worlds.
        settings: whatever else decides outcomes (physics, perception noise), for the names of the files.
        store: where parts are kept; nothing is kept when None.
        on_stored: called with the number of episodes of each part that was read (progress).

    Attributes:
        num_stored: episodes that were read so far.
    """

    def __init__(
        self,
        runner: EpisodeRunner,
        *,
        num_worlds: int,
        settings: Any = None,
        store: OutcomeStore | None = None,
        on_stored: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._runner = runner
        self._part_size = PART_BATCHES * num_worlds
        self._settings = digest(num_worlds, settings)
        self._store = store
        self._on_stored = on_stored
        self.num_stored = 0

    def run(self, policy: FingerPolicy, episodes: Episodes, *, frames: EpisodeFrames | None = None) -> EpisodeOutcome:
        """How the episodes end, in their order; ``frames`` is filled where given. Errors as of `EpisodeRunner.run`."""
        inner = policy.policy if isinstance(policy, KnownPolicy) else policy
        if self._store is None or not isinstance(policy, KnownPolicy) or len(episodes) == 0:
            return self._runner.run(inner, episodes, frames=frames)
        if frames is not None:
            frames.prepare(len(episodes))
        # episodes of one object in one part: each of its models is compiled once
        order = np.argsort(episodes.object_index, kind="stable")
        outcomes = []
        for begin in range(0, len(order), self._part_size):
            rows = order[begin : begin + self._part_size]
            part = self._part(self._store, policy, select_episodes(episodes, rows), frames)
            outcomes.append(part.outcome)
            if frames is not None:
                _fill(frames, rows, part)
        return outcomes_in_order(outcomes, order)

    def _part(
        self, store: OutcomeStore, known: KnownPolicy, episodes: Episodes, frames: EpisodeFrames | None
    ) -> StoredPart:
        key = digest(known.fingerprint, self._settings, episodes_digest(episodes))
        stored = store.load(key, frames)
        if stored is not None:
            self.num_stored += len(episodes)
            self._on_stored(len(episodes))
            return stored
        own = None if frames is None else EpisodeFrames(frames.steps)
        outcome = self._runner.run(known.policy, episodes, frames=own)
        store.save(key, outcome, own)
        return StoredPart(outcome, {} if own is None else {name: getattr(own, name) for name in FRAMES})


def _fill(frames: EpisodeFrames, rows: NDArray[np.int64], part: StoredPart) -> None:
    """Put the snapshots of a part at its episodes."""
    for name in FRAMES:
        getattr(frames, name)[:, rows] = part.frames[name]
