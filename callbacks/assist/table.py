"""The table that a test of the policy prints."""

from collections.abc import Mapping
from typing import Any

from callbacks.assist.report import MEASURES


def format_splits(splits: Mapping[str, Mapping[str, Any]]) -> str:
    """One block a split, policies by row, measures by column, each ``mean [low, high]``, and the episodes of each."""
    blocks = []
    for split, policies in splits.items():
        head = f"{'success, %':>22}{'posture, rad':>22}{'moved, cm (median)':>30}{'turned, 1 - cos':>24}{'n':>8}"
        lines = [f"{split:18}{head}"]
        lines += [f"{policy:18}" + "".join(_cells(rows)) for policy, rows in policies.items()]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _cells(rows: Mapping[str, Mapping[str, float]]) -> list[str]:
    success, posture, moved, turned = (rows[name] for name in MEASURES)
    centimetres = interval(moved, 100.0, 2) + f" ({100.0 * moved['median']:.2f})"
    return [
        f"{interval(success, 100.0, 1):>22}",
        f"{interval(posture, 1.0, 2):>22}",
        f"{centimetres:>30}",
        f"{interval(turned, 1.0, 3):>24}",
        f"{success['n']:>8}",
    ]


def interval(row: Mapping[str, Any], factor: float = 1.0, digits: int = 2) -> str:
    """``mean [low, high]``, times a factor."""
    mean, low, high = (f"{factor * row[key]:.{digits}f}" for key in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}]"
