"""Hands that are worth a trial: proposed for a grasp type, and free of object and table where they start."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datamodules.synthesis.antipodal import AntipodalPairs
from datamodules.synthesis.hand_bank import GraspBank
from datamodules.synthesis.proposals import propose
from envs.objects.grasp_object import GraspObject
from envs.physics.base import PhysicsBackend, to_host

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Candidates:
    """K hands before their trials.

    Attributes:
        object_pose_w: rest pose of the object (K, 7).
        wrist_pose_w: wrist poses (K, 7).
        preshape: joints from which the hand closes (K, J), rad.
        target: joints that it closes towards (K, J), rad.
        width: width of the antipodal pair (K,), m.
    """

    object_pose_w: Array
    wrist_pose_w: Array
    preshape: Array
    target: Array
    width: Array

    def __len__(self) -> int:
        return len(self.width)

    def rows(self, keep: slice | NDArray[np.int64] | NDArray[np.bool_]) -> "Candidates":
        """Those that ``keep`` selects."""
        return Candidates(*(getattr(self, name)[keep] for name in self.__dataclass_fields__))


def join(parts: list[Candidates]) -> Candidates:
    """Candidates of several sources in one batch."""
    return Candidates(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Candidates.__dataclass_fields__)
    )


class CandidateSource:
    """Candidates of one type for one object; those not taken are kept for the next round.

    Args:
        physics: worlds in which starts are checked.
        thing: the object.
        pairs: its antipodal pairs.
        bank: hand shapes of the type.
        proposals: drawn at a time, for one rest pose.
        start_checks: of these, at most so many are checked.
        max_penetration: overlap allowed at the start, m.
        rng: generator, shared by the sources of an object.
    """

    def __init__(
        self,
        physics: PhysicsBackend,
        thing: GraspObject,
        pairs: AntipodalPairs,
        bank: GraspBank,
        *,
        proposals: int,
        start_checks: int,
        max_penetration: float,
        rng: np.random.Generator,
    ) -> None:
        self._physics = physics
        self._thing = thing
        self._pairs = pairs
        self._bank = bank
        self._proposals = proposals
        self._start_checks = start_checks
        self._max_penetration = max_penetration
        self._rng = rng
        self._free: Candidates | None = None
        self.num_checked = 0
        self.num_penetrating = 0

    def take(self, count: int) -> Candidates:
        """At most ``count`` candidates; fewer, or none, when one draw of proposals does not give as many."""
        if self._free is None or len(self._free) < count:
            drawn = self._draw(count if self._free is None else count - len(self._free))
            self._free = drawn if self._free is None else join([self._free, drawn])
        taken, self._free = self._free.rows(slice(count)), self._free.rows(slice(count, None))
        return taken

    def _draw(self, enough: int) -> Candidates:
        """The free ones among new proposals for one rest pose; checking ends with the batch that makes them enough."""
        thing, bank = self._thing, self._bank
        pose_w = thing.rest_poses[self._rng.choice(len(thing.rest_poses), p=thing.rest_probabilities)]
        proposals = propose(self._pairs, bank, pose_w, self._proposals, self._rng)
        rows = np.zeros(0, dtype=np.int64)
        for begin in range(0, min(len(proposals), self._start_checks), self._physics.num_worlds):
            checked = np.arange(begin, min(begin + self._physics.num_worlds, self._start_checks, len(proposals)))
            free = free_at_start(
                self._physics, thing, pose_w, proposals.wrist_pose_w[checked],
                bank.preshape[proposals.entry[checked]], self._max_penetration,
            )  # fmt: skip
            self.num_checked += len(free)
            self.num_penetrating += int((~free).sum())
            rows = np.concatenate([rows, checked[free]])
            if len(rows) >= enough:
                break
        entry = proposals.entry[rows]
        return Candidates(
            object_pose_w=np.tile(pose_w, (len(entry), 1)),
            wrist_pose_w=proposals.wrist_pose_w[rows],
            preshape=bank.preshape[entry],
            target=bank.target[entry],
            width=proposals.width[rows],
        )


def free_at_start(
    physics: PhysicsBackend,
    thing: GraspObject,
    object_pose_w: Array,
    wrist_pose_w: Array,
    preshape: Array,
    limit: float,
) -> NDArray[np.bool_]:
    """Candidates (K,) whose starting hand overlaps neither object nor table by more than ``limit`` metres."""
    free = np.zeros(len(wrist_pose_w), dtype=bool)
    for begin in range(0, len(free), physics.num_worlds):
        rows = np.arange(begin, min(begin + physics.num_worlds, len(free)))
        worlds = np.arange(len(rows))
        physics.reset(
            [thing] * len(rows),
            np.tile(object_pose_w, (len(rows), 1)),
            wrist_pose_w[rows],
            preshape[rows],
            worlds=worlds,
        )
        free[rows] = to_host(physics.initial_penetration(worlds)) <= limit
    return free
