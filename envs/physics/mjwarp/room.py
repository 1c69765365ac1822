"""How much MJWarp may hold: its arrays have fixed sizes, and what does not fit is left out."""

from dataclasses import dataclass

MIN_PAIRS = 512
"""Least pairs and contacts of all worlds together: a few worlds share little."""

MIN_HULL_PAIRS = 128
"""Least pairs of all worlds that go through the search for convex hulls."""


@dataclass(frozen=True)
class WarpRoom:
    """Sizes of MJWarp's arrays. A world that something had no room for counts as diverged.

    Attributes:
        max_pieces: most convex pieces of an object; each one more is a pair with every link to look at.
        pairs: pairs of geoms that are near each other, and contacts, for each world; all worlds share them, and all
            that moved count as diverged where together they have too few.
        hull_pairs: of these, overlapping pairs with a convex piece or a box of the hand, for each world, shared too.
        rows: rows of constraints that a world may have, three a contact and one a limit.

    Raises:
        ValueError: no room at all, or more hull pairs than pairs.
    """

    max_pieces: int = 24
    pairs: int = 96
    hull_pairs: int = 32
    rows: int = 256

    def __post_init__(self) -> None:
        for name in ("max_pieces", "pairs", "hull_pairs", "rows"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected at least 1")
        if self.hull_pairs > self.pairs:
            raise ValueError(f"hull_pairs is {self.hull_pairs}, expected at most pairs, {self.pairs}")

    def all_pairs(self, num_worlds: int) -> int:
        """Pairs of so many worlds together."""
        return max(MIN_PAIRS, num_worlds * self.pairs)

    def all_hull_pairs(self, num_worlds: int) -> int:
        """Hull pairs of so many worlds together."""
        return max(MIN_HULL_PAIRS, num_worlds * self.hull_pairs)
