"""Grasps of one object: propose hands of all types, try, verify, check reachability. Deterministic per object."""

import math
import time
import zlib
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from datamodules.grasps.antipodal import find_antipodal_pairs
from datamodules.grasps.bank import BankSettings, GraspBank, build_bank
from datamodules.grasps.candidates import Candidates, CandidateSource, join
from datamodules.grasps.diversity import most_diverse
from datamodules.grasps.easy import EasyLimit, lifts_placed
from datamodules.grasps.grasp_set import GraspSet, join_rows
from datamodules.grasps.grasp_types import GRASP_TYPES, Prototype
from datamodules.grasps.reachability import check_reachable
from datamodules.grasps.rest import rest_poses
from datamodules.grasps.trial import TrialResult, TrialSettings, run_trials
from envs.conventions import NUM_JOINTS
from envs.hand.model import LINKS
from envs.objects.grasp_object import GraspObject
from envs.physics.mujoco_cpu import MujocoCpuPhysics, SceneCache
from envs.physics.settings import PhysicsSettings

Array = NDArray[np.float64]

APPROACHES_PER_REACHABLE = 1.6
"""Verified grasps that are approached for each reachable one that is still wanted; about half of them pass."""


@dataclass(frozen=True)
class SynthesisSettings:
    """What is attempted for each object.

    Attributes:
        seed: master seed; an object's generator also depends on its name.
        quota: grasps kept of an object, the most diverse reachable ones, made up from those that are only verified;
            every verified grasp when None.
        wanted: an object is done once it has so many reachable grasps. Of a round's verified grasps the most diverse
            are approached first, and no more than are likely to be needed.
        max_rounds: rounds of trials of an object; each tries at most ``batch`` hands, evenly over the types.
        batch: worlds simulated together.
        proposals: proposals drawn at a time for a type.
        start_checks: of these, at most so many are checked for penetration.
        types: grasp types to make.
        bank: layout of the hand-shape banks.
        trial: bounds of a trial.
        physics: constants of the simulation.
    """

    seed: int = 0
    quota: int | None = 5
    wanted: int = 5
    max_rounds: int = 16
    batch: int = 24
    proposals: int = 400
    start_checks: int = 64
    types: tuple[str, ...] = GRASP_TYPES
    bank: BankSettings = field(default_factory=BankSettings)
    trial: TrialSettings = field(default_factory=TrialSettings)
    physics: PhysicsSettings = field(default_factory=PhysicsSettings)

    def __post_init__(self) -> None:
        for name in ("wanted", "max_rounds", "batch", "proposals", "start_checks"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected at least 1")
        if self.quota is not None and self.quota < 1:
            raise ValueError(f"quota is {self.quota}, expected at least 1, or null to keep every verified grasp")


@dataclass
class TypeCount:
    """Counts of one type.

    Attributes:
        checked: hands whose start was checked for penetration.
        tried: those that were closed and lifted.
        verified: those that held.
        kept: verified grasps that are in the set.
        reachable: verified grasps that a moving wrist took; only as many are approached as are wanted.
        seconds: the object's time, shared out by the hands tried.
        rejected: trials by the cause of their rejection.
    """

    checked: int = 0
    tried: int = 0
    verified: int = 0
    kept: int = 0
    reachable: int = 0
    seconds: float = 0.0
    rejected: dict[str, int] = field(default_factory=dict)

    def reject(self, cause: str, count: int) -> None:
        """Count ``count`` more rejections for a cause."""
        self.rejected[cause] = self.rejected.get(cause, 0) + count


@dataclass(frozen=True)
class ObjectResult:
    """Grasps of one object and the counts behind them, by type."""

    grasps: GraspSet
    counts: dict[str, TypeCount]


class GraspSynthesizer:
    """Makes grasps of objects, one object a call; holds the banks.

    Args:
        settings: what is attempted.
        prototypes: hand shapes of each type.

    Raises:
        ValueError: a type without a prototype.
    """

    def __init__(self, settings: SynthesisSettings, prototypes: dict[str, tuple[Prototype, ...]]) -> None:
        missing = [name for name in settings.types if not prototypes.get(name)]
        if missing:
            raise ValueError(
                f"no prototype of grasp type {missing[0]!r}; prototypes exist for: {', '.join(prototypes)}"
            )
        self.settings = settings
        rng = np.random.default_rng(settings.seed)
        self.banks = {name: build_bank(name, prototypes[name], settings.bank, rng) for name in settings.types}

    def synthesize(self, thing: GraspObject, split: str, *, with_reachability: bool = True) -> ObjectResult:
        """The grasps of one object; the same whatever was made before and by whichever process.

        ``with_reachability=False`` leaves out the approaches of a moving wrist and marks no grasp as reachable.
        """
        began = time.perf_counter()
        rounds, scenes = self._rounds(thing, split, stream=0)
        every = rounds.collect(self.settings.wanted, self.settings.max_rounds, with_reachability=with_reachability)
        grasps = self._settled(every.rows(_chosen(every, self.settings.quota)), thing, scenes)
        return ObjectResult(grasps, rounds.counts(grasps, time.perf_counter() - began))

    def replace_easy(self, thing: GraspObject, known: GraspSet, limit: EasyLimit) -> ObjectResult:
        """Of an object's known grasps the hard ones and a few easy ones, made up to the quota with new hard ones.

        The counts are those of the new grasps.
        """
        began = time.perf_counter()
        split = known.object_splits[0]
        rounds, scenes = self._rounds(thing, split, stream=1, easy_joints=np.array(limit.joint_pos))
        kept = rounds.limit_easy(known, limit.most)
        missing = max(0, (self.settings.quota or 0) - len(kept))
        every = rounds.collect(missing, limit.max_rounds, with_reachability=True)
        reachable = every.rows(every.is_reachable)  # a grasp that no wrist reaches is no better than an easy one
        new = self._settled(reachable.rows(_chosen(reachable, missing)), thing, scenes)
        return ObjectResult(join_rows([kept, new]), rounds.counts(new, time.perf_counter() - began))

    def _rounds(
        self, thing: GraspObject, split: str, *, stream: int, easy_joints: Array | None = None
    ) -> tuple["_Rounds", SceneCache]:
        """The rounds of an object, and its compiled model; ``stream`` keeps those of one purpose apart from others."""
        settings = self.settings
        seed = [settings.seed, zlib.crc32(thing.name.encode()), *([stream] if stream else [])]
        scenes = SceneCache(settings.physics, capacity=1)
        physics = MujocoCpuPhysics(settings.batch, settings.physics, num_threads=0, scenes=scenes)
        rng = np.random.default_rng(seed)
        return _Rounds(settings, self.banks, physics, thing, split, rng, easy_joints), scenes

    def _settled(self, grasps: GraspSet, thing: GraspObject, scenes: SceneCache) -> GraspSet:
        """The grasps with the poses at which their object rests."""
        rest_w = rest_poses(grasps, lambda _: thing, scenes=scenes, num_worlds=self.settings.batch, num_threads=0)
        return replace(grasps, rest_pose_w=rest_w)


class _Rounds:
    """The rounds of one object: batches of candidates of all types, their trials and approaches, counted by type."""

    def __init__(
        self,
        settings: SynthesisSettings,
        banks: dict[str, GraspBank],
        physics: MujocoCpuPhysics,
        thing: GraspObject,
        split: str,
        rng: np.random.Generator,
        easy_joints: Array | None,
    ) -> None:
        self._settings = settings
        self._physics = physics
        self._thing = thing
        self._split = split
        self._rng = rng
        self._easy_joints = easy_joints
        self._counts = {name: TypeCount() for name in settings.types}
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
            for name in (settings.types if len(pairs) else ())
        }

    def collect(self, wanted: int, max_rounds: int, *, with_reachability: bool) -> GraspSet:
        """The verified grasps of as many rounds as it takes to have ``wanted`` (reachable) ones, or of all rounds."""
        found = [_no_grasps(self._thing.name, self._split)]
        for _ in range(max_rounds):
            if wanted <= 0 or not self._sources:
                break
            batch = self.next_batch()
            if batch is None:
                continue  # all that were proposed start in the object or the table; other proposals may not
            found.append(self.run(batch, wanted if with_reachability else 0))
            wanted -= int(found[-1].is_reachable.sum()) if with_reachability else len(found[-1])
        return join_rows(found)

    def limit_easy(self, known: GraspSet, most: int) -> GraspSet:
        """The known grasps without all easy ones but ``most``: the most diverse, reachable ones first."""
        easy = self._is_easy(known.object_pose_w.astype(np.float64), known.wrist_pose_o.astype(np.float64))
        few = known.rows(easy)
        few = few.rows(_chosen(few, most))
        return join_rows([known.rows(~easy), few])

    def _is_easy(self, object_pose_w: Array, wrist_pose_o: Array) -> NDArray[np.bool_]:
        """Grasps (G,) that the limited joints lift as well; none without a limit."""
        if self._easy_joints is None:
            return np.zeros(len(wrist_pose_o), dtype=bool)
        return lifts_placed(self._physics, self._thing, object_pose_w, wrist_pose_o, self._easy_joints)

    def next_batch(self) -> tuple[list[str], Candidates] | None:
        """At most ``batch`` candidates and their types; None without any.

        The first round tries all types alike; later ones shift towards those that held this object so far.
        """
        kinds: list[str] = []
        parts: list[Candidates] = []
        order = [str(name) for name in self._rng.permutation(list(self._sources))]
        promise = np.array([self._promise(name) for name in order])
        for index, name in enumerate(order):
            left = self._settings.batch - len(kinds)
            share = math.ceil(left * promise[index] / promise[index:].sum())
            part = self._sources[name].take(min(share, left))
            kinds += [name] * len(part)
            parts.append(part)
        return (kinds, join(parts)) if kinds else None

    def _promise(self, name: str) -> float:
        """Share of a type's trials that ended well, with some doubt: a reachable grasp counts full, others half."""
        count = self._counts[name]
        return (1.0 + 0.5 * (count.verified + count.reachable)) / (4.0 + count.tried)

    def run(self, batch: tuple[list[str], Candidates], wanted: int) -> GraspSet:
        """The verified grasps of a batch; approaches go on until ``wanted`` are reachable or all have been tried."""
        kinds, tried = batch
        trial = run_trials(
            self._physics, self._thing, tried.object_pose_w, tried.wrist_pose_w, tried.preshape, tried.target,
            self._settings.trial, self._rng,
        )  # fmt: skip
        trial = trial.without(self._is_easy(trial.object_pose_w, trial.wrist_pose_o), "easy")
        verified = tried.rows(trial.row)
        reachable = self._reachable(trial, verified.preshape, wanted)
        for row, kind in enumerate(kinds):
            self._counts[kind].tried += 1
            if trial.cause[row]:
                self._counts[kind].reject(trial.cause[row], 1)
        verified_kinds = [kinds[row] for row in trial.row]
        for kind, is_reachable in zip(verified_kinds, reachable, strict=True):
            self._counts[kind].verified += 1
            self._counts[kind].reachable += int(is_reachable)
        return GraspSet(
            objects=(self._thing.name,),
            object_splits=(self._split,),
            object_index=np.zeros(len(verified), dtype=np.int32),
            object_pose_w=trial.object_pose_w.astype(np.float32),
            rest_pose_w=trial.object_pose_w.astype(np.float32),  # settled once for all that are kept
            wrist_pose_o=trial.wrist_pose_o.astype(np.float32),
            joint_pos=trial.joint_pos.astype(np.float32),
            preshape=verified.preshape.astype(np.float32),
            type_index=np.array([GRASP_TYPES.index(kind) for kind in verified_kinds], dtype=np.uint8),
            aperture=verified.width.astype(np.float32),
            links=trial.links,
            is_reachable=reachable,
        )

    def _reachable(self, trial: TrialResult, preshape: Array, wanted: int) -> NDArray[np.bool_]:
        """Which of G verified grasps a moving wrist takes (G,); those that need not be tried count as not reachable."""
        reachable = np.zeros(len(trial.row), dtype=bool)
        left = np.arange(len(trial.row))
        while len(left) and (missing := wanted - int(reachable.sum())) > 0:
            count = math.ceil(missing * APPROACHES_PER_REACHABLE)
            rows = left[most_diverse(trial.wrist_pose_o[left], trial.joint_pos[left], count)]
            reachable[rows] = check_reachable(
                self._physics, self._thing, trial.object_pose_w[rows], trial.wrist_pose_o[rows], preshape[rows],
                trial.joint_pos[rows], self._rng,
            )  # fmt: skip
            left = np.setdiff1d(left, rows)
        return reachable

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


def _chosen(grasps: GraspSet, quota: int | None) -> NDArray[np.int64]:
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


def _no_grasps(name: str, split: str) -> GraspSet:
    poses, joints = np.zeros((0, 7), dtype=np.float32), np.zeros((0, NUM_JOINTS), dtype=np.float32)
    return GraspSet(
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
        links=np.zeros((0, len(LINKS)), dtype=bool),
        is_reachable=np.zeros(0, dtype=bool),
    )
