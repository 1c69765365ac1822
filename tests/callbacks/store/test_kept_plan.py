"""A folder holds the results of one test only."""

import json
import logging
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from callbacks.store.kept_plan import PLAN_FILE, hold_to_plan
from callbacks.store.result_files import ResultFiles
from datamodules.rollouts.plans import PosesPlan, SpreadPlan
from envs.task.settings import TaskSettings
from envs.wrist.user_movement import UserMovement

PLAN: dict[str, Any] = {"plan": SpreadPlan(2), "seeds": (0,), "task": TaskSettings(), "noise": None}


@pytest.fixture
def tested(tmp_path: Path) -> Path:
    """A folder in which a test of PLAN was killed, before it wrote its numbers."""
    hold_to_plan(tmp_path, PLAN)
    ResultFiles(tmp_path / "episodes").save("unseen/ours_0", {"x": np.arange(3)}, {})
    return tmp_path


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"plan": SpreadPlan(3)}, "plan.num_episodes is 3, theirs was 2"),
        ({"plan": PosesPlan(2)}, "plan is PosesPlan, theirs was SpreadPlan"),
        ({"seeds": (3, 4)}, "seeds is [3, 4], theirs was [0]"),
        ({"task": TaskSettings(movement=UserMovement())}, "task.movement is UserMovement, theirs was none"),
        ({"noise": {"wrist_lost": 0.2}}, "noise is {'wrist_lost': 0.2}, theirs was none"),
    ],
)
def test_another_plan_is_refused_by_what_differs(changed: dict[str, Any], told: str, tested: Path) -> None:
    before = (tested / PLAN_FILE).read_bytes()
    whole = (
        f"{tested} holds the results of another test, with which those of this one would be mixed: {told}. Give "
        "another --trainer.default_root_dir, or delete episodes there to begin anew"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(whole)}$"):
        hold_to_plan(tested, {**PLAN, **changed})
    assert (tested / PLAN_FILE).read_bytes() == before


def test_the_same_plan_goes_on_and_may_get_seeds(tested: Path) -> None:
    hold_to_plan(tested, PLAN)
    hold_to_plan(tested, {**PLAN, "seeds": (0, 1)})
    with pytest.raises(ValueError, match=r"seeds is \[0\], theirs was \[0, 1\]"):  # the second would stay
        hold_to_plan(tested, PLAN)


def test_numbers_alone_are_results_too(tmp_path: Path) -> None:
    hold_to_plan(tmp_path, PLAN)
    (tmp_path / "metrics.json").write_text("{}")
    with pytest.raises(ValueError, match=r"or delete metrics\.json there"):
        hold_to_plan(tmp_path, {**PLAN, "plan": SpreadPlan(3)})


def test_a_test_that_kept_nothing_holds_up_no_other(tmp_path: Path) -> None:
    hold_to_plan(tmp_path, PLAN)
    hold_to_plan(tmp_path, {**PLAN, "plan": SpreadPlan(3)})
    assert json.loads((tmp_path / PLAN_FILE).read_text())["plan"]["num_episodes"] == 3


def test_many_differences_are_counted(tested: Path) -> None:
    other = dict.fromkeys((*PLAN, "grasps"), "another")
    with pytest.raises(ValueError, match=r"noise is another, theirs was none; and 1 more\. Give another"):
        hold_to_plan(tested, other)


@pytest.mark.parametrize("content", [None, "{", "[]"])
def test_results_without_a_plan_are_told_of(
    content: str | None, tested: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tested / PLAN_FILE).unlink()
    if content is not None:
        (tested / PLAN_FILE).write_text(content)
    with caplog.at_level(logging.WARNING):
        hold_to_plan(tested, PLAN)
    assert f"{tested} holds results of a test that did not note its plan (test_plan.json)" in caplog.text
    caplog.clear()
    hold_to_plan(tested, PLAN)
    assert caplog.text == ""
