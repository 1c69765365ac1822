"""Dataclasses of columns: fields that are arrays or lists have one entry a row, all others belong to every row."""

from collections.abc import Sequence
from dataclasses import fields, replace
from itertools import chain
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Columns = TypeVar("Columns")


def take_rows(columns: Columns, rows: NDArray[np.int64]) -> Columns:
    """The rows (K,) of every column, in that order."""
    taken: dict[str, Any] = {}
    for item in fields(columns):  # type: ignore[arg-type]
        column = getattr(columns, item.name)
        if isinstance(column, list):
            taken[item.name] = [column[row] for row in rows]
        elif isinstance(column, np.ndarray):
            taken[item.name] = column[rows]
    return replace(columns, **taken)  # type: ignore[type-var]


def join_rows(parts: Sequence[Columns]) -> Columns:
    """The rows of all parts, one part after the other; what belongs to every row is the first part's.

    Raises:
        ValueError: no parts.
    """
    if not parts:
        raise ValueError("there is nothing to put together; give at least one part")
    joined: dict[str, Any] = {}
    for item in fields(parts[0]):  # type: ignore[arg-type]
        columns = [getattr(part, item.name) for part in parts]
        if isinstance(columns[0], list):
            joined[item.name] = list(chain.from_iterable(columns))
        elif isinstance(columns[0], np.ndarray):
            joined[item.name] = np.concatenate(columns)
    return replace(parts[0], **joined)  # type: ignore[type-var]


def choose_rows(choice: NDArray[np.bool_], one: Columns, other: Columns) -> Columns:
    """The rows of ``one`` where ``choice`` (E,) bool, those of ``other`` elsewhere; all columns are arrays."""
    chosen: dict[str, Any] = {}
    for item in fields(one):  # type: ignore[arg-type]
        mine, theirs = getattr(one, item.name), getattr(other, item.name)
        chosen[item.name] = np.where(choice.reshape(-1, *[1] * (mine.ndim - 1)), mine, theirs)
    return replace(one, **chosen)  # type: ignore[type-var]
