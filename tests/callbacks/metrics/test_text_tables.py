"""What a test prints."""

from callbacks.metrics.text_tables import interval, measures_table, policies_table

ITEM = {"mean": 0.5, "low": 0.25, "high": 0.75, "n": 8}


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


def test_policies_have_a_block_a_split() -> None:
    measures = {name: {**ITEM, "median": 0.01} for name in ("success", "posture_rad", "translation_m", "rotation_cos")}
    first, second = policies_table({"here": {"ours": measures}, "there": {"oracle": measures}}).split("\n\n")
    assert first.startswith("here")
    assert second.splitlines()[1].split()[0] == "oracle"
    assert "50.00 [25.00, 75.00] (1.00)" in first
