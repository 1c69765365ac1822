"""The learning rate that keeps the policy's change per update near a wanted size."""

import math
from dataclasses import dataclass

from envs.ranges import POSITIVE, Interval, reversed_note


@dataclass(frozen=True)
class AdaptiveLearningRate:
    """Raises the rate when the policy hardly moves and lowers it when it moves too far.

    Attributes:
        target_kl: wanted KL divergence between the policies before and after, nats (released code: 0.016).
        factor: by which the rate changes at a time, above 1 (released code: 1.5).
        low: smallest rate.
        high: largest rate.
    Raises:
        ValueError: a field outside its range; names it.
    """

    target_kl: float = 0.016
    factor: float = 1.5
    low: float = 1.0e-5
    high: float = 1.0e-2

    def __post_init__(self) -> None:
        if self.target_kl not in POSITIVE:
            raise ValueError(f"target_kl is {self.target_kl}; a positive number is needed, and a finite one.")
        if self.factor not in Interval(1.0, has_high=False):
            raise ValueError(f"factor is {self.factor}; at least 1 is needed, 1 for a constant rate, and finite.")
        if not 0.0 < self.low <= self.high < math.inf:
            note = reversed_note(self.low, self.high)
            raise ValueError(
                f"rates lie between low {self.low} and high {self.high}{note}; 0 < low <= high < inf is needed."
            )

    def new_rate(self, rate: float, kl: float) -> float:
        """The next learning rate, in [low, high].

        rate / factor when kl > 2 target_kl, rate * factor when kl < target_kl / 2, else the same.

        Args:
            rate: present rate.
            kl: mean KL divergence since the rollout, nats; under several processes the reduced one.
        Raises:
            ValueError: kl is NaN.
        """
        if math.isnan(kl):
            raise ValueError("the KL divergence is NaN; the policy's outputs or the exploration scales are broken.")
        if kl > 2.0 * self.target_kl:
            rate = rate / self.factor
        elif kl < 0.5 * self.target_kl:
            rate = rate * self.factor
        return min(max(rate, self.low), self.high)
