"""Tables in documents."""

import pytest

from reports.markdown import (
    causes_table,
    claimed_per_cent,
    fill,
    mean_per_cent,
    per_cent,
    rows_of,
    table,
    top_causes,
    worst_and_best,
)  # fmt: skip

DOCUMENT = "Before.\n\n<!-- begin a -->\nold\n<!-- end a -->\nBetween.\n<!-- begin b -->\n<!-- end b -->\nAfter."


def test_a_table_has_a_line_for_every_row() -> None:
    assert table(["x", "y"], [["1", "2"], ["3", "4"]]) == "| x | y |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |"
    assert table(["x"], []) == "-"
    with pytest.raises(ValueError, match=r"a row has 1 cells \(1 \.\.\.\), the head 2; give the same"):
        table(["x", "y"], [["1"]])


def test_blocks_are_made_anew_and_the_rest_stays() -> None:
    filled = fill(DOCUMENT, {"a": "A", "b": "B", "c": "C"})
    assert filled.startswith("Before.\n\n<!-- begin a -->\n\nA\n\n<!-- end a -->\nBetween.")
    assert filled.endswith("\n\nB\n\n<!-- end b -->\nAfter.")
    assert fill(filled, {"a": "A", "b": "B"}) == filled


def test_blocks_of_another_command_stay() -> None:
    filled = fill(DOCUMENT, {"a": "A"}, others=("b",))
    assert "\n\nA\n\n" in filled
    assert filled.endswith("<!-- begin b -->\n<!-- end b -->\nAfter.")
    with pytest.raises(ValueError, match="the document has the blocks a, b, without an end: -; mark each as"):
        fill(DOCUMENT, {"c": "C"}, others=("a", "b"))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("No blocks.", r"the document has the blocks \(none\), without an end: -; mark each as .*names: a"),
        ("<!-- begin a -->\n", "has the blocks a, without an end: a;"),
        ("<!-- begin z -->\n<!-- end z -->", "the document asks for the block 'z'; available: a"),
    ],
)
def test_documents_without_proper_blocks_are_refused(document: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fill(document, {"a": "A"})


def test_what_is_claimed_of_unseen_families_has_its_interval_over_them() -> None:
    row = {"mean": 0.5, "low": 0.25, "high": 0.75, "n": 3}
    wide = {**row, "interval_over_families": {"low": 0.125, "high": 0.875, "families": 3}}
    assert claimed_per_cent(wide, "unseen_families") == "50.0 [25.0, 75.0], over families [12.5, 87.5]"
    assert claimed_per_cent(wide, "unseen_instances") == claimed_per_cent(row, "unseen_families") == per_cent(row)
    assert claimed_per_cent(None, "unseen_families") == "-"


def test_numbers_are_shown_in_per_cent() -> None:
    assert per_cent({"mean": 0.5, "low": 0.25, "high": 0.755, "n": 3}) == "50.0 [25.0, 75.5]"
    assert per_cent(None) == "-"
    assert (mean_per_cent({"mean": 0.5}), mean_per_cent(None)) == ("50", "-")


def test_rows_of_dashes_alone_are_left_out() -> None:
    columns = [{"a": "1"}, {"a": "2", "b": "3"}]
    rows = rows_of({"a": "A", "b": "B", "c": "C"}, columns, lambda column, name: column.get(name, "-"))
    assert rows == [["A", "1", "2"], ["B", "-", "3"]]


def test_the_worst_come_first_and_the_middle_is_left_out() -> None:
    rates = {"a": 0.9, "b": 0.1, "c": 0.5, "d": 0.2, "e": 0.6}
    assert worst_and_best(rates, 2, 1) == ("worst 2 and best 1 of 5 families", ["b", "d", "a"])
    assert worst_and_best(rates) == ("all families", ["b", "d", "c", "e", "a"])


def test_causes_are_shares_of_all_episodes() -> None:
    counts = {"success": 5, "let_go": 1, "hit_table": 3, "diverged": 0, "pushed_over": 1}
    assert top_causes(counts) == "hit table 30, let go 10"
    assert top_causes({"success": 2}) == "-"
    text = causes_table("ends, %", {"ours": counts, "other": {"success": 4}})
    assert "| hit table | 30.0 | 0.0 |" in text
    assert "diverged" not in text
