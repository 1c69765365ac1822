"""Numbers of the stress report, from made-up episodes."""

import numpy as np
import pytest

from callbacks.assist.stress_axes import StressAxis, StressLevel
from callbacks.assist.stress_report import axis_json, margin_rows, policy_rows, seconds_to_grip, stress_json, verdict
from tests.callbacks.assist.stress_examples import PERIOD_S, made_up_episodes, made_up_level, shares

pytestmark = pytest.mark.usefixtures("fast_objects")


def test_seconds_to_grip_count_from_the_arrival_to_the_lift_without_a_break() -> None:
    found = seconds_to_grip(made_up_episodes(), np.array([0, 1, 11, 21, 31]), PERIOD_S)
    # the last 1, 11, 21, 31 steps up to step 40: from step 40, 30, 20, 10 on, minus the arrival at step 20
    np.testing.assert_allclose(found, [np.nan, 0.5, 0.25, 0.0, -0.25])


def test_a_policy_has_success_time_and_causes_of_its_grasps() -> None:
    row = policy_rows(made_up_level(shares(3, 1)), PERIOD_S)["ours"]
    assert row["n"] == 5
    assert row["success"]["mean"] == 0.6
    # held for 0 to 4 steps: missing once; the others begin at steps 40, 39, 38, 37
    assert row["seconds_to_grip"] == {"median": pytest.approx(0.025 * 18.5), "missing": pytest.approx(0.2)}
    assert row["causes"]["slipped_in_lift"] == 2
    assert "disturbed" not in row


def test_movements_that_are_no_grasp_count_apart() -> None:
    episodes = made_up_episodes(["pass_by", "grasp", "pass_by", "grasp", "grasp"])
    row = policy_rows(made_up_level(shares(2, 5), episodes), PERIOD_S)["ours"]
    assert row["n"] == row["success"]["n"] == 3
    assert row["success"]["mean"] == pytest.approx(1 / 3)  # of the rows 1, 3 and 4
    assert row["disturbed"]["mean"] == 0.5
    assert row["disturbed"]["n"] == 2


def test_margins_are_over_all_levels_episode_by_episode() -> None:
    levels = [made_up_level(shares(5, 1)), made_up_level(shares(4, 3))]
    margin = margin_rows(levels, "success")["primitive_triggered"]
    assert margin["mean"] == pytest.approx((4 + 1) / 10)
    assert margin["n"] == 10
    assert margin_rows(levels, "disturbed") == {}


def test_a_verdict_needs_an_interval_that_is_apart_from_zero() -> None:
    found = [verdict({"low": low, "high": high}) for low, high in ((0.01, 0.2), (-0.2, -0.01), (-0.1, 0.2), (0.0, 0.0))]
    assert found == ["ahead", "behind", "not decided", "not decided"]


def test_an_axis_tells_of_its_levels_its_verdict_and_where_a_policy_breaks_down() -> None:
    axis = StressAxis([StressLevel(1, noise={"wrist_lost": 0.1}), StressLevel(2)], unit="mm", nominal=0)
    nominal = policy_rows(made_up_level(shares(5, 4)), PERIOD_S)
    found = axis_json(axis, [made_up_level(shares(5, 2)), made_up_level(shares(2, 0))], nominal, PERIOD_S)
    assert found["verdict"] == "ahead"
    assert [level["value"] for level in found["levels"]] == [1, 2]
    assert found["levels"][0]["changes"] == {"noise": {"wrist_lost": 0.1}}
    # ours: 2 of 5 is below half of 5 of 5; triggered: 2 of 5 is half of 4 of 5
    assert found["breaks_down"] == [2]
    assert [level["policies"]["ours"]["breaks_down"] for level in found["levels"]] == [False, True]
    assert [level["policies"]["primitive_triggered"]["breaks_down"] for level in found["levels"]] == [False, True]


def test_passing_by_is_judged_by_what_is_left_alone() -> None:
    episodes = made_up_episodes(["pass_by"] * 5)
    axis = StressAxis([StressLevel(2)], kind="pass_by")
    nominal = policy_rows(made_up_level(shares(5, 5, "disturbed"), episodes), PERIOD_S)
    found = axis_json(axis, [made_up_level(shares(1, 4, "disturbed"), episodes)], nominal, PERIOD_S)
    assert found["measure"] == "disturbed"
    assert found["levels"][0]["policies"]["ours"]["disturbed"]["mean"] == 0.8
    assert found["margins"]["primitive_triggered"]["mean"] == pytest.approx(-0.6)
    assert found["breaks_down"] == [2]  # a fifth is left alone, nominally all


def test_the_report_counts_axes() -> None:
    axes = {name: StressAxis([StressLevel(1)]) for name in ("one", "two")}
    levels = {"one": [made_up_level(shares(5, 0))], "two": [made_up_level(shares(1, 1))]}
    report = stress_json(axes, made_up_level(shares(4, 4)), levels, PERIOD_S)
    assert report["summary"] == {"ahead": ["one"], "behind": [], "not decided": ["two"], "breaks_down": ["two"]}
    assert report["nominal"]["margins"]["primitive_triggered"]["mean"] == 0.0
