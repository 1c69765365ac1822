"""Tables of measures with intervals."""

import numpy as np

from callbacks.metrics.trial_estimates import estimates, estimates_by_label, format_table


def test_rates_get_the_bound_of_rates_and_other_measures_do_not() -> None:
    groups = np.arange(30)
    found = estimates({"field_success": np.ones(30), "posture_rad": np.ones(30)}, groups)
    assert found["field_success"] == {"mean": 1.0, "low": 0.9, "high": 1.0, "n": 30}
    assert found["posture_rad"] == {"mean": 1.0, "low": 1.0, "high": 1.0, "n": 30}


def test_labels_split_values_and_groups_alike() -> None:
    values = {"grasp_success": np.array([1.0, 0.0, 1.0, 1.0])}
    found = estimates_by_label(values, np.array([0, 0, 1, 2]), np.array(["mug", "mug", "box", "box"]))
    assert list(found) == ["box", "mug"]
    assert found["mug"]["grasp_success"]["mean"] == 0.5
    assert found["mug"]["grasp_success"]["n"] == 2
    assert found["box"]["grasp_success"]["mean"] == 1.0


def test_a_table_has_a_row_a_measure_and_a_column_a_split() -> None:
    item = {"mean": 0.5, "low": 0.25, "high": 0.75, "n": 8}
    text = format_table({"train": {"posture_rad": item, "grasp_success": item, "new": item}, "unseen": {"new": item}})
    header, *rows = text.splitlines()
    assert header.split() == ["train", "n=8", "unseen", "n=8"]
    assert [row.split()[0] for row in rows] == ["grasp_success", "posture_rad", "new"]  # known ones first, in order
    assert "50.0% [25.0%, 75.0%]" in rows[0]
    assert rows[0].rstrip().endswith("-")  # not measured on that split
    assert rows[1].split()[1:4] == ["0.500", "[0.250,", "0.750]"]
    assert format_table({"train": {}}).split() == ["train", "n=0"]
