"""Several tasks in one: each movement is of one kind of user or another."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from envs.hand.hand import Hand
from envs.wrist.movement import Array, WristMovement, WristMovements
from envs.wrist.patterns import WristPatterns


@dataclass(frozen=True)
class MixedMovements:
    """Each movement is drawn from one of several sources.

    Attributes:
        sources: where movements come from.
        shares: how often each is chosen; they add up to 1, to a hundred-thousandth.

    Raises:
        ValueError: no sources, or shares that do not fit them.
    """

    sources: Sequence[WristMovement]
    shares: Sequence[float]

    def __post_init__(self) -> None:
        if not self.sources or len(self.shares) != len(self.sources):
            raise ValueError(
                f"{len(self.sources)} sources of movements have {len(self.shares)} shares; give each source one"
            )
        if min(self.shares) < 0.0 or not np.isclose(sum(self.shares), 1.0):
            raise ValueError(f"shares are {list(self.shares)}; expected numbers of at least 0 that add up to 1")

    def sample(
        self,
        hand: Hand,
        final_pose_w: Array,
        fingertip_centre_w: Array,
        other_pose_w: Array,
        *,
        period_s: float,
        patterns: WristPatterns,
        mix: bool,
        rng: np.random.Generator,
    ) -> WristMovements:
        """See `WristMovement.sample`."""
        total = sum(self.shares)
        # choice refuses sums of 0.99999, as shares that were rounded have; others stay to the last bit what they are
        shares = self.shares if math.isclose(total, 1.0) else np.array(self.shares) / total
        source_of = rng.choice(len(self.sources), size=len(final_pose_w), p=shares)
        parts, order = [], []
        for index in np.unique(source_of):
            rows = np.flatnonzero(source_of == index)
            given = (final_pose_w[rows], fingertip_centre_w[rows], other_pose_w[rows])
            drawn = self.sources[index].sample(hand, *given, period_s=period_s, patterns=patterns, mix=mix, rng=rng)
            parts.append(drawn)
            order.append(rows)
        back = np.argsort(np.concatenate(order))
        length = max(part.pose_w.shape[1] for part in parts)
        columns = {item.name: [getattr(part, item.name) for part in parts] for item in fields(WristMovements)}
        columns["pose_w"] = [
            np.pad(pose_w, ((0, 0), (0, length - pose_w.shape[1]), (0, 0)), mode="edge") for pose_w in columns["pose_w"]
        ]
        return WristMovements(**{name: np.concatenate(values)[back] for name, values in columns.items()})

    def max_steps(self, period_s: float) -> int:
        """See `WristMovement.max_steps`."""
        return max(source.max_steps(period_s) for source in self.sources)
