"""Ranges that users give, and ranges in which the numbers that they give have to lie."""

import math
from collections.abc import Mapping
from dataclasses import dataclass


def reversed_note(low: float, high: float) -> str:
    """Words that follow the two ends in an error: that they are reversed; none where they are not."""
    return " (reversed: the lower end comes first)" if low > high else ""


@dataclass(frozen=True)
class Interval:
    """Numbers between two ends; NaN is never one of them.

    Attributes:
        low: the lower end.
        high: the upper end.
        has_low: whether the lower end is one of them.
        has_high: whether the upper end is; of infinity none is unless it says so.
    """

    low: float = -math.inf
    high: float = math.inf
    has_low: bool = True
    has_high: bool = True

    def __contains__(self, value: float) -> bool:
        is_low, is_high = value == self.low, value == self.high
        return self.low < value < self.high or (is_low and self.has_low) or (is_high and self.has_high)

    def __str__(self) -> str:
        """As it stands in an error: what is needed."""
        if math.isfinite(self.high):
            left, right = "[" if self.has_low else "(", "]" if self.has_high else ")"
            return f"a number in {left}{self.low:g}, {self.high:g}{right}"
        if not math.isfinite(self.low):
            return "a finite number"
        number = "a number" if self.has_high else "a finite number"
        if not self.has_low:
            return f"{number} above {self.low:g}"
        return f"at least {self.low:g}" if self.has_high else f"{number} of at least {self.low:g}"


# what many settings have to be
FINITE = Interval(has_low=False, has_high=False)
POSITIVE = Interval(0.0, has_low=False, has_high=False)
NOT_NEGATIVE = Interval(0.0, has_high=False)
SHARE = Interval(0.0, 1.0)
AT_LEAST_0 = Interval(0)
AT_LEAST_1 = Interval(1)


def check_numbers(settings: Mapping[str, float | None], needed: Mapping[str, Interval]) -> None:
    """Refuse the first of the settings that is out of its range; one that is None or absent is left out.

    Args:
        settings: by name.
        needed: ranges by name of a setting.

    Raises:
        ValueError: names the setting, what it is and what is needed.
    """
    for name, interval in needed.items():
        value = settings.get(name)
        if value is not None and value not in interval:
            raise ValueError(f"{name} is {value}; {interval} is needed")
