"""Measurements of several training seeds put together: means, and intervals over the seeds.

python -m reports.policy_seeds METRICS.json METRICS.json --output pretrained/residual_ppo_seeds.json
"""

import argparse
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from callbacks.assist.report import OURS
from callbacks.metrics.estimates import over_seeds
from callbacks.metrics.text_tables import interval, text_table
from envs.files import write_atomically
from reports.metrics_files import read_report

_LOG = logging.getLogger("policy_seeds")

Metrics = Mapping[str, Any]
"""Content of the metrics.json of one training seed (callbacks/assist/evaluation.py)."""

_SAME_EPISODES = ("plan", "seeds", "noise")
"""Entries of its ``about`` that decide which episodes were run."""


_SECTIONS: dict[str, Sequence[str] | None] = {
    "splits": [OURS], "hard": [OURS], "margins": None, "headline": None, "share_of_oracle": [OURS],
    "adaptability": [OURS], "no_grasp": [OURS], "second_try": [OURS],
}  # fmt: skip
"""Sections that are put together, and of which policies; of all when None."""


def read_metrics(path: Path) -> Metrics:
    """The content of a metrics.json.

    Raises:
        ValueError: it has no measurements of the learnt policy.
    """
    content = read_report(path)
    if any(OURS not in policies for policies in content["splits"].values()):
        raise ValueError(
            f"{path} has no splits.<split>.{OURS}; give metrics.json files of `test --config configs/residual_ppo.yaml`"
        )
    return content


def combine(runs: Mapping[str, Metrics]) -> dict[str, Any]:
    """Measures of the learnt policy over training seeds.

    Args:
        runs: by the name of the file, which goes into ``about``.

    Returns:
        ``splits.<split>.ours.<measure>.{mean, low, high, n, values}``: 95 % interval by Student's t over n seeds, and
        the seeds' means in the order given; likewise, where they were measured, ``margins.<split>.<policy>.<measure>``,
        ``headline.<split>.<comparison>``, ``hard``, ``no_grasp`` and ``second_try`` as ``splits``,
        ``share_of_oracle.<split>.ours`` and ``adaptability.<split>.ours.{all, grasped}.<poses>``; ``about``.

    Raises:
        ValueError: fewer than two files, or files about different episodes.
    """
    reports = list(runs.values())
    if len(reports) < 2:
        raise ValueError(f"got {', '.join(runs) or 'no file'}; give metrics.json files of at least 2 training seeds")
    _check_comparable(runs)
    combined: dict[str, Any] = {section: {} for section in _SECTIONS}
    for section, policies in _SECTIONS.items():
        for split in reports[0]["splits"]:
            found = _together([report.get(section, {}).get(split, {}) for report in reports], policies)
            if found:
                combined[section][split] = found
    combined["about"] = {
        "intervals": "95 %, Student's t over training seeds",
        "margins": f"{OURS} minus the policy, mean over the same episodes",
        "files": list(runs),
        "checkpoints": [report.get("about", {}).get("checkpoint", "") for report in reports],
        "episodes": {split: _count(reports[0], split) for split in reports[0]["splits"]},
    }
    return combined


def _together(parts: Sequence[Any], keys: Sequence[str] | None = None) -> Any:
    """Estimates over the seeds of what all parts have; what is no estimate (poses, objects) as in the first of them."""
    first = parts[0]
    if not isinstance(first, Mapping):
        return first
    if "mean" in first:
        means = [float(part["mean"]) for part in parts]
        return {**over_seeds(means).as_dict(), "values": means}
    shared = [key for key in first if all(key in part for part in parts) and (keys is None or key in keys)]
    return {key: _together([part[key] for part in parts]) for key in shared}


def _check_distinct(runs: Mapping[str, Metrics]) -> None:
    """ValueError for one checkpoint that was measured twice: it is no second seed. Older files do not tell."""
    names: dict[str, str] = {}
    for name, report in runs.items():
        weights = report.get("about", {}).get("weights")
        if weights is not None and weights in names:
            raise ValueError(
                f"{name} and {names[weights]} were measured with the same weights ({weights}); give one file of each "
                "training seed"
            )
        names[weights] = name


def _check_comparable(runs: Mapping[str, Metrics]) -> None:
    _check_distinct(runs)
    (first_name, first), *others = runs.items()
    for name, report in others:
        if set(report["splits"]) != set(first["splits"]):
            raise ValueError(
                f"{name} has the splits {', '.join(report['splits'])}, {first_name} has {', '.join(first['splits'])}; "
                "test every seed with the same configuration"
            )
        differing = [
            key for key in _SAME_EPISODES if report.get("about", {}).get(key) != first.get("about", {}).get(key)
        ]
        differing += [
            f"episodes of {split}" for split in first["splits"] if _count(report, split) != _count(first, split)
        ]
        if differing:
            raise ValueError(
                f"{name} and {first_name} differ in {', '.join(differing)}; test every seed with the same configuration"
            )


def _count(report: Metrics, split: str) -> int:
    return int(report["splits"][split][OURS]["success"]["n"])


def format_seeds(splits: Mapping[str, Mapping[str, Any]]) -> str:
    """A line a split and measure: ``mean [low, high]``, and the single seeds."""
    return text_table(
        [
            [split, measure, interval(row, digits=3), ", ".join(f"{value:.3f}" for value in row["values"])]
            for split, policies in splits.items()
            for measure, row in policies[OURS].items()
        ]
    )


def main(args: Sequence[str] | None = None) -> None:
    """Command line of the seeds."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser("policy_seeds", description="Measurements of several training seeds in one file.")
    parser.add_argument("files", nargs="+", type=Path, metavar="METRICS", help="metrics.json of each training seed")
    parser.add_argument("--output", type=Path, required=True, help="JSON to write")
    given = parser.parse_args(args)
    if len({path.resolve() for path in given.files}) < len(given.files):
        parser.error(f"a file is named twice among {', '.join(map(str, given.files))}")
    try:
        report = combine({str(path): read_metrics(path) for path in given.files})
        write_atomically(given.output, (json.dumps(report, indent=1) + "\n").encode())
    except (ValueError, OSError) as error:
        parser.error(str(error))
    _LOG.info("%s\nwrote %s", format_seeds(report["splits"]), given.output)


if __name__ == "__main__":
    main()
