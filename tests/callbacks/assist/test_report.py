"""The numbers of metrics.json."""

import json
from dataclasses import replace

import numpy as np
import pytest

from callbacks.assist.report import EpisodeLabels, merge_splits, report_split
from callbacks.metrics.estimates import over_seeds
from callbacks.metrics.text_tables import policies_table
from envs.rows import take_rows
from tests.callbacks.outcomes import made_up_outcome

LABELS = EpisodeLabels(
    groups=np.array([0, 0, 1, 2]),
    families=np.array(["mug", "mug", "mug", "box"]),
    types=np.array(["wrap", "pinch_FF", "wrap", "wrap"]),
    seeds=np.zeros(4, dtype=np.int64),
)
OURS = made_up_outcome(["success", "success", "success", "hit_table"])
ORACLE = made_up_outcome(["success"] * 4, posture=0.0)
SCRIPT = made_up_outcome(["never_touched", "success", "pushed_over", "pushed_over"], translation=0.5)


def test_every_policy_has_every_measure_with_interval_and_count() -> None:
    report = report_split({"ours": [OURS], "oracle": [ORACLE], "scripted_close": [SCRIPT]}, LABELS)
    assert list(report["splits"]) == ["ours", "oracle", "scripted_close"]
    for rows in report["splits"].values():
        assert tuple(rows) == ("success", "posture_rad", "translation_m", "rotation_cos")
        for row in rows.values():
            assert row["low"] <= row["mean"] <= row["high"]
            assert row["n"] == 4
    ours = report["splits"]["ours"]
    assert ours["success"]["mean"] == 0.75
    assert ours["posture_rad"]["mean"] == 2.5  # 1, 2, 3, 4
    assert ours["translation_m"]["median"] == pytest.approx(1.51)  # 0.01, 1.01, 2.01, 3.01
    assert "median" not in ours["success"]
    assert "over_seeds" not in report
    json.dumps(report)


def test_hard_grasps_count_apart_where_they_are_known() -> None:
    outcomes = {"ours": [OURS], "oracle": [take_rows(ORACLE, np.arange(2))]}
    labels = replace(LABELS, is_easy=np.array([True, False, True, False]))
    report = report_split(outcomes, labels, rows={"oracle": np.array([0, 1])})
    assert report["splits"]["ours"]["success"]["n"] == 4
    hard = report["hard"]["ours"]
    assert (hard["success"]["mean"], hard["success"]["n"], hard["objects"]) == (0.5, 2, 2)  # a success, hit the table
    assert hard["posture_rad"]["mean"] == hard["posture_rad"]["median"] == 3.0  # 2, 4
    assert report["hard"]["oracle"]["success"]["n"] == 1
    assert "hard" not in report_split({"ours": [OURS]}, LABELS)
    assert "hard" not in report_split({"ours": [OURS]}, replace(LABELS, is_easy=np.ones(4, dtype=bool)))
    json.dumps(report)


def test_episodes_of_which_none_comes_to_grasp_are_refused() -> None:
    passing = replace(OURS, is_grasp=np.zeros(4, dtype=bool))
    with pytest.raises(ValueError, match=r"none of the episodes of ours comes to grasp.*pass_by_share below 1"):
        report_split({"ours": [passing]}, LABELS)


def test_movements_that_are_no_grasp_count_apart() -> None:
    mixed = replace(OURS, is_grasp=np.array([True, False, True, False]))  # of the latter one was left alone
    report = report_split({"ours": [mixed], "oracle": [replace(ORACLE, is_grasp=mixed.is_grasp)]}, LABELS)
    assert report["splits"]["ours"]["success"] == report["splits"]["oracle"]["success"]
    assert report["splits"]["ours"]["success"]["n"] == 2
    disturbed = {name: rows["disturbed"]["mean"] for name, rows in report["no_grasp"].items()}
    assert disturbed == {"ours": 0.5, "oracle": 0.0}
    assert "second_try" not in report
    merged = merge_splits({"development": report, "unseen_families": report_split({"ours": [OURS]}, LABELS)})
    assert set(merged["no_grasp"]) == {"development"}
    first, second = policies_table(merged["splits"], merged["no_grasp"]).split("\n\n")
    assert first.splitlines()[0].endswith("no grasp: disturbed, %")
    assert "50.0 [" in first.splitlines()[1].rsplit("   ", 1)[1]
    assert "disturbed" not in second


def test_second_tries_count_apart() -> None:
    tried = replace(OURS, second_try=np.array([0, 0, 1, 2]))
    report = report_split({"ours": [tried], "oracle": [ORACLE]}, LABELS)
    assert report["splits"]["ours"]["success"]["mean"] == 0.75
    assert {name: (rows["success"]["mean"], rows["success"]["n"]) for name, rows in report["second_try"].items()} == {
        "ours": (0.5, 2)
    }


def test_margins_compare_the_same_episodes() -> None:
    report = report_split({"ours": [OURS], "scripted_close": [SCRIPT]}, LABELS)
    margin = report["margins"]["scripted_close"]
    assert "ours" not in report["margins"]
    assert margin["success"]["mean"] == 0.5  # (1 + 0 + 1 + 0) / 4
    # every episode moved by 0.49 m less: the difference does not vary, though the translations do
    assert margin["translation_m"]["low"] == pytest.approx(-0.49)
    assert margin["translation_m"]["high"] == pytest.approx(-0.49)


def test_share_of_the_oracle() -> None:
    report = report_split({"ours": [OURS], "oracle": [ORACLE], "scripted_close": [SCRIPT]}, LABELS)
    shares = report["share_of_oracle"]
    assert {name: row["mean"] for name, row in shares.items()} == {"ours": 0.75, "oracle": 1.0, "scripted_close": 0.25}
    assert shares["ours"]["low"] < 0.75 < shares["ours"]["high"]
    assert report_split({"ours": [OURS]}, LABELS)["share_of_oracle"] == {}
    failed = made_up_outcome(["never_touched"] * 4)
    assert report_split({"ours": [OURS], "oracle": [failed]}, LABELS)["share_of_oracle"] == {}


def test_the_headline_compares_with_the_better_script() -> None:
    better = made_up_outcome(["success", "success", "never_touched", "never_touched"])
    policies = {"ours": [OURS], "primitive": [SCRIPT], "scripted_close": [SCRIPT], "blind_close": [better]}
    headline = report_split({**policies, "oracle": [ORACLE]}, LABELS)["headline"]
    assert set(headline) == {"minus_primitive", "minus_best_script", "over_oracle"}
    assert (headline["minus_primitive"]["mean"], headline["minus_primitive"]["policy"]) == (0.5, "primitive")
    assert (headline["minus_best_script"]["mean"], headline["minus_best_script"]["policy"]) == (0.25, "blind_close")
    assert headline["over_oracle"]["mean"] == 0.75
    assert report_split({"primitive": [SCRIPT]}, LABELS)["headline"] == {}


def test_a_policy_that_ran_a_part_is_compared_on_that_part() -> None:
    part = made_up_outcome(["never_touched", "success"])  # episodes 1 and 3
    report = report_split({"ours": [OURS], "oracle": [part]}, LABELS, rows={"oracle": np.array([1, 3])})
    assert report["splits"]["oracle"]["success"]["n"] == 2
    assert report["splits"]["ours"]["success"]["n"] == 4
    margin = report["margins"]["oracle"]["success"]
    # 1 - 0 of a mug, 0 - 1 of a box
    over_families = {"low": -1.0, "high": 1.0, "families": 2}
    assert margin == {"mean": 0.0, "low": -1.0, "high": 1.0, "n": 2, "interval_over_families": over_families}
    assert report["share_of_oracle"]["ours"]["mean"] == 1.0
    assert report["families"]["oracle"]["box"]["success"]["mean"] == 1.0
    assert report["families"]["oracle"]["mug"]["objects"] == 1
    assert report["causes_by_family"]["oracle"]["mug"]["never_touched"] == 1


def test_everything_that_is_claimed_of_a_split_has_an_interval_over_families() -> None:
    policies = {"ours": [OURS], "primitive": [SCRIPT], "oracle": [ORACLE]}
    report = report_split(policies, LABELS)
    rows = [*report["splits"]["ours"].values(), *report["margins"]["primitive"].values()]
    rows += [*report["headline"].values(), *report["share_of_oracle"].values()]
    assert all(row["interval_over_families"]["families"] == 2 for row in rows)
    # mugs always, boxes never
    assert report["splits"]["ours"]["success"]["interval_over_families"] == {"low": 0.0, "high": 1.0, "families": 2}
    assert "interval_over_families" not in report["families"]["ours"]["mug"]["success"]


def test_adaptability_comes_with_poses_only() -> None:
    assert "adaptability" not in report_split({"ours": [OURS]}, LABELS)
    # of the three objects one has two poses, both grasped
    found = report_split({"ours": [OURS]}, LABELS, poses=2)["adaptability"]["ours"]
    assert (found["objects"], found["left_out"], found["all"]["2"]["mean"]) == (1, 2, 1.0)
    # nobody has three
    assert report_split({"ours": [OURS]}, LABELS, poses=3)["adaptability"] == {}


def test_failures_are_counted_by_cause() -> None:
    causes = report_split({"scripted_close": [SCRIPT]}, LABELS)["causes"]["scripted_close"]
    assert {name: count for name, count in causes.items() if count} == {
        "success": 1,
        "never_touched": 1,
        "pushed_over": 2,
    }


def test_families_and_types_have_their_own_rows() -> None:
    report = report_split({"ours": [OURS]}, LABELS)
    families, types = report["families"]["ours"], report["types"]["ours"]
    assert families["mug"]["success"] == {"mean": 1.0, "low": 0.0, "high": 1.0, "n": 3}  # rule of three: 2 objects
    assert families["box"]["success"]["mean"] == 0.0
    assert (types["pinch_FF"]["posture_rad"]["mean"], types["pinch_FF"]["posture_rad"]["n"]) == (2.0, 1)


def test_seeds_are_pooled_and_their_means_compared() -> None:
    twice = LABELS.part(np.tile(np.arange(4), 2))
    report = report_split({"ours": [OURS, ORACLE]}, twice)
    pooled = report["splits"]["ours"]["success"]
    assert (pooled["mean"], pooled["low"], pooled["high"], pooled["n"]) == (0.875, 0.5, 1.0, 8)
    row = report["over_seeds"]["ours"]["success"]
    assert (row["mean"], row["n"]) == (0.875, 2)
    # t(0.975, 1) = 12.706; standard error 0.125
    assert row["high"] - row["mean"] == pytest.approx(12.706 * 0.125, rel=1e-4)


def test_one_seed_has_no_interval_over_seeds() -> None:
    with pytest.raises(ValueError, match="an interval over seeds needs at least 2 of them, got 1"):
        over_seeds([0.5])


def test_splits_come_below_their_sections() -> None:
    report = report_split({"ours": [OURS], "oracle": [ORACLE]}, LABELS)
    merged = merge_splits({"unseen_instances": report, "unseen_families": report})
    assert merged["splits"]["unseen_families"]["oracle"]["success"]["mean"] == 1.0
    assert set(merged) == {
        "splits", "headline", "margins", "share_of_oracle", "causes", "families", "types", "causes_by_family",
    }  # fmt: skip
    assert all(set(section) == {"unseen_instances", "unseen_families"} for section in merged.values())


def test_the_table_has_a_row_for_every_policy() -> None:
    report = report_split({"ours": [OURS], "oracle": [ORACLE]}, LABELS)
    table = policies_table({"unseen_instances": report["splits"]})
    assert table.startswith("unseen_instances")
    row = next(line for line in table.splitlines() if line.startswith("ours"))
    assert "75.0 [" in row
    assert row.endswith(" 4")
    assert "151.00 [" in row  # centimetres
    assert "(151.00)" in row
