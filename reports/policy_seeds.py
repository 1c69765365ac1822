"""Measurements of several training seeds put together: means, and intervals over the seeds."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from callbacks.assist.report import OURS, over_seeds

Metrics = Mapping[str, Any]
"""Content of the metrics.json of one training seed (callbacks/assist/evaluation.py)."""

_SAME_EPISODES = ("plan", "seeds", "noise")
"""Entries of its ``about`` that decide which episodes were run."""


def read_metrics(path: Path) -> Metrics:
    """The content of a metrics.json.

    Raises:
        ValueError: it has no measurements of the learnt policy.
    """
    content = json.loads(path.read_text())
    splits = content.get("splits") if isinstance(content, dict) else None
    if not splits or any(OURS not in policies for policies in splits.values()):
        raise ValueError(
            f"{path} has no splits.<split>.{OURS}; give metrics.json files of `test --config configs/residual_ppo.yaml`"
        )
    return dict(content)


def combine(runs: Mapping[str, Metrics]) -> dict[str, Any]:
    """Measures of the learnt policy over training seeds.

    Args:
        runs: by the name of the file, which goes into ``about``.

    Returns:
        ``splits.<split>.ours.<measure>.{mean, low, high, n, values}``: 95 % interval by Student's t over n seeds, and
        the seeds' means in the order given; likewise, where they were measured, ``margins.<split>.<policy>.<measure>``,
        ``headline.<split>.<comparison>``, ``share_of_oracle.<split>.ours`` and
        ``adaptability.<split>.ours.{all, grasped}.<poses>``; ``about``.

    Raises:
        ValueError: fewer than two files, or files about different episodes.
    """
    reports = list(runs.values())
    if len(reports) < 2:
        raise ValueError(f"got {', '.join(runs) or 'no file'}; give metrics.json files of at least 2 training seeds")
    _check_comparable(runs)
    splits = {split: _combined_split(reports, split) for split in reports[0]["splits"]}
    combined: dict[str, Any] = {
        section: {split: parts[section] for split, parts in splits.items() if section in parts}
        for section in ("splits", "margins", "headline", "share_of_oracle", "adaptability")
    }
    combined["about"] = {
        "intervals": "95 %, Student's t over training seeds",
        "margins": f"{OURS} minus the policy, mean over the same episodes",
        "files": list(runs),
        "checkpoints": [report.get("about", {}).get("checkpoint", "") for report in reports],
        "episodes": {split: _count(reports[0], split) for split in reports[0]["splits"]},
    }
    return combined


def _combined_split(reports: Sequence[Metrics], split: str) -> dict[str, Any]:
    """The sections of one split; without those that a report lacks."""
    margins, headlines, shares, poses = (
        [_part(report, section, split) for report in reports]
        for section in ("margins", "headline", "share_of_oracle", "adaptability")
    )
    found: dict[str, Any] = {
        "splits": {OURS: _rows([report["splits"][split][OURS] for report in reports])},
        "margins": {policy: _rows([each[policy] for each in margins]) for policy in _shared(margins)},
        "headline": {key: _row([each[key]["mean"] for each in headlines]) for key in _shared(headlines)},
    }
    if OURS in _shared(shares):
        found["share_of_oracle"] = {OURS: _row([each[OURS]["mean"] for each in shares])}
    if OURS in _shared(poses):
        found["adaptability"] = {OURS: _adaptability([each[OURS] for each in poses])}
    return found


def _part(report: Metrics, section: str, split: str) -> dict[str, Any]:
    """A section of a report about a split; empty where there is none."""
    return dict(report.get(section, {}).get(split, {}))


def _shared(parts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Keys that all of them have, in the order of the first."""
    return [key for key in parts[0] if all(key in part for part in parts)]


def _adaptability(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Shares of objects by grasped poses."""
    kinds = [kind for kind in ("all", "grasped") if all(kind in part for part in parts)]
    counts = {name: parts[0][name] for name in ("poses", "objects", "left_out")}
    rows = {kind: {k: _row([part[kind][k]["mean"] for part in parts]) for k in parts[0][kind]} for kind in kinds}
    return {**counts, **rows}


def _check_comparable(runs: Mapping[str, Metrics]) -> None:
    (first_name, first), *others = runs.items()
    for name, report in others:
        if set(report["splits"]) != set(first["splits"]):
            raise ValueError(
                f"{name} has the splits {', '.join(report['splits'])}, {first_name} has {', '.join(first['splits'])}; "
                "test every seed with the same configuration"
            )
        differing = [key for key in _SAME_EPISODES if _about(report, key) != _about(first, key)]
        differing += [
            f"episodes of {split}" for split in first["splits"] if _count(report, split) != _count(first, split)
        ]
        if differing:
            raise ValueError(
                f"{name} and {first_name} differ in {', '.join(differing)}; test every seed with the same configuration"
            )


def _about(report: Metrics, key: str) -> Any:
    return report.get("about", {}).get(key)


def _count(report: Metrics, split: str) -> int:
    return int(report["splits"][split][OURS]["success"]["n"])


def _rows(rows: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, Any]]:
    """By measure."""
    return {measure: _row([float(row[measure]["mean"]) for row in rows]) for measure in rows[0]}


def _row(values: Sequence[float]) -> dict[str, Any]:
    return {**over_seeds(values).as_dict(), "values": list(values)}


def format_seeds(splits: Mapping[str, Mapping[str, Any]]) -> str:
    """A line a split and measure: ``mean [low, high]``, and the single seeds."""
    lines = []
    for split, policies in splits.items():
        for measure, row in policies[OURS].items():
            single = ", ".join(f"{value:.3f}" for value in row["values"])
            interval = f"{row['mean']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
            lines.append(f"{split:18}{measure:16}{interval:26}{single}")
    return "\n".join(lines)
