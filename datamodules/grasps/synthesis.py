"""Grasps of one object: propose hands of all types, try, verify, check reachability. Deterministic per object."""

import time
import zlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from datamodules.grasps.bank import build_bank
from datamodules.grasps.easy import EasyLimit
from datamodules.grasps.grasp_set import GraspSet, join_rows
from datamodules.grasps.grasp_types import Prototype
from datamodules.grasps.rest import rest_poses
from datamodules.grasps.rounds import Rounds, chosen
from datamodules.grasps.synthesis_settings import SynthesisSettings, TypeCount
from envs.objects.grasp_object import GraspObject
from envs.physics.mujoco_cpu import MujocoCpuPhysics, SceneCache

Array = NDArray[np.float64]


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
        grasps = self._settled(every.rows(chosen(every, self.settings.quota)), thing, scenes)
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
        new = self._settled(reachable.rows(chosen(reachable, missing)), thing, scenes)
        return ObjectResult(join_rows([kept, new]), rounds.counts(new, time.perf_counter() - began))

    def _rounds(
        self, thing: GraspObject, split: str, *, stream: int, easy_joints: Array | None = None
    ) -> tuple[Rounds, SceneCache]:
        """The rounds of an object, and its compiled model; ``stream`` keeps those of one purpose apart from others."""
        settings = self.settings
        seed = [settings.seed, zlib.crc32(thing.name.encode()), *([stream] if stream else [])]
        scenes = SceneCache(settings.physics, capacity=1)
        physics = MujocoCpuPhysics(settings.batch, settings.physics, num_threads=0, scenes=scenes)
        rng = np.random.default_rng(seed)
        return Rounds(settings, self.banks, physics, thing, split, rng, easy_joints), scenes

    def _settled(self, grasps: GraspSet, thing: GraspObject, scenes: SceneCache) -> GraspSet:
        """The grasps with the poses at which their object rests."""
        rest_w = rest_poses(grasps, lambda _: thing, scenes=scenes, num_worlds=self.settings.batch, num_threads=0)
        return replace(grasps, rest_pose_w=rest_w)
