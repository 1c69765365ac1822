"""What a parametric family is: named parameter ranges and the function that turns values into convex pieces."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from envs.objects.families.solids import Piece

Parameters = dict[str, float]
Build = Callable[[Parameters], list[Piece]]


@dataclass(frozen=True)
class Family:
    """A parametric shape.

    Attributes:
        name: as in object names.
        ranges: lowest and highest value of each parameter; metres unless the name ends in _ratio or _angle (radians).
        build: parameters -> convex pieces in any frame, metres.
    """

    name: str
    ranges: Mapping[str, tuple[float, float]]
    build: Build

    def draw(self, rng: np.random.Generator) -> Parameters:
        """Parameters drawn uniformly from the ranges, in the order in which they are declared."""
        return {name: float(rng.uniform(low, high)) for name, (low, high) in self.ranges.items()}


def family(**ranges: tuple[float, float]) -> Callable[[Build], Family]:
    """Decorator: the function becomes the family of its own name with these parameter ranges."""
    return lambda build: Family(build.__name__, ranges, build)
