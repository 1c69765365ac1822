"""The tables that a test prints."""

from collections.abc import Mapping, Sequence
from typing import Any

Rows = Mapping[str, Mapping[str, Any]]
"""`Estimate` as plain numbers, by measure."""


def interval(row: Mapping[str, Any], factor: float = 1.0, digits: int = 2) -> str:
    """``mean [low, high]``, times a factor."""
    mean, low, high = (f"{factor * row[key]:.{digits}f}" for key in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}]"


def text_table(rows: Sequence[Sequence[str]]) -> str:
    """Cells below one another: the first of each row to the left, the others to the right."""
    columns = [[cell.rjust(max(map(len, column))) for cell in column] for column in zip(*rows, strict=True)]
    first = [cells[0].ljust(len(columns[0][0])) for cells in rows]
    return "\n".join("   ".join(cells) for cells in zip(first, *columns[1:], strict=True))


def measures_table(splits: Mapping[str, Rows]) -> str:
    """Measures by row, splits by column; rates in per cent, a dash for what was not measured."""
    names = dict.fromkeys(name for rows in splits.values() for name in rows)
    head = ["", *(f"{split} n={next(iter(rows.values()))['n'] if rows else 0}" for split, rows in splits.items())]
    return text_table([head, *([name, *(_cell(name, rows.get(name)) for rows in splits.values())] for name in names)])


def _cell(name: str, row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "-"
    return interval(row, 100.0, 1) + " %" if "success" in name else interval(row, digits=3)


def policies_table(splits: Mapping[str, Mapping[str, Rows]]) -> str:
    """One block a split: policies by row, measures by column, and the number of episodes."""
    head = ["success, %", "posture, rad", "moved, cm (median)", "turned, 1 - cos", "n"]
    return "\n\n".join(
        text_table([[split, *head], *([policy, *_measures(rows)] for policy, rows in policies.items())])
        for split, policies in splits.items()
    )


def _measures(rows: Rows) -> list[str]:
    moved = rows["translation_m"]
    return [
        interval(rows["success"], 100.0, 1),
        interval(rows["posture_rad"]),
        f"{interval(moved, 100.0)} ({100.0 * moved['median']:.2f})",
        interval(rows["rotation_cos"], digits=3),
        str(rows["success"]["n"]),
    ]
