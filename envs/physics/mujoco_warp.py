"""MJWarp as a choice in a configuration: thousands of worlds on a GPU, a few on a CPU."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import mujoco

from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.physics.base import PhysicsBackend
from envs.physics.compiled_models import CompiledModels
from envs.physics.memory import MemoryNeed
from envs.physics.mjwarp.library import chosen_device
from envs.physics.mjwarp.mesh_pool import SLOT_BYTES
from envs.physics.mjwarp.room import WarpRoom
from envs.physics.mjwarp.worlds import WarpPhysics
from envs.physics.mujoco_cpu import MODEL_OVERHEAD
from envs.physics.settings import PhysicsSettings

STAGED_BYTES = 100_000
"""Bytes of the host that a world on a GPU takes while it is reset: fields and meshes on their way."""

PAIR_BYTES = 200
"""Bytes of a pair of geoms, of the contact it may be and of what is kept of both."""

HULL_PAIR_BYTES = 20_000
"""Bytes of a pair in the search for convex hulls: the polytope of 35 iterations."""

ROW_BYTES = 200
"""Bytes of a row of constraints without its Jacobian."""


def world_bytes(room: WarpRoom, num_dofs: int) -> int:
    """Bytes of a world where its device is the host."""
    of_pairs = room.pairs * PAIR_BYTES + room.hull_pairs * HULL_PAIR_BYTES
    return room.max_pieces * SLOT_BYTES + of_pairs + room.rows * (ROW_BYTES + 8 * num_dofs)


@dataclass(frozen=True)
class MujocoWarp(CompiledModels):
    """Makes worlds of MJWarp (`WarpPhysics`), whose state stays on the device as torch tensors.

    Attributes:
        settings: physical constants.
        device: cpu, cuda or cuda:N; None takes the current CUDA device, or the CPU where torch sees none.
        room: sizes of MJWarp's arrays.
        max_models: compiled models of objects that are kept, about 0.3 MB each.

    Raises:
        ValueError: room for less than one model.
    """

    settings: PhysicsSettings = field(default_factory=PhysicsSettings)
    device: str | None = None
    room: WarpRoom = field(default_factory=WarpRoom)
    max_models: int = 8192

    def make(self, hand: Hand, num_worlds: int, *, num_threads: int | None = None) -> PhysicsBackend:
        """See `PhysicsFactory.make`; pays no heed to threads.

        Raises:
            ValueError: less than one world, or a device that is not there.
            PhysicsUnavailableError: MJWarp is not installed.
        """
        return WarpPhysics(hand, num_worlds, chosen_device(self.device), self.cache(hand), self.room)

    def prepare(self, hand: Hand, objects: Iterable[GraspObject]) -> None:
        """See `PhysicsFactory.prepare`: compiled by MuJoCo on a thread of its own."""
        self.cache(hand).prepare(objects)

    def memory_need(self, hand: Hand, example: GraspObject, num_objects: int) -> MemoryNeed:
        """See `PhysicsFactory.memory_need`; on a GPU only what passes through the host's memory."""
        model = self.cache(hand).get(example)
        of_model = int(mujoco.mj_sizeModel(model)) + MODEL_OVERHEAD
        is_here = chosen_device(self.device).type == "cpu"
        world = world_bytes(self.room, model.nv) if is_here else STAGED_BYTES
        return MemoryNeed(world=world, shared=min(num_objects, self.max_models) * of_model)
