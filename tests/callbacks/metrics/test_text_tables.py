"""What a test prints."""

from callbacks.metrics.text_tables import interval, measures_table, over_families, policies_table

ITEM = {"mean": 0.5, "low": 0.25, "high": 0.75, "n": 8}

WIDE = {**ITEM, "interval_over_families": {"low": 0.125, "high": 0.875, "families": 4}}
"""With an interval over families."""


def test_an_interval_stands_in_brackets() -> None:
    assert interval(ITEM) == "0.50 [0.25, 0.75]"
    assert interval(ITEM, 100.0, 1) == "50.0 [25.0, 75.0]"


def test_a_table_has_a_row_a_measure_and_a_column_a_split() -> None:
    text = measures_table({"train": {"grasp_success": ITEM, "posture_rad": ITEM}, "unseen": {"new": ITEM}})
    header, *rows = text.splitlines()
    assert header.split() == ["train", "n=8", "unseen", "n=8"]
    assert [row.split()[0] for row in rows] == ["grasp_success", "posture_rad", "new"]
    assert "50.0 [25.0, 75.0] %" in rows[0]
    assert rows[0].endswith("  -")  # not measured on that split
    assert rows[1].split()[1:4] == ["0.500", "[0.250,", "0.750]"]
    assert len({len(row) for row in (header, *rows)}) == 1
    assert measures_table({"train": {}}).split() == ["train", "n=0"]


def test_intervals_over_families_are_shown_for_unseen_families() -> None:
    assert over_families("unseen_families", WIDE, 100.0, 1) == "[12.5, 87.5]"
    assert over_families("unseen_instances", WIDE) == over_families("unseen_families", ITEM) == ""
    text = measures_table({"unseen_instances": {"grasp_success": WIDE}, "unseen_families": {"grasp_success": WIDE}})
    assert text.count("over families") == 1
    assert text.splitlines()[1].endswith("50.0 [25.0, 75.0] %, over families [12.5, 87.5]")
    measures = {name: {**WIDE, "median": 0.01} for name in ("success", "posture_rad", "translation_m", "rotation_cos")}
    old = {name: {**ITEM, "median": 0.01} for name in measures}
    first, second = policies_table(
        {"unseen_instances": {"ours": measures}, "unseen_families": {"ours": measures, "oracle": old}}
    ).split("\n\n")
    assert "over families" not in first
    assert "success, %   over families" in second
    assert "50.0 [25.0, 75.0]    [12.5, 87.5]" in second


def test_policies_have_a_block_a_split() -> None:
    measures = {name: {**ITEM, "median": 0.01} for name in ("success", "posture_rad", "translation_m", "rotation_cos")}
    first, second = policies_table({"here": {"ours": measures}, "there": {"oracle": measures}}).split("\n\n")
    assert first.startswith("here")
    assert second.splitlines()[1].split()[0] == "oracle"
    assert "50.00 [25.00, 75.00] (1.00)" in first
