"""What a table or figure comes to: Markdown, numbers, pictures; and the rows that several of them share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib.figure import Figure

from callbacks.metrics.estimates import Row
from callbacks.metrics.text_tables import interval, over_families
from envs.conventions import UNSEEN_SPLITS
from reports.markdown import table, words
from reports.reproduce.claims import Claim, Judged, judge
from reports.reproduce.outcomes import Outcomes
from reports.reproduce.results import Results, measured


@dataclass(frozen=True)
class Unit:
    """How a measure is told."""

    name: str
    factor: float = 1.0
    digits: int = 3

    def told(self, row: Mapping[str, Any] | None, split: str = "") -> str:
        """``mean [low, high]``; with the interval over families on unseen ones, and over several training seeds."""
        if row is None:
            return "-"
        families = over_families(split, row, self.factor, self.digits)
        told = interval(row, self.factor, self.digits) + (families and f", over families {families}")
        if "over_seeds" not in row:
            return told
        low, high = (f"{self.factor * row['over_seeds'][key]:.{self.digits}f}" for key in ("low", "high"))
        return f"{told}, over seeds [{low}, {high}]"


UNITS: Mapping[str, Unit] = {
    "success": Unit("%", 100.0, 1), "most": Unit("%", 100.0, 1), "posture_rad": Unit("rad"),
    "translation_m": Unit("cm", 100.0, 2), "rotation_cos": Unit("1 - cos"), "ms": Unit("ms", digits=2),
    "rad": Unit("rad"), "share": Unit("share"),
}  # fmt: skip
"""By measure."""

Outcome = Callable[[str, str, str], Outcomes]
"""Outcomes of a method (or whatever a claim names) on a task and a split."""


@dataclass
class Block:
    """One table or figure.

    Attributes:
        text: Markdown, without its heading.
        numbers: for JSON.
        judged: claims and what came of them.
        pictures: by the name of their file.
        settings: what has to be read with it, beside what differs from the paper's setting everywhere.
    """

    text: str
    numbers: dict[str, Any] = field(default_factory=dict)
    judged: list[Judged] = field(default_factory=list)
    pictures: dict[str, Figure] = field(default_factory=dict)
    settings: Sequence[str] = ()


def titles(results: Results, names: Sequence[str]) -> dict[str, str]:
    """Titles of those methods that the plan has and that were asked for."""
    return {name: results.plan.methods[name].title for name in names if name in results.selection.methods}


def places(results: Results) -> list[tuple[str, str]]:
    """Tasks and splits of the tables."""
    return [(task, split) for task in results.selection.tasks for split in UNSEEN_SPLITS]


def place(task: str, split: str) -> str:
    """In words."""
    return f"{words(split)}, {task} task" if task else words(split)


def measure_cells(outcomes: Outcomes, split: str, measures: Sequence[str]) -> list[str]:
    """Cells of measures, and the number of episodes with that of training seeds; dashes without outcomes."""
    if not outcomes:
        return ["-"] * (len(measures) + 1)
    count = sum(len(each.rows) for each in outcomes.values())
    # the interval over families once a row, of what is claimed
    cells = [
        UNITS[measure].told(measured(outcomes, measure), split if measure == "success" else "") for measure in measures
    ]
    return [*cells, f"{count:,} ({len(outcomes)})"]


def all_measured(outcomes: Outcomes, measures: Sequence[str]) -> dict[str, Row]:
    """The same as numbers."""
    return {measure: measured(outcomes, measure) for measure in measures} if outcomes else {}


def judged_all(claims: Sequence[Claim], outcomes_of: Outcome, spots: Sequence[tuple[str, str]]) -> list[Judged]:
    """Claims in all places."""
    return [
        judge(claim, outcomes_of(claim.one, *spot), outcomes_of(claim.other, *spot), *spot)
        for spot in spots
        for claim in claims
    ]


def claims_table(judged: Sequence[Judged]) -> str:
    """A row a claim, a column a place: verdict, and the intervals of the difference."""
    spots = list(dict.fromkeys((each.task, each.split) for each in judged))
    cells = {(each.claim.text, each.task, each.split): _verdict_cell(each) for each in judged}
    rows = [
        [text, *(cells.get((text, *spot), "-") for spot in spots)]
        for text in dict.fromkeys(each.claim.text for each in judged)
    ]
    return table(["the paper says", *(f"here, on {place(*spot)}" for spot in spots)], rows)


def _verdict_cell(each: Judged) -> str:
    if each.found is None:
        return f"**{each.verdict}**: not measured"
    unit, seeds = UNITS[each.claim.measure], each.found.over_seeds
    name = "points" if unit.name == "%" else unit.name
    told = f"**{each.verdict}**: {unit.told(each.found.over_objects, each.split)} {name}"
    told += "" if seeds is None else f"; over seeds {unit.told(seeds)}"
    only = each.found.only
    if only:
        return f"{told}; of training seed{'s' * (len(only) > 1)} {', '.join(map(str, only))} alone"
    return told + ("; of one training each" if each.is_of_one_training else "")


def counted(judged: Sequence[Judged]) -> dict[str, int]:
    """How many claims came to which verdict."""
    verdicts = sorted(each.verdict for each in judged)
    return {name: verdicts.count(name) for name in dict.fromkeys(verdicts)}
