"""Which policies are compared."""

from typing import Any, cast

import numpy as np
import pytest

from callbacks.assist import policies as assist_policies
from callbacks.assist.policies import (
    OF_A_PRIMITIVE,
    POLICIES,
    AssistingModule,
    ComparedPolicies,
    ComparedPolicy,
    TrainingEpisodes,
    available_policies,
    check_policies,
    compared_policies,
    num_choices,
    steps_to_choose,
)
from callbacks.assist.trigger_choice import TriggerGrid
from datamodules.baselines.scripts import FixedStepClose
from datamodules.rollouts.policy import FingerPolicy
from datamodules.rollouts.runner import STEP_GRID
from envs.conventions import CONTROL_DT
from envs.hand.shadow import shadow_hand
from lightning_modules.policy.trigger import Trigger
from tests.assisting import made_up_targets, sampler
from tests.callbacks.assistant import Assistant
from tests.callbacks.outcomes import made_up_outcome

HAND = shadow_hand()

pytestmark = pytest.mark.usefixtures("fast_objects")


class Direct:
    """A module without a primitive."""

    def policy(self) -> FixedStepClose:
        return FixedStepClose(HAND, HAND.open_pose.copy(), 50)


class Residual(Direct):
    """A module with one."""

    has_primitive = True

    def primitive_policy(self, start_step: int = 0) -> FixedStepClose:
        return FixedStepClose(HAND, HAND.open_pose.copy(), start_step)

    def triggered_policy(self, trigger: Trigger, period_s: float = CONTROL_DT) -> FixedStepClose:
        return FixedStepClose(HAND, HAND.open_pose.copy(), round(100 * trigger.distance_m))


class Runner:
    """Finds that later is better until step 26."""

    def __init__(self) -> None:
        self.runs = 0
        self.names: list[str] = []

    def run(self, name: str, policy: ComparedPolicy, episodes: Any) -> Any:
        self.runs += 1
        self.names.append(name)
        assert name.startswith("choice/")
        step = step_of(policy)
        successes = step if step <= 26 else 0
        return made_up_outcome(["success"] * successes + ["never_touched"] * (50 - successes))


@pytest.fixture(autouse=True)
def no_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assist_policies, "nearest_grasp", lambda train: "nearest")


def compared(
    module: AssistingModule, runner: Runner, names: tuple[str, ...] | None = None, *, made_of: str = "", **more: Any
) -> ComparedPolicies:
    """The named policies; training episodes are made where they are needed and none are given."""
    targets = made_up_targets()
    more.setdefault("triggers", TriggerGrid([0.05], [1.0], [0.0]))
    training = more.pop("training", TrainingEpisodes(targets, sampler(targets).of_rows(np.arange(2))))
    chosen = available_policies(module, names)
    return compared_policies(HAND, module, chosen, {"weights": made_of}, training=training, run=runner.run, **more)


def step_of(policy: ComparedPolicy) -> int:
    return cast(FixedStepClose, policy.policy).step


def test_all_policies_of_the_tables_are_there_in_their_order() -> None:
    result = compared(Residual(), Runner())
    assert tuple(result.policies) == POLICIES
    assert step_of(result.policies["primitive"]) == 0


def test_fixed_steps_are_chosen_by_success() -> None:
    runner = Runner()
    result = compared(Residual(), runner)
    for name in ("primitive_gated", "scripted_close", "blind_close"):
        assert result.choices[name].step == 26
        assert step_of(result.policies[name]) == 26
        assert result.choices[name].success[22] == 22 / 50
    assert runner.runs == 3 * len(STEP_GRID)


def test_steps_that_are_given_are_not_chosen() -> None:
    runner = Runner()
    result = compared(Residual(), runner, ("primitive_gated", "blind_close"), fixed_steps={"primitive_gated": 30})
    assert step_of(result.policies["primitive_gated"]) == 30
    assert set(result.choices) == {"blind_close"}
    assert runner.runs == len(STEP_GRID)
    assert steps_to_choose(POLICIES, {"scripted_close": 20}) == ["primitive_gated", "blind_close"]


def test_thresholds_are_chosen_by_success() -> None:
    runner, grid = Runner(), TriggerGrid([0.1, 0.2, 0.26, 0.3], [0.5, 1.0], [0.0])
    result = compared(Residual(), runner, ("primitive_triggered",), triggers=grid)
    assert result.trigger is not None
    assert result.trigger.trigger == Trigger(0.26)
    assert step_of(result.policies["primitive_triggered"]) == 26
    assert result.choices == {}
    assert len(set(runner.names)) == runner.runs == num_choices(("primitive_triggered",), STEP_GRID, {}, grid) == 5
    assert runner.names[0] == "choice/primitive_triggered_0.26_1_0"


def test_thresholds_that_are_known_are_not_chosen() -> None:
    runner = Runner()
    result = compared(Residual(), runner, ("primitive_triggered",), triggers=TriggerGrid([0.2], [1.0], [0.0]))
    assert result.trigger is None
    assert runner.runs == 0
    assert step_of(result.policies["primitive_triggered"]) == 20


def test_few_policies_need_no_training_grasps() -> None:
    runner = Runner()
    result = compared(Residual(), runner, ("oracle", "primitive", "ours"), training=None)
    assert tuple(result.policies) == ("ours", "primitive", "oracle")
    assert runner.runs == 0


def test_the_policy_without_its_residual_is_measured_where_it_is_asked_for() -> None:
    class WithResidual(Assistant):
        def policy_without_residual(self) -> FingerPolicy:
            return self.policy()

    assert "without_residual" not in available_policies(WithResidual(), None)
    assert available_policies(WithResidual(), ["without_residual", "ours"]) == ("ours", "without_residual")
    with pytest.raises(ValueError, match="policies name without_residual, but Assistant has no residual that it"):
        available_policies(Assistant(), ["without_residual"])


def test_a_module_without_a_primitive_is_compared_without() -> None:
    assert tuple(compared(Direct(), Runner()).policies) == (
        "ours", "scripted_close", "blind_close", "nearest_grasp", "oracle",
    )  # fmt: skip
    with pytest.raises(ValueError, match="policies name primitive, but Direct has no primitive; take them out"):
        available_policies(Direct(), ("ours", "primitive"))


def test_policies_say_what_they_are_made_of() -> None:
    def made_of(**options: Any) -> dict[str, Any]:
        return {name: each.made_of for name, each in compared(Residual(), Runner(), **options).policies.items()}

    one = made_of(made_of="a")
    assert one == made_of(made_of="a")
    assert one["primitive_gated"] == {"policy": "primitive_gated", "start_step": 26, "source": {"weights": "a"}}
    other_weights = made_of(made_of="b")
    assert [name for name in POLICIES if one[name] != other_weights[name]] == ["ours", *OF_A_PRIMITIVE]
    other_rule = made_of(made_of="a", triggers=TriggerGrid([0.06], [1.0], [0.0]))
    assert [name for name in POLICIES if one[name] != other_rule[name]] == ["primitive_triggered"]
    other_period = made_of(made_of="a", period_s=0.05)
    assert [name for name in POLICIES if one[name] != other_period[name]] == ["primitive_triggered"]
    targets = made_up_targets((2, 2))
    training = TrainingEpisodes(targets, sampler(targets).of_rows(np.arange(2)))
    other_grasps = made_of(made_of="a", training=training)
    assert [name for name in POLICIES if one[name] != other_grasps[name]] == ["scripted_close", "nearest_grasp"]


@pytest.mark.parametrize("names", [("theirs",), (), ("ours", "ours")])
def test_senseless_names_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"give some of ours, primitive, .*, oracle, without_residual, each once"):
        check_policies(names)
