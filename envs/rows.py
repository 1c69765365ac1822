"""Dataclasses of columns: every field an array or a list with one entry a row."""

from collections.abc import Sequence
from dataclasses import fields, replace
from itertools import chain
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Columns = TypeVar("Columns")


def take_rows(columns: Columns, rows: NDArray[np.int64]) -> Columns:
    """The rows (K,) of every column, in that order."""
    taken = {}
    for item in fields(columns):  # type: ignore[arg-type]
        column = getattr(columns, item.name)
        taken[item.name] = [column[row] for row in rows] if isinstance(column, list) else column[rows]
    return replace(columns, **taken)  # type: ignore[type-var]


def join_rows(parts: Sequence[Columns]) -> Columns:
    """The rows of all parts, one part after the other.

    Raises:
        ValueError: no parts.
    """
    if not parts:
        raise ValueError("there is nothing to put together; give at least one part")
    joined: dict[str, Any] = {}
    for item in fields(parts[0]):  # type: ignore[arg-type]
        columns = [getattr(part, item.name) for part in parts]
        is_list = isinstance(columns[0], list)
        joined[item.name] = list(chain.from_iterable(columns)) if is_list else np.concatenate(columns)
    return replace(parts[0], **joined)  # type: ignore[type-var]
