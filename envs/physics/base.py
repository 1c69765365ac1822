"""The seam between the task and a simulator: what every physics backend must offer, and who makes one.

Arrays (why: docs/backends.md): a backend gives arrays of its own kind, numpy on the host or torch tensors on its
device, and takes either. The path of a control step turns them into tensors by `torch.as_tensor`, which copies neither;
code beside that path that works in numpy asks for `PhysicsState.host` and `to_host`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.physics.memory import MemoryNeed
from envs.physics.settings import PhysicsSettings

Array = NDArray[np.float64]
"""Floating-point numbers of a backend, written as what the reference gives: numpy."""

Given = NDArray[Any] | Tensor
"""What a backend takes: numpy, or a tensor on the host or on its device."""


@dataclass(frozen=True)
class PhysicsState:
    """A snapshot of E worlds; all arrays are copies.

    Attributes:
        joint_pos: actuated joints (E, J), rad.
        coupled_pos: coupled joints (E, C), rad.
        wrist_pose_w: hand base pose (E, 7).
        object_pose_w: object pose (E, 7).
        object_velocity: linear velocity of the object, m/s, world frame, then its angular velocity, rad/s, object
            frame (E, 6).
        is_diverged: worlds that ended in NaN, a solver warning or a thrown object (E,) bool.
    """

    joint_pos: Array
    coupled_pos: Array
    wrist_pose_w: Array
    object_pose_w: Array
    object_velocity: Array
    is_diverged: NDArray[np.bool_]

    def host(self) -> "PhysicsState":
        """The same in numpy; costs a copy from the device of a backend that has one, and nothing on the CPU."""
        return PhysicsState(**{item.name: to_host(getattr(self, item.name)) for item in fields(self)})

    def host_rows(self, rows: NDArray[np.int64]) -> "PhysicsState":
        """The worlds ``rows`` (K,) in numpy; of a device these alone are copied."""
        return PhysicsState(**{item.name: to_host(getattr(self, item.name)[rows]) for item in fields(self)})

    def where(self, choice: NDArray[np.bool_], other: "PhysicsState") -> "PhysicsState":
        """The worlds of this state where ``choice`` (E,) bool, those of another elsewhere; nothing leaves a device."""
        if not choice.any():
            return other
        return PhysicsState(
            **{item.name: _where(choice, getattr(self, item.name), getattr(other, item.name)) for item in fields(self)}
        )


def to_host(values: Given) -> NDArray[Any]:
    """An array of a backend in numpy; the same memory where it is on the host."""
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else values


def _where(choice: NDArray[np.bool_], one: Any, other: Any) -> Any:
    """Rows of either of two arrays of one kind."""
    choice = choice.reshape(-1, *[1] * (one.ndim - 1))
    if isinstance(one, Tensor):
        return torch.where(torch.as_tensor(choice, device=one.device), one, other)
    return np.where(choice, one, other)


class PhysicsBackend(Protocol):
    """Batched worlds, each with one hand, one object and a table.

    The hand base follows given poses, the fingers follow joint targets. Contract tests: tests/contracts/physics.py.
    """

    @property
    def hand(self) -> Hand:
        """The hand, the same in all worlds: J actuated joints, C coupled ones, L links."""
        ...

    @property
    def num_worlds(self) -> int:
        """Number of worlds E."""
        ...

    @property
    def settings(self) -> PhysicsSettings:
        """Physical constants and the control period, the same in all worlds."""
        ...

    @property
    def num_diverged(self) -> int:
        """Times that a world diverged since the backend was made; resets do not set it back."""
        ...

    def reset(
        self,
        objects: Sequence[GraspObject],
        object_pose_w: Given,
        wrist_pose_w: Given,
        joint_pos: Given,
        *,
        worlds: Given | None = None,
    ) -> None:
        """Put objects (length K), object poses (K, 7), wrist poses (K, 7) and joints (K, J) rad into K worlds.

        ``worlds`` (K,) names them, all of them when None. Velocities become zero, divergence marks are cleared, targets
        are where hand and joints stand, and no side acceleration acts.

        Raises:
            ValueError: wrong shapes, NaN, quaternions off unit length, joints outside their limits, worlds that do not
                exist or are named twice, an object that cannot be simulated.
        """
        ...

    def set_joint_targets(self, joint_target: Given) -> None:
        """Position targets of the actuated joints (E, J), rad; coupled joints follow their parents.

        Targets beyond the limits are clamped.

        Raises:
            ValueError: another shape, NaN or infinity; the targets before stay.
        """
        ...

    def set_wrist_targets(self, wrist_pose_w: Given) -> None:
        """Hand base poses (E, 7) to be reached at the end of the next control step.

        Raises:
            ValueError: another shape, NaN or infinity, quaternions off unit length; the targets before stay.
        """
        ...

    def set_side_acceleration(self, acceleration_w: Given) -> None:
        """Additional uniform acceleration field (E, 3), m/s^2: shakes the object (gravity stays on).

        Raises:
            ValueError: another shape, NaN or infinity; the field before stays.
        """
        ...

    def step(self, active: Given | None = None) -> None:
        """Advance the active worlds (E,) bool by one control step, ``settings.control_dt`` seconds.

        Inactive and diverged worlds stand still.

        Raises:
            ValueError: another shape.
            RuntimeError: an active world holds no object yet.
        """
        ...

    def state(self) -> PhysicsState:
        """The present state of all worlds.

        Raises:
            RuntimeError: no world holds an object yet.
        """
        ...

    def contact_links(self) -> NDArray[np.bool_]:
        """Links of the hand (E, L), that touch the object now."""
        ...

    def table_links(self) -> NDArray[np.bool_]:
        """Links of the hand (E, L), that touch the table now."""
        ...

    def initial_penetration(self, worlds: Given) -> Array:
        """Deepest overlap of the hand with object or table in K named worlds as placed (K,), m, at least 0.

        To be asked between a reset and the first step; takes no step itself.

        Raises:
            ValueError: worlds that do not exist or are named twice.
            RuntimeError: one of them holds no object yet.
        """
        ...


class PhysicsFactory(Protocol):
    """Makes backends of one simulator under the same settings; chosen by its class path in a configuration.

    What it keeps of objects is shared by all that it makes. It can be sent to another process, which then prepares
    objects anew.
    """

    @property
    def settings(self) -> PhysicsSettings:
        """Physical constants of every backend that it makes."""
        ...

    def make(self, hand: Hand, num_worlds: int, *, num_threads: int | None = None) -> PhysicsBackend:
        """A backend of so many worlds, nothing in them yet.

        Args:
            hand: the hand in all of them.
            num_worlds: E.
            num_threads: threads of the CPU that step; 0 steps in the calling thread, None takes one per core.
                Simulators on a device pay no heed to it.

        Raises:
            ValueError: less than one world.
        """
        ...

    def prepare(self, hand: Hand, objects: Iterable[GraspObject]) -> None:
        """Begin to make ahead, in this order, what resets with these objects will need; returns at once.

        An object that cannot be simulated is reported by the reset. What an earlier call asked for and was not begun is
        given up.
        """
        ...

    def memory_need(self, hand: Hand, example: GraspObject, num_objects: int) -> MemoryNeed:
        """Memory of the host that worlds take with so many distinct objects such as ``example``, with room to spare."""
        ...


def physics_identity(physics: PhysicsFactory) -> dict[str, Any]:
    """What decides outcomes: the simulator's class and its settings, as plain values for names of stored results."""
    kind = type(physics)
    return {"backend": f"{kind.__module__}.{kind.__qualname__}", **asdict(physics.settings)}
