"""Which links of the hand touch what, and how deep they overlap, from MJWarp's contacts of all worlds at once.

The same as `envs.physics.contacts`, by tensors on the device; nothing waits for it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from envs.physics.world_model import OBJECT_PART


@dataclass(frozen=True)
class WarpContacts:
    """The contacts of E worlds, in arrays of fixed length C.

    Attributes:
        parts: the two parts that meet (C, 2): rows of `Hand.links`, or what `envs.physics.world_model` names. Entries
            that are no contacts of the last step say that the table meets itself.
        world: the world of each (C,).
        distance: metres between them, negative where they overlap (C,).
        num_worlds: E.
        num_links: L.
    """

    parts: Tensor
    world: Tensor
    distance: Tensor
    num_worlds: int
    num_links: int

    @classmethod
    def gather(
        cls, contacts: tuple[Tensor, Tensor, Tensor, Tensor], part_of_geom: Tensor, num_worlds: int, num_links: int
    ) -> "WarpContacts":
        """Of `WarpEngine.contacts`; ``part_of_geom`` (geoms,) holds the part of every geom of the model."""
        geoms, world, distance, is_contact = contacts
        known = torch.where(is_contact[:, None], geoms.long(), 0)  # geom 0 is the table
        return cls(
            parts=part_of_geom[known],
            world=torch.where(is_contact, world.long(), 0),
            distance=distance,
            num_worlds=num_worlds,
            num_links=num_links,
        )

    def links_on(self, part: int) -> Tensor:
        """Links (E, L) bool that touch a part."""
        size = self.num_worlds * self.num_links
        # the last one takes what does not count
        touching = torch.zeros(size + 1, dtype=torch.bool, device=self.world.device)
        for side in (0, 1):
            link = self.parts[:, side]
            counts = (self.parts[:, 1 - side] == part) & (link >= 0)
            touching.index_fill_(0, torch.where(counts, self.world * self.num_links + link, size), True)
        return touching[:size].view(self.num_worlds, self.num_links)

    def hand_depth(self) -> Tensor:
        """Deepest overlap of the hand with object or table in each world (E,), m, at least 0."""
        counts = (self.parts >= 0).sum(dim=1) == 1
        depth = torch.where(counts, -self.distance, 0.0).clamp_min(0.0)
        return torch.zeros(self.num_worlds, device=depth.device).scatter_reduce_(0, self.world, depth, "amax")


def part_of_geoms(of_hand_and_table: Tensor, num_geoms: int) -> Tensor:
    """The part of every geom of a model: `ModelAddresses.part_of_geom`, then pieces of the object."""
    parts = torch.full((num_geoms,), OBJECT_PART, device=of_hand_and_table.device)
    parts[: len(of_hand_and_table)] = of_hand_and_table
    return parts
