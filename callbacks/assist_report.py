"""From outcomes of episodes to the numbers of metrics.json, and the table that is printed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from datamodules.grasps.intervals import Estimate, estimate
from envs.outcomes import EpisodeOutcome, concatenate_outcomes

MEASURES: tuple[str, ...] = ("success", "posture_rad", "translation_m", "rotation_cos")
"""Measures of GraspGF Sec. 4.2, in the order of the tables."""

OURS = "ours"
ORACLE = "oracle"

Values = dict[str, NDArray[np.float64]]
"""One value an episode (N,) by measure."""

Outcomes = Mapping[str, Sequence[EpisodeOutcome]]
"""Outcomes by policy, one for each seed; all policies had the same episodes."""


@dataclass(frozen=True)
class EpisodeLabels:
    """What each of N episodes of a split was: objects as numbers, families and grasp types by name."""

    groups: NDArray[np.int64]
    families: NDArray[np.str_]
    types: NDArray[np.str_]


def values_of(outcome: EpisodeOutcome) -> Values:
    """The measures of every episode; success as 0 or 1."""
    return {
        "success": outcome.is_success.astype(np.float64),
        "posture_rad": outcome.posture_rad,
        "translation_m": outcome.translation_m,
        "rotation_cos": outcome.rotation_cos,
    }


def report_split(outcomes: Outcomes, labels: EpisodeLabels) -> dict[str, Any]:
    """Everything that metrics.json says about one split; keys as in `merge_splits`.

    Args:
        outcomes: by policy, one for each seed.
        labels: of the episodes of all seeds together, seed after seed.
    """
    together = {policy: values_of(concatenate_outcomes(parts)) for policy, parts in outcomes.items()}
    report: dict[str, Any] = {
        "splits": {policy: _rows(values, labels.groups) for policy, values in together.items()},
        "margins": _margins(together, labels.groups),
        "share_of_oracle": _shares(together),
        "causes": {policy: concatenate_outcomes(parts).cause_counts() for policy, parts in outcomes.items()},
        "families": {policy: _by_label(values, labels.groups, labels.families) for policy, values in together.items()},
        "types": {policy: _by_label(values, labels.groups, labels.types) for policy, values in together.items()},
    }
    if len(next(iter(outcomes.values()))) > 1:
        report["over_seeds"] = {policy: _over_seeds(parts) for policy, parts in outcomes.items()}
    return report


def merge_splits(reports: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Reports of splits as ``<section>.<split>....``: splits, margins, share_of_oracle, causes, families, types."""
    sections = list(next(iter(reports.values())))
    return {section: {split: report[section] for split, report in reports.items()} for section in sections}


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


def _rows(values: Values, groups: NDArray[np.int64]) -> dict[str, dict[str, float | int]]:
    """Mean, 95 % interval (bootstrap over objects) and count of each measure; medians of what is no rate."""
    rows = {}
    for name, column in values.items():
        rows[name] = estimate(column, groups, is_rate=name == "success").as_dict()
        if name != "success":
            rows[name]["median"] = float(np.median(column))
    return rows


def _by_label(values: Values, groups: NDArray[np.int64], labels: NDArray[np.str_]) -> dict[str, Any]:
    parts = {}
    for label in sorted(set(labels.tolist())):
        rows = labels == label
        parts[label] = _rows({name: column[rows] for name, column in values.items()}, groups[rows])
    return parts


def _margins(together: Mapping[str, Values], groups: NDArray[np.int64]) -> dict[str, Any]:
    """Ours minus each other policy, episode by episode: both had the same wrist, object and grasp to come."""
    if OURS not in together:
        return {}
    ours = together[OURS]
    return {
        policy: {name: estimate(ours[name] - column, groups).as_dict() for name, column in values.items()}
        for policy, values in together.items()
        if policy != OURS
    }


def _shares(together: Mapping[str, Values]) -> dict[str, float]:
    """Success of each policy over that of the oracle."""
    if ORACLE not in together or not together[ORACLE]["success"].any():
        return {}
    reference = float(together[ORACLE]["success"].mean())
    return {policy: float(values["success"].mean()) / reference for policy, values in together.items()}


def _over_seeds(parts: Sequence[EpisodeOutcome]) -> dict[str, dict[str, float | int]]:
    columns = [values_of(part) for part in parts]
    return {name: over_seeds([float(column[name].mean()) for column in columns]).as_dict() for name in MEASURES}


def format_splits(splits: Mapping[str, Mapping[str, Any]]) -> str:
    """One block a split, policies by row, measures by column, each ``mean [low, high]``."""
    blocks = []
    for split, policies in splits.items():
        count = next(iter(policies.values()))["success"]["n"]
        lines = [
            f"{split}, {count} episodes",
            f"{'':18}{'success, %':>22}{'posture, rad':>22}{'moved, cm (median)':>30}{'turned, 1 - cos':>24}",
        ]
        lines += [f"{policy:18}" + "".join(_cells(rows)) for policy, rows in policies.items()]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _cells(rows: Mapping[str, Mapping[str, float]]) -> list[str]:
    success, posture, moved, turned = (rows[name] for name in MEASURES)
    centimetres = _interval(moved, 100.0, 2) + f" ({100.0 * moved['median']:.2f})"
    return [
        f"{_interval(success, 100.0, 1):>22}",
        f"{_interval(posture, 1.0, 2):>22}",
        f"{centimetres:>30}",
        f"{_interval(turned, 1.0, 3):>24}",
    ]


def _interval(row: Mapping[str, float], factor: float, digits: int) -> str:
    mean, low, high = (f"{factor * row[key]:.{digits}f}" for key in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}]"
