"""The seam between the task and a simulator: what every physics backend must offer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from envs.objects.grasp_object import GraspObject
from envs.physics.settings import PhysicsSettings

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PhysicsState:
    """A snapshot of E worlds; all arrays are copies.

    Attributes:
        joint_pos: actuated joints (E, 18), rad.
        coupled_pos: coupled joints (E, 4), rad.
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


class PhysicsBackend(Protocol):
    """Batched worlds, each with one hand, one object and a table.

    The hand base follows given poses, the fingers follow joint targets. Contract tests: tests/contracts/physics.py.
    """

    @property
    def num_worlds(self) -> int:
        """Number of worlds E."""
        ...

    @property
    def settings(self) -> PhysicsSettings:
        """Physical constants and the control period, the same in all worlds."""
        ...

    def reset(
        self,
        objects: Sequence[GraspObject],
        object_pose_w: Array,
        wrist_pose_w: Array,
        joint_pos: Array,
        *,
        worlds: NDArray[np.int64] | None = None,
    ) -> None:
        """Put objects (length K), object poses (K, 7), wrist poses (K, 7) and joints (K, 18) rad into K worlds.

        ``worlds`` (K,) names them, all of them when None. Velocities become zero and divergence marks are cleared.

        Raises:
            ValueError: wrong shapes, NaN, quaternions off unit length, joints outside their limits.
        """
        ...

    def set_joint_targets(self, joint_target: Array) -> None:
        """Position targets of the 18 actuated joints (E, 18), rad; coupled joints follow their parents."""
        ...

    def set_wrist_targets(self, wrist_pose_w: Array) -> None:
        """Hand base poses (E, 7) to be reached at the end of the next control step."""
        ...

    def set_side_acceleration(self, acceleration_w: Array) -> None:
        """Additional uniform acceleration field (E, 3), m/s^2: shakes the object (gravity stays on)."""
        ...

    def step(self, active: NDArray[np.bool_] | None = None) -> None:
        """Advance the active worlds (E,) by one control step; inactive worlds stand still."""
        ...

    def state(self) -> PhysicsState:
        """The present state of all worlds."""
        ...

    def contact_links(self) -> NDArray[np.bool_]:
        """Hand links (E, 23), order of envs.hand.model.LINKS, that touch the object now."""
        ...

    def table_links(self) -> NDArray[np.bool_]:
        """Hand links (E, 23), order of envs.hand.model.LINKS, that touch the table now."""
        ...
