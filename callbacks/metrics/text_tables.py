"""The tables that a test prints."""

from collections.abc import Mapping, Sequence
from typing import Any

Rows = Mapping[str, Mapping[str, Any]]
"""`Estimate` as plain numbers, by measure."""

UNSEEN_FAMILIES = "unseen_families"
"""The split whose results are claimed for families that nobody has seen: its intervals over families are shown."""


def interval(row: Mapping[str, Any], factor: float = 1.0, digits: int = 2) -> str:
    """``mean [low, high]``, times a factor."""
    mean, low, high = (f"{factor * row[key]:.{digits}f}" for key in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}]"


def over_families(split: str, row: Mapping[str, Any], factor: float = 1.0, digits: int = 2) -> str:
    """``[low, high]`` over families, times a factor, for the split of unseen families; empty for others and without."""
    found = row.get("interval_over_families")
    if split != UNSEEN_FAMILIES or not found:
        return ""
    return f"[{factor * found['low']:.{digits}f}, {factor * found['high']:.{digits}f}]"


def text_table(rows: Sequence[Sequence[str]]) -> str:
    """Cells below one another: the first of each row to the left, the others to the right."""
    columns = [[cell.rjust(max(map(len, column))) for cell in column] for column in zip(*rows, strict=True)]
    first = [cells[0].ljust(len(columns[0][0])) for cells in rows]
    return "\n".join("   ".join(cells) for cells in zip(first, *columns[1:], strict=True))


def measures_table(splits: Mapping[str, Rows]) -> str:
    """Measures by row, splits by column; rates in per cent, a dash for what was not measured."""
    names = dict.fromkeys(name for rows in splits.values() for name in rows)
    head = ["", *(f"{split} n={next(iter(rows.values()))['n'] if rows else 0}" for split, rows in splits.items())]
    rows = [[name, *(_cell(split, name, found.get(name)) for split, found in splits.items())] for name in names]
    return text_table([head, *rows])


def _cell(split: str, name: str, row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "-"
    factor, digits, unit = (100.0, 1, " %") if "success" in name else (1.0, 3, "")
    families = over_families(split, row, factor, digits)
    return interval(row, factor, digits) + unit + (families and f", over families {families}")


def policies_table(
    splits: Mapping[str, Mapping[str, Rows]], no_grasp: Mapping[str, Mapping[str, Rows]] | None = None
) -> str:
    """One block a split: policies by row, measures by column, and the number of episodes.

    Args:
        splits: measures by split and policy, of the episodes with a grasp.
        no_grasp: how often objects were disturbed in the others, alike; where there were any.
    """
    alone = no_grasp or {}
    return "\n\n".join(_policies_block(split, policies, alone.get(split, {})) for split, policies in splits.items())


def _policies_block(split: str, policies: Mapping[str, Rows], alone: Mapping[str, Rows]) -> str:
    head = [split, "success, %", "posture, rad", "moved, cm (median)", "turned, 1 - cos", "n"]
    lines = [head, *([policy, *_measures(rows)] for policy, rows in policies.items())]
    over = [over_families(split, rows["success"], 100.0, 1) for rows in policies.values()]
    if any(over):
        lines = [[*line[:2], cell, *line[2:]] for line, cell in zip(lines, ["over families", *over], strict=True)]
    if alone:
        rates = [interval(alone[name]["disturbed"], 100.0, 1) if name in alone else "-" for name in policies]
        lines = [[*line, cell] for line, cell in zip(lines, ["no grasp: disturbed, %", *rates], strict=True)]
    return text_table(lines)


def _measures(rows: Rows) -> list[str]:
    moved = rows["translation_m"]
    return [
        interval(rows["success"], 100.0, 1),
        interval(rows["posture_rad"]),
        f"{interval(moved, 100.0)} ({100.0 * moved['median']:.2f})",
        interval(rows["rotation_cos"], digits=3),
        str(rows["success"]["n"]),
    ]
