"""Tables in Markdown, and documents that hold generated blocks between comments."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from callbacks.metrics.text_tables import interval, over_families

Column = TypeVar("Column")

_BLOCK = re.compile(r"<!-- begin (?P<name>[\w-]+) -->\n.*?<!-- end (?P=name) -->", re.DOTALL)
_BEGIN = re.compile(r"<!-- begin ([\w-]+) -->")

_WORST, _BEST = 8, 5
"""Families in the tables of the worst and the best."""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; a dash where there are no rows.

    Raises:
        ValueError: a row with another number of cells than the head.
    """
    uneven = [row for row in rows if len(row) != len(head)]
    if uneven:
        raise ValueError(f"a row has {len(uneven[0])} cells ({uneven[0][0]} ...), the head {len(head)}; give the same")
    if not rows:
        return "-"
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def rows_of(
    titles: Mapping[str, str], columns: Sequence[Column], cell: Callable[[Column, str], str]
) -> list[list[str]]:
    """A row for each name, with its title and what ``cell`` says of it in each column; without rows of dashes alone."""
    rows = [[title, *(cell(column, name) for column in columns)] for name, title in titles.items()]
    return [row for row in rows if set(row[1:]) != {"-"}]


def shown(row: Mapping[str, Any] | None, factor: float = 1.0, digits: int = 2) -> str:
    """``mean [low, high]``, times a factor; a dash where there is none."""
    return "-" if row is None else interval(row, factor, digits)


def per_cent(row: Mapping[str, Any] | None, digits: int = 1) -> str:
    """A share as ``mean [low, high]`` in per cent; a dash where there is none."""
    return shown(row, 100.0, digits)


def claimed_per_cent(row: Mapping[str, Any] | None, split: str, digits: int = 1) -> str:
    """As `per_cent`; on unseen families with the interval over families, where it was measured."""
    families = "" if row is None else over_families(split, row, 100.0, digits)
    return per_cent(row, digits) + (families and f", over families {families}")


def mean_per_cent(row: Mapping[str, Any] | None) -> str:
    """A share in whole per cent, without its interval; a dash where there is none."""
    return "-" if row is None else f"{100.0 * row['mean']:.0f}"


def words(name: str) -> str:
    """A name of the code in words."""
    return name.replace("_", " ")


def fill(document: str, blocks: Mapping[str, str], others: Collection[str] = ()) -> str:
    """The document with its blocks ``<!-- begin NAME -->`` ... ``<!-- end NAME -->`` made anew; the rest stays.

    Args:
        document: Markdown.
        blocks: what goes between, by name.
        others: names of blocks that another command makes; they stay as they are.

    Raises:
        ValueError: a document without blocks, a block without an end, or one that nobody makes.
    """
    begun, whole = _BEGIN.findall(document), [match["name"] for match in _BLOCK.finditer(document)]
    if not set(begun) - set(others) or begun != whole:
        endless = ", ".join(name for name in begun if name not in whole)
        raise ValueError(
            f"the document has the blocks {', '.join(begun) or '(none)'}, without an end: {endless or '-'}; "
            f"mark each as <!-- begin NAME --> ... <!-- end NAME -->, names: {', '.join(blocks)}"
        )
    unknown = [name for name in whole if name not in blocks and name not in others]
    if unknown:
        raise ValueError(f"the document asks for the block {unknown[0]!r}; available: {', '.join(blocks)}")
    return _BLOCK.sub(
        lambda match: (
            f"<!-- begin {match['name']} -->\n\n{blocks[match['name']]}\n\n<!-- end {match['name']} -->"
            if match["name"] in blocks
            else match[0]
        ),
        document,
    )


def worst_and_best(rates: Mapping[str, float], worst: int = _WORST, best: int = _BEST) -> tuple[str, list[str]]:
    """Names of the lowest and the highest rates, ascending, and in words what they are; all where there are no more."""
    ordered = sorted(rates, key=lambda name: rates[name])
    if len(ordered) <= worst + best:
        return "all families", ordered
    chosen = [*ordered[:worst], *ordered[len(ordered) - best :]]
    return f"worst {worst} and best {best} of {len(rates)} families", chosen


def causes_table(head: str, counts: Mapping[str, Mapping[str, int]]) -> str:
    """How trials or episodes end, in per cent: a column for each title, causes that came up by row."""
    rows = [
        [words(name), *(f"{100.0 * found.get(name, 0) / sum(found.values()):.1f}" for found in counts.values())]
        for name in dict.fromkeys(name for found in counts.values() for name in found)
        if any(found.get(name) for found in counts.values())
    ]
    return table([head, *counts], rows)


def top_causes(counts: Mapping[str, int], number: int = 2) -> str:
    """The most frequent causes of failure, in per cent of all: ``slipped in lift 12, hit table 3``."""
    failures = sorted((name for name in counts if name != "success" and counts[name]), key=lambda name: -counts[name])
    total = sum(counts.values())
    return ", ".join(f"{words(name)} {100.0 * counts[name] / total:.0f}" for name in failures[:number]) or "-"
