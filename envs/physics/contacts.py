"""Which links of the hand touch what, gathered from the contacts of many MuJoCo worlds at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.physics.world_model import OBJECT_PART


@dataclass(frozen=True)
class Contacts:
    """The C contacts of E worlds.

    Attributes:
        world: the world of each (C,).
        parts: the two parts that meet (C, 2): rows of `Hand.links`, TABLE_PART or OBJECT_PART.
        num_worlds: E.
        num_links: L.
    """

    world: NDArray[np.int64]
    parts: NDArray[np.int64]
    num_worlds: int
    num_links: int

    @classmethod
    def gather(
        cls, worlds: Sequence[mujoco.MjData | None], part_of_geom: NDArray[np.int64], num_links: int
    ) -> "Contacts":
        """Contacts of the last physics step.

        Args:
            worlds: MuJoCo's data of each world; None for one that holds nothing yet.
            part_of_geom: `ModelAddresses.part_of_geom`; geoms beyond it are pieces of the object.
            num_links: links of the hand, L.
        """
        held = [(world, data) for world, data in enumerate(worlds) if data is not None and data.ncon]
        if not held:
            return cls(np.zeros(0, dtype=np.int64), np.zeros((0, 2), dtype=np.int64), len(worlds), num_links)
        geoms = np.concatenate([data.contact.geom for _, data in held])
        world = np.repeat([world for world, _ in held], [data.ncon for _, data in held])
        known = len(part_of_geom)
        parts = np.where(geoms < known, part_of_geom[np.minimum(geoms, known - 1)], OBJECT_PART)
        return cls(world, parts, len(worlds), num_links)

    def links_on(self, part: int) -> NDArray[np.bool_]:
        """Links (E, L) that touch a part."""
        touching = np.zeros((self.num_worlds, self.num_links + 2), dtype=bool)  # table and object count from the end
        row, side = np.nonzero(self.parts == part)
        touching[self.world[row], self.parts[row, 1 - side]] = True
        return touching[:, : self.num_links]


def hand_penetration(model: mujoco.MjModel, data: mujoco.MjData, link_bodies: NDArray[np.int64]) -> float:
    """Deepest overlap of the hand with anything else where things stand now, m, at least 0; takes no step."""
    mujoco.mj_kinematics(model, data)
    mujoco.mj_collision(model, data)
    if not data.ncon:
        return 0.0
    bodies = model.geom_bodyid[data.contact.geom]
    touches_hand = np.isin(bodies, link_bodies).sum(axis=1) == 1
    return max(0.0, -float(data.contact.dist[touches_hand].min(initial=0.0)))
