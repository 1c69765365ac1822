"""From outcomes of episodes to the numbers of metrics.json."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callbacks.metrics.adaptability import adaptability
from callbacks.metrics.estimates import by_label, count_causes, estimate, estimates, over_seeds
from envs.rows import join_rows, take_rows
from envs.task.outcomes import CAUSES, EpisodeOutcome

OURS = "ours"
PRIMITIVE = "primitive"
ORACLE = "oracle"
SCRIPTS = ("scripted_close", "blind_close")
"""Policies that see nothing and know nothing; the better one is the best script."""

Values = dict[str, NDArray[np.float64]]
"""One value an episode (N,) by measure."""

Outcomes = Mapping[str, Sequence[EpisodeOutcome]]
"""Outcomes by policy, one for each seed."""


@dataclass(frozen=True)
class EpisodeLabels:
    """What each of N episodes of a split was: objects and seeds as numbers, families and grasp types by name.

    ``is_easy``: the mean joints of training grasps lift there as well; None where nobody knows.
    """

    groups: NDArray[np.int64]
    families: NDArray[np.str_]
    types: NDArray[np.str_]
    seeds: NDArray[np.int64]
    is_easy: NDArray[np.bool_] | None = None

    def part(self, keep: NDArray[Any]) -> "EpisodeLabels":
        """Those of some episodes, as indices or a mask."""
        kept: dict[str, Any] = {name: None if each is None else each[keep] for name, each in vars(self).items()}
        return EpisodeLabels(**kept)


@dataclass(frozen=True)
class _Column:
    """One policy: rows of its n episodes among those of the split, values, causes and labels of each."""

    rows: NDArray[np.int64]
    values: Values
    cause: NDArray[np.int64]
    is_grasp: NDArray[np.bool_]
    second_try: NDArray[np.int64]
    labels: EpisodeLabels

    def part(self, keep: NDArray[Any]) -> "_Column":
        """Some of its episodes, as indices or a mask."""
        values = {name: column[keep] for name, column in self.values.items()}
        cause, is_grasp, second_try = self.cause[keep], self.is_grasp[keep], self.second_try[keep]
        return _Column(self.rows[keep], values, cause, is_grasp, second_try, self.labels.part(keep))

    def numbers(self) -> dict[str, dict[str, float | int]]:
        """Mean, 95 % intervals (bootstrap over objects, and over families) and count; medians of what is no rate."""
        found = estimates(self.values, self.labels.groups, self.labels.families)
        for name in found.keys() - {"success"}:
            found[name]["median"] = float(np.median(self.values[name]))
        return found

    def numbers_by(self, labels: NDArray[np.str_]) -> dict[str, Any]:
        """The same by label, with the number of objects."""
        parts = by_label(labels, self.part)
        return {name: {**part.numbers(), "objects": len(np.unique(part.labels.groups))} for name, part in parts.items()}

    def hard(self) -> dict[str, Any]:
        """The same of the grasps that are not easy, with the number of objects; nothing without such."""
        is_easy = self.labels.is_easy
        if is_easy is None or is_easy.all():
            return {}
        part = self.part(~is_easy)
        return {**part.numbers(), "objects": len(np.unique(part.labels.groups))}

    def causes(self) -> dict[str, int]:
        """Number of episodes by cause."""
        return count_causes(self.cause, CAUSES)

    def disturbance(self) -> dict[str, Any]:
        """Share of the episodes in which an object that nobody grasps was moved, and how far; nothing without such."""
        alone = self.part(~self.is_grasp)
        if len(alone.rows) == 0:
            return {}
        found = estimates({"translation_m": alone.values["translation_m"]}, alone.labels.groups, alone.labels.families)
        return {"disturbed": alone._rate(1.0 - alone.values["success"]), **found}

    def second_tries(self) -> dict[str, Any]:
        """How often a second try came right, of those that were made; nothing without one."""
        made = self.part(self.second_try > 0)
        return {"success": made._rate((made.second_try == 2).astype(np.float64))} if len(made.rows) else {}

    def _rate(self, values: NDArray[np.float64]) -> dict[str, Any]:
        return estimate(values, self.labels.groups, families=self.labels.families, is_rate=True).as_dict()

    def adaptability(self, poses: int) -> dict[str, Any]:
        """See `callbacks.metrics.adaptability`."""
        labels = self.labels
        return adaptability(self.values["success"] > 0.5, labels.groups, labels.seeds, poses, labels.families)


def values_of(outcome: EpisodeOutcome) -> Values:
    """The measures of GraspGF Sec. 4.2 of every episode; success as 0 or 1."""
    return {
        "success": outcome.is_success.astype(np.float64),
        "posture_rad": outcome.posture_rad,
        "translation_m": outcome.translation_m,
        "rotation_cos": outcome.rotation_cos,
    }


def report_split(
    outcomes: Outcomes,
    labels: EpisodeLabels,
    *,
    rows: Mapping[str, NDArray[np.int64]] | None = None,
    poses: int | None = None,
) -> dict[str, Any]:
    """Everything that metrics.json says about one split; keys as in `merge_splits`.

    Args:
        outcomes: by policy, one for each seed.
        labels: of the episodes of all seeds together, seed after seed.
        rows: which of these episodes a policy ran, ascending; all where it is not named.
        poses: poses of each object, where the episodes were chosen by poses: gives ``adaptability``.

    Raises:
        ValueError: no episode of a policy comes to grasp.
    """
    every = {name: _column(parts, (rows or {}).get(name), labels) for name, parts in outcomes.items()}
    columns = {name: column.part(column.is_grasp) for name, column in every.items()}
    if without := [name for name, column in every.items() if not column.is_grasp.any()]:
        raise ValueError(
            f"none of the episodes of {', '.join(without)} comes to grasp, so that there is no success to tell of; let "
            "some of them (pass_by_share below 1), or measure movements past an object by configs/protocol/stress.yaml"
        )
    others = {name: column for name, column in columns.items() if name != OURS and OURS in columns}
    shares = {name: _share(column, columns.get(ORACLE)) for name, column in columns.items()}
    report: dict[str, Any] = {
        "splits": {name: column.numbers() for name, column in columns.items()},
        "headline": _headline(columns),
        "margins": {name: _margin(columns[OURS], other) for name, other in others.items()},
        "share_of_oracle": {name: share for name, share in shares.items() if share},
        "causes": {name: column.causes() for name, column in columns.items()},
        "families": {name: column.numbers_by(column.labels.families) for name, column in columns.items()},
        "types": {name: column.numbers_by(column.labels.types) for name, column in columns.items()},
        "causes_by_family": {
            name: {family: part.causes() for family, part in by_label(column.labels.families, column.part).items()}
            for name, column in columns.items()
        },
    }
    sections = {
        "hard": (columns, _Column.hard),
        "no_grasp": (every, _Column.disturbance),
        "second_try": (every, _Column.second_tries),
    }
    for section, (whose, found) in sections.items():
        told = {name: found(column) for name, column in whose.items()}
        report |= {section: {name: each for name, each in told.items() if each}} if any(told.values()) else {}
    if poses is not None:
        adapted = {name: column.adaptability(poses) for name, column in columns.items()}
        report["adaptability"] = {name: each for name, each in adapted.items() if "all" in each}
    over = {name: _over_seeds(parts) for name, parts in outcomes.items() if len(parts) > 1}
    return {**report, "over_seeds": over} if over else report


def merge_splits(reports: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Reports of splits as ``<section>.<split>....``.

    Sections: splits, headline, margins, share_of_oracle, causes, families, types, causes_by_family, of the episodes in
    which the wrist comes to grasp; hard (``splits`` of the grasps alone that are not easy), no_grasp, second_try,
    adaptability and over_seeds where a split has them.
    """
    sections = dict.fromkeys(section for report in reports.values() for section in report)
    return {
        section: {split: report[section] for split, report in reports.items() if section in report}
        for section in sections
    }


def _column(parts: Sequence[EpisodeOutcome], rows: NDArray[np.int64] | None, labels: EpisodeLabels) -> _Column:
    together = join_rows(parts)
    rows = np.arange(len(labels.groups)) if rows is None else rows
    labels = labels.part(rows)
    return _Column(rows, values_of(together), together.cause, together.is_grasp, together.second_try, labels)


def _common(one: _Column, other: _Column) -> tuple[_Column, _Column]:
    """The episodes that two policies both ran: both had the same wrist, object and grasp to come."""
    _, of_one, of_other = np.intersect1d(one.rows, other.rows, assume_unique=True, return_indices=True)
    return one.part(of_one), other.part(of_other)


def _margin(ours: _Column, other: _Column) -> dict[str, Any]:
    """Ours minus another policy, episode by episode; nothing without common episodes."""
    mine, theirs = _common(ours, other)
    if len(mine.rows) == 0:
        return {}
    differences = {name: column - theirs.values[name] for name, column in mine.values.items()}
    return {
        name: estimate(column, mine.labels.groups, families=mine.labels.families).as_dict()
        for name, column in differences.items()
    }


def _share(one: _Column, oracle: _Column | None) -> dict[str, Any]:
    """Success over that of the oracle on the same episodes; nothing where it was not run or never had any."""
    if oracle is None:
        return {}
    mine, best = _common(one, oracle)
    if not best.values["success"].any():
        return {}
    labels, below = mine.labels, best.values["success"]
    return estimate(mine.values["success"], labels.groups, families=labels.families, below=below).as_dict()


def _headline(columns: Mapping[str, _Column]) -> dict[str, Any]:
    """Success of ours minus the primitive's and the best script's, and over the oracle's, on the same episodes."""
    if OURS not in columns:
        return {}
    scripts = {name: columns[name].values["success"].mean() for name in SCRIPTS if name in columns}
    best = max(scripts, key=lambda name: scripts[name], default="")
    found: dict[str, Any] = {}
    for key, name in (("minus_primitive", PRIMITIVE), ("minus_best_script", best)):
        margin = _margin(columns[OURS], columns[name]) if name in columns else {}
        if margin:
            found[key] = {**margin["success"], "policy": name}
    share = _share(columns[OURS], columns.get(ORACLE))
    return {**found, "over_oracle": {**share, "policy": ORACLE}} if share else found


def _over_seeds(parts: Sequence[EpisodeOutcome]) -> dict[str, dict[str, float | int]]:
    columns = [values_of(take_rows(part, np.flatnonzero(part.is_grasp))) for part in parts]
    return {name: over_seeds([float(column[name].mean()) for column in columns]).as_dict() for name in columns[0]}
