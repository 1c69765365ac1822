"""MuJoCo's worlds as a simulator on a device shows them: what they give are tensors there."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any, cast

import torch

from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.physics.base import PhysicsBackend, PhysicsState
from envs.physics.memory import MemoryNeed
from envs.physics.mujoco_cpu import MujocoCpu
from envs.physics.settings import PhysicsSettings
from tests.second_device import brought_to_host


class PhysicsOn:
    """Worlds of any backend whose state, contacts and overlaps lie on a device; otherwise they are what they are.

    Args:
        backend: the worlds.
        device: where.
    """

    def __init__(self, backend: PhysicsBackend, device: torch.device) -> None:
        self._backend = backend
        self._device = device

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def set_joint_targets(self, joint_target: Any) -> None:
        """See `PhysicsBackend.set_joint_targets`; what MuJoCo needs of it on the host is no copy of the task's."""
        with brought_to_host():
            self._backend.set_joint_targets(joint_target)

    def state(self) -> PhysicsState:
        """See `PhysicsBackend.state`."""
        here = self._backend.state()
        return PhysicsState(**{item.name: self._there(getattr(here, item.name)) for item in fields(here)})

    def contact_links(self) -> Any:
        """See `PhysicsBackend.contact_links`."""
        return self._there(self._backend.contact_links())

    def table_links(self) -> Any:
        """See `PhysicsBackend.table_links`."""
        return self._there(self._backend.table_links())

    def initial_penetration(self, worlds: Any) -> Any:
        """See `PhysicsBackend.initial_penetration`."""
        return self._there(self._backend.initial_penetration(worlds))

    def _there(self, values: Any) -> Any:
        return torch.as_tensor(values).to(self._device)


@dataclass(frozen=True)
class MujocoOn:
    """Makes `PhysicsOn` of MuJoCo's worlds; as a `PhysicsFactory`."""

    device: torch.device
    factory: MujocoCpu = field(default_factory=MujocoCpu)

    @property
    def settings(self) -> PhysicsSettings:
        """See `PhysicsFactory.settings`."""
        return self.factory.settings

    def make(self, hand: Hand, num_worlds: int, *, num_threads: int | None = None) -> PhysicsBackend:
        """See `PhysicsFactory.make`."""
        worlds = self.factory.make(hand, num_worlds, num_threads=num_threads)
        return cast(PhysicsBackend, PhysicsOn(worlds, self.device))

    def prepare(self, hand: Hand, objects: Iterable[GraspObject]) -> None:
        """See `PhysicsFactory.prepare`."""
        self.factory.prepare(hand, objects)

    def memory_need(self, hand: Hand, example: GraspObject, num_objects: int) -> MemoryNeed:
        """See `PhysicsFactory.memory_need`."""
        return self.factory.memory_need(hand, example, num_objects)
