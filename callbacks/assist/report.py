"""From outcomes of episodes to the numbers of metrics.json."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from callbacks.metrics.adaptability import adaptability
from callbacks.metrics.intervals import Estimate, estimate
from callbacks.metrics.ratio import estimate_ratio
from envs.task.outcomes import CAUSES, EpisodeOutcome, concatenate_outcomes

MEASURES: tuple[str, ...] = ("success", "posture_rad", "translation_m", "rotation_cos")
"""Measures of GraspGF Sec. 4.2, in the order of the tables."""

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
    """What each of N episodes of a split was: objects and seeds as numbers, families and grasp types by name."""

    groups: NDArray[np.int64]
    families: NDArray[np.str_]
    types: NDArray[np.str_]
    seeds: NDArray[np.int64]

    def rows(self, keep: NDArray[np.int64]) -> "EpisodeLabels":
        """The labels of some episodes."""
        return EpisodeLabels(self.groups[keep], self.families[keep], self.types[keep], self.seeds[keep])


@dataclass(frozen=True)
class _Column:
    """One policy: rows of its n episodes among those of the split, values and causes by episode, labels."""

    rows: NDArray[np.int64]
    values: Values
    cause: NDArray[np.int64]
    labels: EpisodeLabels


def values_of(outcome: EpisodeOutcome) -> Values:
    """The measures of every episode; success as 0 or 1."""
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
    """
    every = np.arange(len(labels.groups))
    columns = {name: _column(parts, (rows or {}).get(name, every), labels) for name, parts in outcomes.items()}
    report: dict[str, Any] = {
        "splits": {name: _estimates(column.values, column.labels.groups) for name, column in columns.items()},
        "headline": _headline(columns, labels),
        "margins": {name: _margin(columns[OURS], other, labels) for name, other in columns.items() if name != OURS}
        if OURS in columns
        else {},
        "share_of_oracle": _shares(columns, labels),
        "causes": {name: _cause_counts(column.cause) for name, column in columns.items()},
        "families": {name: _by_label(column, column.labels.families) for name, column in columns.items()},
        "types": {name: _by_label(column, column.labels.types) for name, column in columns.items()},
        "causes_by_family": {name: _causes_by_family(column) for name, column in columns.items()},
    }
    if poses is not None:
        report["adaptability"] = {
            name: found for name, column in columns.items() if "all" in (found := _adaptability(column, poses))
        }
    over = {name: _over_seeds(parts) for name, parts in outcomes.items() if len(parts) > 1}
    return {**report, "over_seeds": over} if over else report


def merge_splits(reports: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Reports of splits as ``<section>.<split>....``.

    Sections: splits, headline, margins, share_of_oracle, causes, families, types, causes_by_family; adaptability and
    over_seeds where a split has them.
    """
    sections = list(dict.fromkeys(section for report in reports.values() for section in report))
    return {
        section: {split: report[section] for split, report in reports.items() if section in report}
        for section in sections
    }


def over_seeds(means: Sequence[float]) -> Estimate:
    """Mean of the seeds' means (S,), with the 95 % interval of Student's t with S - 1 degrees of freedom.

    Raises:
        ValueError: fewer than two seeds.
    """
    if len(means) < 2:
        raise ValueError(f"an interval over seeds needs at least 2 of them, got {len(means)}")
    data = np.asarray(means, dtype=np.float64)
    reach = float(stats.t.ppf(0.975, len(data) - 1) * data.std(ddof=1) / np.sqrt(len(data)))
    mean = float(data.mean())
    return Estimate(mean=mean, low=mean - reach, high=mean + reach, n=len(data))


def _column(parts: Sequence[EpisodeOutcome], rows: NDArray[np.int64], labels: EpisodeLabels) -> _Column:
    together = concatenate_outcomes(parts)
    return _Column(rows, values_of(together), together.cause, labels.rows(rows))


def _estimates(values: Values, groups: NDArray[np.int64]) -> dict[str, dict[str, float | int]]:
    """Mean, 95 % interval (bootstrap over objects) and count of each measure; medians of what is no rate."""
    found = {}
    for name, column in values.items():
        found[name] = estimate(column, groups, is_rate=name == "success").as_dict()
        if name != "success":
            found[name]["median"] = float(np.median(column))
    return found


def _by_label(column: _Column, labels: NDArray[np.str_]) -> dict[str, Any]:
    """Estimates by label, with the number of objects."""
    parts = {}
    for label in sorted(set(labels.tolist())):
        rows = labels == label
        groups = column.labels.groups[rows]
        parts[label] = {
            **_estimates({name: values[rows] for name, values in column.values.items()}, groups),
            "objects": len(np.unique(groups)),
        }
    return parts


def _cause_counts(cause: NDArray[np.int64]) -> dict[str, int]:
    return {name: int((cause == index).sum()) for index, name in enumerate(CAUSES)}


def _causes_by_family(column: _Column) -> dict[str, dict[str, int]]:
    families = column.labels.families
    return {name: _cause_counts(column.cause[families == name]) for name in sorted(set(families.tolist()))}


def _common(one: _Column, other: _Column) -> tuple[NDArray[np.int64], Values, Values]:
    """Episodes that two policies both ran, and the values of each."""
    rows, of_one, of_other = np.intersect1d(one.rows, other.rows, assume_unique=True, return_indices=True)
    return (
        rows,
        {name: values[of_one] for name, values in one.values.items()},
        {name: values[of_other] for name, values in other.values.items()},
    )


def _margin(ours: _Column, other: _Column, labels: EpisodeLabels) -> dict[str, Any]:
    """Ours minus another policy, episode by episode: both had the same wrist, object and grasp to come."""
    rows, mine, others = _common(ours, other)
    if len(rows) == 0:
        return {}
    return {name: estimate(mine[name] - others[name], labels.groups[rows]).as_dict() for name in mine}


def _share(one: _Column, other: _Column, labels: EpisodeLabels) -> dict[str, Any] | None:
    """Success of one policy over that of another on the same episodes; None where the other never had any."""
    rows, mine, others = _common(one, other)
    if not others["success"].any():
        return None
    return estimate_ratio(mine["success"], others["success"], labels.groups[rows]).as_dict()


def _shares(columns: Mapping[str, _Column], labels: EpisodeLabels) -> dict[str, Any]:
    """Success of each policy over that of the oracle."""
    if ORACLE not in columns:
        return {}
    shares = {name: _share(column, columns[ORACLE], labels) for name, column in columns.items()}
    return {name: share for name, share in shares.items() if share is not None}


def _headline(columns: Mapping[str, _Column], labels: EpisodeLabels) -> dict[str, Any]:
    """Success of ours minus the primitive's and the best script's, and over the oracle's, on the same episodes."""
    if OURS not in columns:
        return {}
    scripts = sorted(
        (name for name in SCRIPTS if name in columns), key=lambda name: -columns[name].values["success"].mean()
    )
    found: dict[str, Any] = {}
    for key, name in (("minus_primitive", PRIMITIVE), ("minus_best_script", next(iter(scripts), ""))):
        margin = _margin(columns[OURS], columns[name], labels) if name in columns else {}
        if margin:
            found[key] = {**margin["success"], "policy": name}
    share = _share(columns[OURS], columns[ORACLE], labels) if ORACLE in columns else None
    return found if share is None else {**found, "over_oracle": {**share, "policy": ORACLE}}


def _adaptability(column: _Column, poses: int) -> dict[str, Any]:
    return adaptability(column.values["success"] > 0.5, column.labels.groups, column.labels.seeds, poses)


def _over_seeds(parts: Sequence[EpisodeOutcome]) -> dict[str, dict[str, float | int]]:
    columns = [values_of(part) for part in parts]
    return {name: over_seeds([float(column[name].mean()) for column in columns]).as_dict() for name in MEASURES}
