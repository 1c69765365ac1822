"""Columns taken and joined row by row."""

from dataclasses import dataclass

import numpy as np
import pytest

from envs.rows import join_rows, take_rows


@dataclass(frozen=True)
class Named:
    names: list[str]
    values: np.ndarray


TWO = Named(["a", "b"], np.array([[1.0], [2.0]]))


def test_rows_are_taken_in_the_order_given() -> None:
    found = take_rows(TWO, np.array([1, 0, 1]))
    assert found.names == ["b", "a", "b"]
    assert found.values.tolist() == [[2.0], [1.0], [2.0]]


def test_parts_are_joined_one_after_another() -> None:
    found = join_rows([TWO, take_rows(TWO, np.array([0]))])
    assert found.names == ["a", "b", "a"]
    assert found.values.tolist() == [[1.0], [2.0], [1.0]]


def test_nothing_cannot_be_joined() -> None:
    with pytest.raises(ValueError, match="there is nothing to put together; give at least one part"):
        join_rows([])
