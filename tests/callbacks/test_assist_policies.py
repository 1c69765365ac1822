"""Which policies are compared."""

from typing import Any, cast

import numpy as np
import pytest

from callbacks import assist_policies
from callbacks.assist_policies import STEP_GRID, AssistingModule, compare_all, num_choices
from datamodules.rollouts.episodes_run import EpisodeRunner
from datamodules.rollouts.scripts import FixedStepClose
from envs.episodes import Episodes
from envs.hand.model import open_hand
from envs.targets import GraspTargets
from tests.callbacks.outcomes import made_up_outcome


class Direct:
    """A module without a primitive."""

    def policy(self) -> FixedStepClose:
        return FixedStepClose(open_hand(), 50)


class Residual(Direct):
    """A module with one."""

    def primitive_policy(self, start_step: int = 0) -> FixedStepClose:
        return FixedStepClose(open_hand(), start_step)


class Runner:
    """Finds that later is better until step 26."""

    def __init__(self) -> None:
        self.runs = 0

    def run(self, policy: FixedStepClose, episodes: Episodes) -> Any:
        self.runs += 1
        successes = policy.step if policy.step <= 26 else 0
        return made_up_outcome(["success"] * successes + ["never_touched"] * (50 - successes))


@pytest.fixture(autouse=True)
def no_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assist_policies, "nearest_grasp", lambda train: "nearest")
    monkeypatch.setattr(assist_policies, "scripted_close", lambda train, step: FixedStepClose(np.zeros(18), step))


def compared(module: AssistingModule, runner: Runner) -> assist_policies.ComparedPolicies:
    nothing: Any = None
    return compare_all(module, cast(GraspTargets, nothing), cast(EpisodeRunner, runner), cast(Episodes, nothing))


def test_all_policies_of_the_tables_are_there_in_their_order() -> None:
    result = compared(Residual(), Runner())
    assert list(result.policies) == [
        "ours", "primitive", "primitive_gated", "scripted_close", "blind_close", "nearest_grasp", "oracle",
    ]  # fmt: skip
    assert cast(FixedStepClose, result.policies["primitive"]).step == 0


def test_fixed_steps_are_chosen_by_success() -> None:
    runner = Runner()
    result = compared(Residual(), runner)
    for name in ("primitive_gated", "scripted_close", "blind_close"):
        assert result.choices[name].step == 26
        assert cast(FixedStepClose, result.policies[name]).step == 26
        assert result.choices[name].success[22] == 22 / 50
    assert runner.runs == num_choices(Residual()) == 3 * len(STEP_GRID)


def test_a_module_without_a_primitive_is_compared_without() -> None:
    runner = Runner()
    result = compared(Direct(), runner)
    assert list(result.policies) == ["ours", "scripted_close", "blind_close", "nearest_grasp", "oracle"]
    assert runner.runs == num_choices(Direct()) == 2 * len(STEP_GRID)
