"""Grasps of one object: for each type propose, try, verify, check reachability. Deterministic per object."""

import time
import zlib
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.grasps.antipodal import AntipodalPairs, find_antipodal_pairs
from datamodules.grasps.bank import BankSettings, GraspBank, build_bank
from datamodules.grasps.diversity import most_diverse
from datamodules.grasps.grasp_set import GraspSet
from datamodules.grasps.grasp_types import GRASP_TYPES, Prototype
from datamodules.grasps.proposals import propose
from datamodules.grasps.reachability import check_reachable
from datamodules.grasps.rest import rest_poses
from datamodules.grasps.trial import TrialResult, TrialSettings, free_at_start, run_trials
from envs.conventions import NUM_JOINTS
from envs.hand.model import LINKS
from envs.objects.grasp_object import GraspObject
from envs.physics.mujoco_cpu import MujocoCpuPhysics, SceneCache
from envs.physics.settings import PhysicsSettings

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SynthesisSettings:
    """What is attempted for each object.

    Attributes:
        seed: master seed; an object's generator also depends on its name.
        quota: grasps kept for each type and object, the most diverse of those verified.
        max_rounds: rounds of proposals for each type and object; each tries at most ``batch`` hands.
        batch: worlds simulated together.
        proposals: candidates drawn in a round.
        start_checks: candidates whose start is checked for penetration in a round.
        types: grasp types to make.
        bank: layout of the hand-shape banks.
        trial: bounds of a trial.
        physics: constants of the simulation.
    """

    seed: int = 0
    quota: int = 6
    max_rounds: int = 3
    batch: int = 12
    proposals: int = 1500
    start_checks: int = 256
    types: tuple[str, ...] = GRASP_TYPES
    bank: BankSettings = field(default_factory=BankSettings)
    trial: TrialSettings = field(default_factory=TrialSettings)
    physics: PhysicsSettings = field(default_factory=PhysicsSettings)


@dataclass
class TypeCount:
    """Counts of one type: proposals checked, free at the start, verified, kept, reachable, rejections, seconds."""

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


@dataclass(frozen=True)
class _Verified:
    """Verified grasps of one type, same columns as GraspSet."""

    wrist_pose_o: Array
    joint_pos: Array
    preshape: Array
    object_pose_w: Array
    links: NDArray[np.bool_]
    aperture: Array

    def rows(self, keep: NDArray[np.int64]) -> "_Verified":
        return _Verified(*(getattr(self, name)[keep] for name in self.__dataclass_fields__))


class GraspSynthesizer:
    """Makes grasps of objects, one object a call; holds the banks and the worlds.

    Args:
        settings: what is attempted.
        prototypes: hand shapes of each type.
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
        """All grasps of one object; the same whatever was made before and by whichever process.

        ``with_reachability=False`` leaves out the approaches of a moving wrist and marks no grasp as reachable.
        """
        settings = self.settings
        rng = np.random.default_rng([settings.seed, zlib.crc32(thing.name.encode())])
        scenes = SceneCache(settings.physics, capacity=1)
        physics = MujocoCpuPhysics(settings.batch, settings.physics, num_threads=0, scenes=scenes)
        pairs = find_antipodal_pairs(thing.points, thing.normals, rng)
        counts: dict[str, TypeCount] = {}
        parts: list[tuple[str, _Verified, NDArray[np.bool_]]] = []
        for name in settings.types:
            began = time.perf_counter()
            count = TypeCount()
            verified = self._verify_type(physics, thing, pairs, self.banks[name], rng, count)
            if verified is not None:
                keep = most_diverse(verified.wrist_pose_o, verified.joint_pos, settings.quota)
                verified = verified.rows(keep)
                reachable = np.zeros(len(keep), dtype=bool)
                if with_reachability:
                    reachable = check_reachable(
                        physics, thing, verified.object_pose_w, verified.wrist_pose_o, verified.preshape,
                        verified.joint_pos, rng,
                    )  # fmt: skip
                count.kept, count.reachable = len(keep), int(reachable.sum())
                parts.append((name, verified, reachable))
            count.seconds = time.perf_counter() - began
            counts[name] = count
        grasps = _assemble(thing.name, split, parts)
        rest_w = rest_poses(grasps, lambda _: thing, scenes=scenes, num_worlds=settings.batch, num_threads=0)
        return ObjectResult(replace(grasps, rest_pose_w=rest_w), counts)

    def _verify_type(
        self,
        physics: MujocoCpuPhysics,
        thing: GraspObject,
        pairs: AntipodalPairs,
        bank: GraspBank,
        rng: np.random.Generator,
        count: TypeCount,
    ) -> _Verified | None:
        settings, found = self.settings, []
        for _ in range(settings.max_rounds):
            if len(pairs) == 0 or count.verified >= settings.quota:
                break
            pose_w = thing.rest_poses[rng.choice(len(thing.rest_poses), p=thing.rest_probabilities)]
            proposals = propose(pairs, bank, pose_w, settings.proposals, rng)
            chosen = np.arange(min(len(proposals), settings.start_checks))
            wrist_w, entry = proposals.wrist_pose_w[chosen], proposals.entry[chosen]
            free = free_at_start(physics, thing, pose_w, wrist_w, bank.preshape[entry], settings.trial.max_penetration)
            count.checked += len(chosen)
            count.reject("penetrates_at_start", int((~free).sum()))
            rows = np.flatnonzero(free)[: settings.batch]
            if len(rows) == 0:
                continue
            preshape, target = bank.preshape[entry[rows]], bank.target[entry[rows]]
            trial = run_trials(physics, thing, pose_w, wrist_w[rows], preshape, target, settings.trial, rng)
            count.tried += len(rows)
            count.verified += len(trial.row)
            for cause, number in trial.rejected.items():
                count.reject(cause, number)
            found.append(_columns(trial, preshape, proposals.width[chosen][rows]))
        if count.verified == 0:
            return None
        return _Verified(*(np.concatenate(column) for column in zip(*found, strict=True)))


def _columns(trial: TrialResult, preshape: Array, width: Array) -> tuple[NDArray[Any], ...]:
    """The verified rows of a trial in the order of `_Verified`."""
    row = trial.row
    return (trial.wrist_pose_o, trial.joint_pos, preshape[row], trial.object_pose_w, trial.links, width[row])


def _assemble(name: str, split: str, parts: list[tuple[str, _Verified, NDArray[np.bool_]]]) -> GraspSet:
    """The grasps of all types as a set of one object, possibly empty; rest poses are the object poses so far."""
    empty = _Verified(
        np.zeros((0, 7)), np.zeros((0, NUM_JOINTS)), np.zeros((0, NUM_JOINTS)), np.zeros((0, 7)),
        np.zeros((0, len(LINKS)), dtype=bool), np.zeros(0),
    )  # fmt: skip
    columns = [empty, *(verified for _, verified, _ in parts)]

    def stack(field_name: str) -> Array:
        return np.concatenate([getattr(part, field_name) for part in columns])

    type_index = np.concatenate(
        [np.zeros(0), *(np.full(len(part.aperture), GRASP_TYPES.index(kind)) for kind, part, _ in parts)]
    )
    return GraspSet(
        objects=(name,),
        object_splits=(split,),
        object_index=np.zeros(len(type_index), dtype=np.int32),
        object_pose_w=stack("object_pose_w").astype(np.float32),
        rest_pose_w=stack("object_pose_w").astype(np.float32),
        wrist_pose_o=stack("wrist_pose_o").astype(np.float32),
        joint_pos=stack("joint_pos").astype(np.float32),
        preshape=stack("preshape").astype(np.float32),
        type_index=type_index.astype(np.uint8),
        aperture=stack("aperture").astype(np.float32),
        links=stack("links").astype(bool),
        is_reachable=np.concatenate([np.zeros(0, dtype=bool), *(reachable for _, _, reachable in parts)]),
    )
