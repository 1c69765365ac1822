"""The reference backend as a choice in a configuration: MuJoCo on the CPU."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import mujoco

from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.physics.base import PhysicsBackend
from envs.physics.compiled_models import CompiledModels
from envs.physics.memory import MemoryNeed
from envs.physics.model_cache import MAX_MODELS
from envs.physics.mujoco_worlds import MAX_SPARE, MujocoCpuPhysics
from envs.physics.settings import PhysicsSettings

MODEL_OVERHEAD = 220_000
"""Bytes that Python's view of a compiled model takes beside the model itself (resident memory, 150 objects)."""


@dataclass(frozen=True)
class MujocoCpu(CompiledModels):
    """Makes worlds of MuJoCo that are stepped on threads of the CPU (`MujocoCpuPhysics`).

    Attributes:
        settings: physical constants.
        max_models: compiled models of objects that are kept, about 0.3 MB each; of others they are compiled again.
        dump_dir: folder into which the last states of each diverged world are written as npz; none when None.

    Raises:
        ValueError: room for less than one model.
    """

    settings: PhysicsSettings = field(default_factory=PhysicsSettings)
    max_models: int = MAX_MODELS
    dump_dir: str | None = None

    def make(self, hand: Hand, num_worlds: int, *, num_threads: int | None = None) -> PhysicsBackend:
        """See `PhysicsFactory.make`."""
        folder = None if self.dump_dir is None else Path(self.dump_dir)
        cache = self.cache(hand)
        return MujocoCpuPhysics(hand, num_worlds, self.settings, num_threads=num_threads, dump_dir=folder, cache=cache)

    def prepare(self, hand: Hand, objects: Iterable[GraspObject]) -> None:
        """See `PhysicsFactory.prepare`: compiled on a thread of its own."""
        self.cache(hand).prepare(objects)

    def memory_need(self, hand: Hand, example: GraspObject, num_objects: int) -> MemoryNeed:
        """See `PhysicsFactory.memory_need`.

        A world has MuJoCo's data of its own, and up to MAX_SPARE more that were put aside. Their arenas for contacts
        count whole: contacts fill little of them, but the allocator hands out memory that was filled before. Models are
        shared by the worlds of an object; others are much the same as that of the example, because the hand makes up
        most of it.
        """
        model = self.cache(hand).get(example)
        data = mujoco.MjData(model)
        size = data.nbuffer + data.narena
        of_model = int(mujoco.mj_sizeModel(model)) + MODEL_OVERHEAD
        return MemoryNeed(world=int((1 + MAX_SPARE) * size), shared=min(num_objects, self.max_models) * of_model)
