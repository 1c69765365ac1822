"""Points of bisector surfaces, those of several hands one after another."""

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

MAX_POINTS = 4096
"""Points of a hand's surface that are kept at most (She et al. 2022)."""

CONTACT_M = 0.005
"""Metres to either side within which a point of the surface counts as a contact: a gap of a centimetre."""

COLLISION_M = -0.0005
"""Signed distance below which it counts as a collision: bodies that overlap by a millimetre."""


@dataclass(frozen=True)
class BisectorPoints:
    """M points between B hands and their scenes, hand frame, m, sorted by hand.

    Attributes:
        hand_index: the hand of each point (M,).
        position_h: (M, 3).
        to_hand: unit vectors against the gradient of the distance to the hand (M, 3): to its nearest point.
        to_scene: the same of object and table (M, 3).
        hand_distance: signed distance to the hand (M,).
        scene_distance: signed distance to object and table (M,); that to the hand, but for the curvature of a cell.
        is_palm_side: the point lies where the nearest link faces when the hand closes (M,) bool.
        is_object: the object is nearer than the table (M,) bool.
        part: the nearest part of the hand (M,): 0 the palm, 1 + f finger f.
        num_hands: B.
    """

    hand_index: Tensor
    position_h: Tensor
    to_hand: Tensor
    to_scene: Tensor
    hand_distance: Tensor
    scene_distance: Tensor
    is_palm_side: Tensor
    is_object: Tensor
    part: Tensor
    num_hands: int

    def __len__(self) -> int:
        return len(self.hand_index)

    def counts(self) -> Tensor:
        """Points of each hand (B,)."""
        return torch.bincount(self.hand_index, minlength=self.num_hands)

    def chosen(self, keep: Tensor) -> "BisectorPoints":
        """The points ``keep``, a mask or rows."""
        columns = {item.name: getattr(self, item.name)[keep] for item in fields(self) if item.name != "num_hands"}
        return BisectorPoints(**columns, num_hands=self.num_hands)

    def to(self, device: torch.device | str) -> "BisectorPoints":
        """The same on another device."""
        columns = {item.name: getattr(self, item.name).to(device) for item in fields(self) if item.name != "num_hands"}
        return BisectorPoints(**columns, num_hands=self.num_hands)

    def of_hands(self, rows: Tensor) -> "BisectorPoints":
        """The points of the hands ``rows`` (K,), repeats allowed; hands are counted anew."""
        counts = self.counts()
        first, wanted = (counts.cumsum(0) - counts)[rows], counts[rows]
        index = torch.arange(len(rows)).repeat_interleave(wanted)
        place = torch.arange(len(index)) - (wanted.cumsum(0) - wanted)[index] + first[index]
        return replace(self.chosen(place), hand_index=index, num_hands=len(rows))

    def thinned(self, count: int) -> "BisectorPoints":
        """At most ``count`` points of each hand, spread evenly over their order, which is that of the grid."""
        counts = self.counts()
        if not len(self) or int(counts.max()) <= count:
            return self
        total = counts[self.hand_index]
        rank = torch.arange(len(self)) - (counts.cumsum(0) - counts)[self.hand_index]
        wanted = total.clamp_max(count)
        return self.chosen(((rank + 1) * wanted) // total > (rank * wanted) // total)


@dataclass(frozen=True)
class PartContacts:
    """How B hands touch, counted in points of their surfaces as if each had `MAX_POINTS`; (B, parts) each.

    Attributes:
        touching: points near the object.
        inside: those of them on the palm's side of the part.
        colliding: points where the part overlaps with object or table.
    """

    touching: Tensor
    inside: Tensor
    colliding: Tensor


def part_contacts(points: BisectorPoints, num_parts: int) -> PartContacts:
    """Contacts of the palm and of each finger.

    Args:
        points: not thinned; counts are scaled from the points that a hand has to `MAX_POINTS`, as the original has.
        num_parts: palm and fingers.
    """
    near = points.is_object & (points.hand_distance < CONTACT_M) & (points.scene_distance < CONTACT_M)
    deep = (points.scene_distance < COLLISION_M) & (points.hand_distance < 0.0)
    cell = points.hand_index * num_parts + points.part
    scale = MAX_POINTS / points.counts().clamp_min(1).float()

    def counted(which: Tensor) -> Tensor:
        found = torch.bincount(cell[which], minlength=points.num_hands * num_parts)
        return found.view(points.num_hands, num_parts) * scale[:, None]

    return PartContacts(counted(near), counted(near & points.is_palm_side), counted(deep))


def join_hands(parts: list[BisectorPoints]) -> BisectorPoints:
    """The points of all parts; hands are counted on from one part to the next."""
    first = [sum(part.num_hands for part in parts[:index]) for index in range(len(parts))]
    columns = {
        item.name: torch.cat([getattr(part, item.name) for part in parts])
        for item in fields(BisectorPoints)
        if item.name not in ("num_hands", "hand_index")
    }
    index = torch.cat([part.hand_index + begin for part, begin in zip(parts, first, strict=True)])
    return BisectorPoints(hand_index=index, **columns, num_hands=sum(part.num_hands for part in parts))
