"""Grasps of one object: propose hands of all types, try, verify, check reachability. Deterministic per object."""

import time
import zlib
from dataclasses import dataclass, replace

import numpy as np

from datamodules.grasps.grasp_set import GraspSet
from datamodules.synthesis.easy_grasps import EasyLimit
from datamodules.synthesis.hand_bank import build_bank
from datamodules.synthesis.object_rounds import Rounds, chosen
from datamodules.synthesis.prototypes import Prototypes
from datamodules.synthesis.rest_poses import rest_poses
from datamodules.synthesis.settings import SynthesisSettings, TypeCount
from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.objects.shapes import shape_digests
from envs.physics.base import PhysicsFactory
from envs.physics.mujoco_cpu import MujocoCpu


@dataclass(frozen=True)
class ObjectResult:
    """Grasps of one object and the counts behind them, by type."""

    grasps: GraspSet
    counts: dict[str, TypeCount]


class GraspSynthesizer:
    """Makes grasps of objects, one object a call; holds the banks.

    Args:
        hand: the hand that grasps.
        settings: what is attempted.
        prototypes: hand shapes of each type.
        physics: makes the worlds; when None, MuJoCo on the CPU that keeps the model of one object, the present one.

    Raises:
        ValueError: a type that the hand does not know, or without a prototype.
    """

    def __init__(
        self,
        hand: Hand,
        settings: SynthesisSettings,
        prototypes: Prototypes,
        physics: PhysicsFactory | None = None,
    ) -> None:
        types = settings.types or hand.type_names
        missing = [name for name in types if not prototypes.get(name)]
        if missing:
            raise ValueError(
                f"no prototype of grasp type {missing[0]!r}; prototypes exist for: {', '.join(prototypes)}"
            )
        self.hand = hand
        self.settings = settings
        self.physics: PhysicsFactory = physics or MujocoCpu(max_models=1)
        rng = np.random.default_rng(settings.seed)
        self.banks = {name: build_bank(hand, name, prototypes[name], settings.bank, rng) for name in types}

    def synthesize(
        self, thing: GraspObject, split: str, *, limit: EasyLimit | None = None, with_reachability: bool = True
    ) -> ObjectResult:
        """The grasps of one object; the same whatever was made before and by whichever process.

        Args:
            thing: the object.
            split: its split.
            limit: how many easy grasps are kept; any number when None.
            with_reachability: False leaves out the approaches of a moving wrist and marks no grasp as reachable.

        Raises:
            ValueError: a limit without approaches; only grasps that are approached are held against it.
        """
        if limit is not None and not with_reachability:
            raise ValueError("easy grasps are told before approaches; leave out the limit, or with_reachability=False")
        began = time.perf_counter()
        settings = self.settings
        physics = self.physics.make(self.hand, settings.batch, num_threads=0)
        rng = np.random.default_rng([settings.seed, zlib.crc32(thing.name.encode())])
        rounds = Rounds(settings, self.banks, physics, thing, split, rng, limit)
        every = rounds.collect(with_reachability=with_reachability)
        grasps = self._settled(every.rows(chosen(every, settings.quota)), thing)
        return ObjectResult(grasps, rounds.counts(grasps, time.perf_counter() - began))

    def _settled(self, grasps: GraspSet, thing: GraspObject) -> GraspSet:
        """The grasps with the poses at which their object rests, and with its shape."""
        rest_w = rest_poses(
            grasps, lambda _: thing, physics=self.physics, num_worlds=self.settings.batch, num_threads=0
        )
        return replace(grasps, rest_pose_w=rest_w, shapes=shape_digests([thing]))
