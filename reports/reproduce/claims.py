"""Whether what the paper claims holds here."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from reports.reproduce.outcomes import Outcomes
from reports.reproduce.results import Difference, difference

Verdict = Literal["holds", "does not hold", "not decided"]

HOLDS: Verdict = "holds"
FAILS: Verdict = "does not hold"
OPEN: Verdict = "not decided"

TRAINING = "training objects"
"""In place of a split: claims about trainings, whose episodes are of all tasks."""


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper about two rows of a table.

    Attributes:
        text: what is claimed.
        measure: what of.
        one, other: names of methods; the claim is about one minus the other.
        is_lower: one is claimed to be below the other; else above.
        margin: the difference is claimed to be ``expected`` within so much; None for a claim of a direction.
        expected: what the difference is claimed to be, or above which (below, where ``is_lower``); mostly 0.
    """

    text: str
    measure: str
    one: str
    other: str
    is_lower: bool = False
    margin: float | None = None
    expected: float = 0.0


@dataclass(frozen=True)
class Judged:
    """A claim with what was measured of it on a task and a split."""

    claim: Claim
    task: str
    split: str
    found: Difference | None
    verdict: Verdict

    @property
    def is_of_one_training(self) -> bool:
        """Whether it compares policies of which a single training each was measured: another may differ."""
        is_of_policies = self.split != TRAINING and self.claim.measure != "ms"
        return is_of_policies and self.found is not None and self.found.over_seeds is None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "is_of_one_training": self.is_of_one_training}


def verdict(
    intervals: Sequence[tuple[float, float]],
    *,
    is_lower: bool = False,
    margin: float | None = None,
    expected: float = 0.0,
) -> Verdict:
    """What intervals of a difference say of a claim; all of them have to say it.

    That it is above what is expected (below, where ``is_lower``): holds where the interval is, does not hold where
    it is below.
    That it is within a margin of what is expected: holds where the interval lies within, does not hold where it lies
    outside.
    """
    said: set[Verdict] = {_said(low - expected, high - expected, is_lower, margin) for low, high in intervals}
    return said.pop() if len(said) == 1 else OPEN


def _said(low: float, high: float, is_lower: bool, margin: float | None) -> Verdict:
    if margin is not None:
        if -margin <= low and high <= margin:
            return HOLDS
        return FAILS if low > margin or high < -margin else OPEN
    if is_lower:
        low, high = -high, -low
    if low > 0.0:
        return HOLDS
    return FAILS if high < 0.0 else OPEN


def judge(claim: Claim, one: Outcomes, other: Outcomes, task: str, split: str) -> Judged:
    """A claim held against the outcomes of its two rows; not decided where one of them was not measured."""
    return judged(claim, difference(one, other, claim.measure), task, split)


def judged(claim: Claim, found: Difference | None, task: str, split: str) -> Judged:
    """A claim held against a difference; not decided without one."""
    if found is None:
        return Judged(claim, task, split, None, OPEN)
    said = verdict(found.intervals(split), is_lower=claim.is_lower, margin=claim.margin, expected=claim.expected)
    return Judged(claim, task, split, found, said)
