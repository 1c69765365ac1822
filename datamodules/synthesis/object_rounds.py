"""The rounds of one object: hands of all types are proposed, tried, verified, and taken by a moving wrist."""

import math

import numpy as np
from numpy.typing import NDArray

from datamodules.grasps.diversity import most_diverse
from datamodules.grasps.grasp_set import GraspSet, join_rows
from datamodules.synthesis.antipodal import find_antipodal_pairs
from datamodules.synthesis.candidates import Candidates, CandidateSource, join
from datamodules.synthesis.easy_grasps import EasyLimit, lifts_placed
from datamodules.synthesis.hand_bank import GraspBank
from datamodules.synthesis.reachability import check_reachable
from datamodules.synthesis.settings import SynthesisSettings, TypeCount
from datamodules.synthesis.trial import TrialResult, run_trials
from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.physics.base import PhysicsBackend

Array = NDArray[np.float64]

APPROACHES_PER_REACHABLE = 1.6
"""Verified grasps that are approached for each reachable one that is still wanted; about half of them pass."""

HANDS_PER_GRASP = 3.0
"""Hands tried for each grasp that is still wanted, before an object's own share of good ones is known."""

MIN_HANDS = 6
"""Hands tried in a round at least: with fewer worlds its steps cost nearly as much."""


class Rounds:
    """The rounds of one object: batches of candidates of all types, their trials and approaches, counted by type."""

    def __init__(
        self,
        settings: SynthesisSettings,
        banks: dict[str, GraspBank],
        physics: PhysicsBackend,
        thing: GraspObject,
        split: str,
        rng: np.random.Generator,
        limit: EasyLimit | None,
    ) -> None:
        self._settings = settings
        self._physics = physics
        self._thing = thing
        self._split = split
        self._rng = rng
        self._limit = limit
        self._num_easy = 0
        self._counts = {name: TypeCount() for name in banks}
        pairs = find_antipodal_pairs(thing.points, thing.normals, rng)
        self._sources = {
            name: CandidateSource(
                physics,
                thing,
                pairs,
                banks[name],
                proposals=settings.proposals,
                start_checks=settings.start_checks,
                max_penetration=settings.trial.max_penetration,
                rng=rng,
            )
            for name in (banks if len(pairs) else ())
        }

    def collect(self, *, with_reachability: bool) -> GraspSet:
        """The verified grasps of as many rounds as it takes to have the wanted ones, or to try all hands.

        Wanted are reachable grasps; verified ones without reachability.
        """
        settings = self._settings
        found = [_no_grasps(self._physics.hand, self._thing.name, self._split)]
        good, left = 0, settings.max_hands
        while good < settings.wanted and left > 0 and self._sources:
            missing = settings.wanted - good
            kinds, hands = self.next_batch(min(left, self._likely_needed(missing, good)))
            left -= len(kinds) or settings.batch  # where none starts free, other proposals may
            if kinds:
                found.append(self.run(kinds, hands, missing if with_reachability else 0))
                good += int(found[-1].is_reachable.sum()) if with_reachability else len(found[-1])
        return join_rows(found)

    def _likely_needed(self, missing: int, good: int) -> int:
        """Hands to try for the missing grasps, from the share of good ones so far."""
        tried = sum(count.tried for count in self._counts.values())
        count = math.ceil(missing * (HANDS_PER_GRASP + tried) / (1.0 + good))
        return min(max(count, MIN_HANDS), self._settings.batch)

    def next_batch(self, count: int) -> tuple[list[str], Candidates]:
        """At most ``count`` candidates and their types; there may be none.

        The first round tries all types alike; later ones shift towards those that held this object so far.
        """
        kinds: list[str] = []
        parts: list[Candidates] = []
        order = [str(name) for name in self._rng.permutation(list(self._sources))]
        promise = np.array([self._promise(name) for name in order])
        for index, name in enumerate(order):
            left = count - len(kinds)
            share = math.ceil(left * promise[index] / promise[index:].sum())
            part = self._sources[name].take(min(share, left))
            kinds += [name] * len(part)
            parts.append(part)
        return kinds, join(parts)

    def _promise(self, name: str) -> float:
        """Share of a type's trials that ended well, with some doubt: a reachable grasp counts full, others half."""
        count = self._counts[name]
        return (1.0 + 0.5 * (count.verified + count.reachable)) / (4.0 + count.tried)

    def run(self, kinds: list[str], tried: Candidates, wanted: int) -> GraspSet:
        """The verified grasps of a batch; approaches go on until ``wanted`` are reachable or all have been tried."""
        only_hard = self._limit is not None and self._easy_left() <= 0
        trial = run_trials(
            self._physics, self._thing, tried.object_pose_w, tried.wrist_pose_w, tried.preshape, tried.target,
            self._settings.trial, self._rng, too_easy=self._is_easy if only_hard else None,
        )  # fmt: skip
        reachable, too_easy = self._approach(trial, tried.preshape[trial.row], wanted, only_hard)
        trial, reachable = trial.without(too_easy, "easy"), reachable[~too_easy]
        verified = tried.rows(trial.row)
        for row, kind in enumerate(kinds):
            self._counts[kind].tried += 1
            if trial.cause[row]:
                self._counts[kind].reject(trial.cause[row], 1)
        verified_kinds = [kinds[row] for row in trial.row]
        for kind, is_reachable in zip(verified_kinds, reachable, strict=True):
            self._counts[kind].verified += 1
            self._counts[kind].reachable += int(is_reachable)
        hand = self._physics.hand
        return GraspSet(
            hand=hand,
            objects=(self._thing.name,),
            object_splits=(self._split,),
            object_index=np.zeros(len(verified), dtype=np.int32),
            object_pose_w=trial.object_pose_w.astype(np.float32),
            rest_pose_w=trial.object_pose_w.astype(np.float32),  # settled once for all that are kept
            wrist_pose_o=trial.wrist_pose_o.astype(np.float32),
            joint_pos=trial.joint_pos.astype(np.float32),
            preshape=verified.preshape.astype(np.float32),
            type_index=np.array([hand.type_names.index(kind) for kind in verified_kinds], dtype=np.uint8),
            aperture=verified.width.astype(np.float32),
            links=trial.links,
            is_reachable=reachable,
        )

    def _approach(
        self, trial: TrialResult, preshape: Array, wanted: int, only_hard: bool
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which of G verified grasps a moving wrist takes (G,), and which are easy beyond the limit (G,).

        Those that need not be tried count as not reachable. An easy grasp that no wrist reaches is not kept. With
        ``only_hard`` the trials have left out the easy ones.
        """
        reachable, too_easy = np.zeros((2, len(trial.row)), dtype=bool)
        left = np.arange(len(trial.row))
        while len(left) and (missing := wanted - int(reachable.sum())) > 0:
            count = math.ceil(missing * APPROACHES_PER_REACHABLE)
            rows = left[most_diverse(trial.wrist_pose_o[left], trial.joint_pos[left], count)]
            left = np.setdiff1d(left, rows)
            easy = rows[:0] if only_hard else rows[self._is_easy(trial.object_pose_w[rows], trial.wrist_pose_o[rows])]
            rows = np.setdiff1d(rows, easy[self._easy_left() :])
            reachable[rows] = check_reachable(
                self._physics, self._thing, trial.object_pose_w[rows], trial.wrist_pose_o[rows], preshape[rows],
                trial.joint_pos[rows], self._rng,
            )  # fmt: skip
            too_easy[easy] = ~reachable[easy]
            self._num_easy += int(reachable[easy].sum())
        return reachable, too_easy

    def _is_easy(self, object_pose_w: Array, wrist_pose_o: Array) -> NDArray[np.bool_]:
        """At which of K wrist poses the limited joints lift as well (K,); at none without a limit."""
        if self._limit is None:
            return np.zeros(len(object_pose_w), dtype=bool)
        things = [self._thing] * len(object_pose_w)
        return lifts_placed(self._physics, things, object_pose_w, wrist_pose_o, np.array(self._limit.joint_pos))

    def _easy_left(self) -> int:
        """Easy grasps that the object may still have."""
        return 0 if self._limit is None else self._limit.most - self._num_easy

    def counts(self, kept: GraspSet, seconds: float) -> dict[str, TypeCount]:
        """Counts by type; the seconds are shared out by the hands tried."""
        total = sum(count.tried for count in self._counts.values())
        kept_types = kept.type_names()
        for name, count in self._counts.items():
            if name in self._sources:
                count.checked = self._sources[name].num_checked
                count.reject("penetrates_at_start", self._sources[name].num_penetrating)
            count.kept = kept_types.count(name)
            count.seconds = seconds * (count.tried / total if total else 1.0 / len(self._counts))
        return self._counts


def chosen(grasps: GraspSet, quota: int | None) -> NDArray[np.int64]:
    """Rows to keep: the most diverse reachable ones, then the most diverse others; all when ``quota`` is None."""
    if quota is None:
        return np.arange(len(grasps))
    best = np.flatnonzero(grasps.is_reachable)
    rest = np.flatnonzero(~grasps.is_reachable)
    best = best[most_diverse(grasps.wrist_pose_o[best], grasps.joint_pos[best], quota)]
    missing = quota - len(best)
    if missing > 0:
        rest = rest[most_diverse(grasps.wrist_pose_o[rest], grasps.joint_pos[rest], missing)]
        best = np.concatenate([best, rest])
    return np.sort(best)


def _no_grasps(hand: Hand, name: str, split: str) -> GraspSet:
    poses, joints = np.zeros((0, 7), dtype=np.float32), np.zeros((0, hand.num_joints), dtype=np.float32)
    return GraspSet(
        hand=hand,
        objects=(name,),
        object_splits=(split,),
        object_index=np.zeros(0, dtype=np.int32),
        object_pose_w=poses,
        rest_pose_w=poses,
        wrist_pose_o=poses,
        joint_pos=joints,
        preshape=joints,
        type_index=np.zeros(0, dtype=np.uint8),
        aperture=np.zeros(0, dtype=np.float32),
        links=np.zeros((0, len(hand.links)), dtype=bool),
        is_reachable=np.zeros(0, dtype=bool),
    )
