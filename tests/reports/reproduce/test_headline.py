"""The first sentences of the report."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from reports.reproduce.headline import against_the_best, of_idle_hands, verdicts_told
from reports.reproduce.plan import Plan, read_plan
from reports.reproduce.selection import TABLES
from tests.reports.reproduce.plans import made_up_plan


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    content = made_up_plan(tmp_path)
    content["methods"]["ilad"] = {**content["methods"]["ppo"], "title": "ILAD"}
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(content))
    return read_plan(tmp_path / "plan.yaml", tuple(TABLES))


def claim(
    other: str, measure: str, verdict: str, mean: float, seeds: bool = False, only: Sequence[int] = (), **found: Any
) -> dict[str, Any]:
    row = {"mean": mean, "low": mean - 0.1, "high": mean + 0.1, "n": 10}
    over_seeds = {"mean": mean, "low": mean - 0.2, "high": mean + 0.2, "n": 3} if seeds else None
    return {
        "claim": {"one": "ours", "other": other, "measure": measure}, "task": "paper", "split": "unseen_families",
        "found": {"over_objects": row, "over_seeds": over_seeds, "only": only}, "verdict": verdict, **found,
    }  # fmt: skip


def section(*claims: dict[str, Any], **success: float) -> dict[str, Any]:
    rows = {name: {"success": {"mean": mean}} for name, mean in success.items()}
    nothing = {name: {"success": {"mean": 1.0}} for name in success}
    return {"numbers": {"paper/unseen_instances": nothing, "paper/unseen_families": rows}, "claims": list(claims)}


def test_the_best_baseline_is_that_of_most_success_and_all_are_compared_in_posture(plan: Plan) -> None:
    told = against_the_best(
        section(
            claim("ppo", "success", "holds", 0.8), claim("ilad", "success", "holds", 0.3, seeds=True),
            claim("ppo", "posture_rad", "holds", -0.5), claim("ilad", "posture_rad", "holds", -0.2),
            ours=0.9, ppo=0.1, ilad=0.6,
        ),
        plan,
    )  # fmt: skip
    assert told == (
        "On unseen families of the paper task ours succeeds more often than the best baseline, ILAD: 30.0 [20.0, 40.0] "
        "points, over seeds 30.0 [10.0, 50.0]; it ends nearer to the target pose than all baselines."
    )


@pytest.mark.parametrize(
    ("verdict", "said"),
    [("does not hold", "**succeeds less often than**"), ("not decided", "**does not surely succeed more often than**")],
)
def test_what_is_not_so_is_said(plan: Plan, verdict: str, said: str) -> None:
    told = against_the_best(
        section(
            claim("ppo", "success", verdict, 0.0), claim("ppo", "posture_rad", "not decided", 0.0), ours=0.5, ppo=0.5
        ),
        plan,
    )
    assert f"ours {said} the best baseline that was measured, PPO" in told
    assert "it ends **not surely nearer to the target pose than PPO**" in told


def test_seeds_of_which_alone_it_is_are_named(plan: Plan) -> None:
    told = against_the_best(section(claim("ppo", "success", "holds", 0.5, only=[0]), ours=0.9, ppo=0.4), plan)
    assert "50.0 [40.0, 60.0] points, training seed 0 alone; " in told


def test_the_best_of_some_baselines_is_called_so(plan: Plan) -> None:
    found = [claim("ppo", measure, "holds", 0.5) for measure in ("success", "posture_rad")]
    told = against_the_best(section(*found, ours=0.9, ppo=0.4), plan)
    assert "the best baseline that was measured, PPO: " in told
    assert told.endswith("nearer to the target pose than all of these.")


def test_a_method_that_the_plan_no_longer_has_is_passed_over(plan: Plan) -> None:
    gone = [claim("mine", measure, "not decided", 0.0) for measure in ("success", "posture_rad")]
    told = against_the_best(section(*gone, claim("ppo", "success", "holds", 0.5), ours=0.9, ppo=0.4, mine=0.9), plan)
    assert ", PPO: " in told
    assert "mine" not in told


def test_without_a_measured_baseline_nothing_is_said(plan: Plan) -> None:
    unmeasured = claim("ppo", "success", "not decided", 0.0, found=None)
    assert against_the_best(section(unmeasured, ours=0.9), plan) == ""
    assert against_the_best({"numbers": {}, "claims": []}, plan) == ""


def test_verdicts_of_all_sections_are_added_up_each_claim_once(plan: Plan) -> None:
    without_r_sim = claim("ppo", "success", "holds", 0.5)
    sections = {
        "table1": section(claim("ilad", "success", "holds", 0.5), claim("ilad", "posture_rad", "not decided", 0.0)),
        "fig5": section(without_r_sim),
        "fig11": section({**without_r_sim, "claim": {**without_r_sim["claim"], "text": "the same of another figure"}}),
    }
    assert verdicts_told(sections, plan) == "Claims of the paper: 2 hold, 1 are not decided."
    assert verdicts_told({"fig4": section()}, plan) == "Claims of the paper: none is judged."
    differs = {"fig11": section({**without_r_sim, "verdict": "not decided"})}
    assert verdicts_told({**sections, **differs}, plan) == "Claims of the paper: 2 hold, 2 are not decided."


def test_what_is_decided_by_one_training_is_said_and_what_was_not_measured_does_not_count(plan: Plan) -> None:
    once = claim("ilad", "success", "holds", 0.5, is_of_one_training=True)
    found = section(
        claim("ppo", "success", "holds", 0.5), once, {**once, "verdict": "does not hold"},
        claim("ilad", "posture_rad", "not decided", 0.0, is_of_one_training=True),
        claim("ppo", "posture_rad", "not decided", 0.0, found=None),
    )  # fmt: skip
    assert verdicts_told({"table1": found}, plan) == (
        "Claims of the paper: 2 hold (1 of one training each), 1 do not hold (all of one training each), "
        "1 are not decided."
    )


def test_claims_about_rows_that_are_added_are_counted_apart(plan: Plan) -> None:
    added = replace(plan, methods={**plan.methods, "ilad": replace(plan.methods["ilad"], added=True)})
    found = section(
        claim("ppo", "success", "holds", 0.5), claim("ilad", "success", "does not hold", -0.1),
        claim("ilad", "translation_m", "does not hold", 0.01), ilad=0.0,
    )  # fmt: skip
    assert verdicts_told({"table1": found}, added) == (
        "Claims of the paper: 1 hold. About rows that are added here, on all tasks: 2 do not hold."
    )
    assert of_idle_hands(found, added) == ""
    assert of_idle_hands(found, plan).startswith("Among those of the paper that do not hold are 1 on")


def test_claims_on_tasks_that_the_paper_does_not_have_are_counted_apart(plan: Plan) -> None:
    both = replace(plan, tasks={"paper": (), "user": ()})
    found = section(
        claim("ppo", "success", "holds", 0.5), claim("ppo", "success", "not decided", 0.0, task="user"),
        claim("ilad", "success", "holds", 0.5, task="", split="training objects"),
    )  # fmt: skip
    assert verdicts_told({"table1": found}, both) == (
        "Claims of the paper: 1 hold. On learning and the course of an episode, of all tasks together: 1 hold. "
        "The same claims on tasks that the paper does not have: 1 are not decided."
    )


def test_what_an_ablation_is_a_part_less_of_is_the_papers(plan: Plan) -> None:
    whole = replace(plan.methods["ilad"], added=True)
    part = replace(plan.methods["ppo"], less_of="ilad")
    both = replace(plan, methods={**plan.methods, "ilad": whole, "ppo": part})
    told = claim("ppo", "success", "holds", 0.5)
    of_part = [
        {**told, "claim": {**told["claim"], "one": one, "other": other}}
        for one, other in (("ilad", "ppo"), ("ppo", "ilad"))
    ]
    assert verdicts_told({"fig5": section(*of_part)}, both) == "Claims of the paper: 2 hold."
    of_whole = claim("ilad", "success", "holds", 0.5)
    assert "added here, on all tasks: 1 hold" in verdicts_told({"fig5": section(of_whole)}, both)


def test_a_task_that_the_paper_does_not_have_has_no_idle_hands(plan: Plan) -> None:
    both = replace(plan, tasks={"paper": (), "user": ()})
    lost = claim("ppo", "translation_m", "does not hold", 0.01, task="user")
    assert of_idle_hands(section(lost, ppo=0.02), both) == ""


def test_hands_that_hardly_close_are_told_of_where_ours_moves_the_object_more(plan: Plan) -> None:
    found = section(
        claim("ppo", "translation_m", "does not hold", 0.01), claim("ppo", "rotation_cos", "does not hold", 0.01),
        claim("ppo", "posture_rad", "does not hold", 0.01), claim("ibs", "translation_m", "holds", -0.01),
        claim("ilad", "translation_m", "does not hold", 0.01),
        ppo=0.02, ibs=0.03, ilad=0.4,
    )  # fmt: skip
    assert of_idle_hands(found, plan) == (
        "Among those of the paper that do not hold are 2 on moving or turning the object less than a method that "
        "succeeds in under 10 % of the same episodes; what leaves an object alone does not move it."
    )
    assert of_idle_hands(section(claim("ilad", "translation_m", "does not hold", 0.01), ilad=0.4), plan) == ""
    assert of_idle_hands({"numbers": {}, "claims": []}, plan) == ""
