"""The search for thresholds."""

import json
from typing import Any

import pytest

from callbacks.assist.trigger_choice import TriggerGrid, choose_trigger
from envs.task.outcomes import EpisodeOutcome
from lightning_modules.policy.trigger import ANY_DISTANCE, Trigger
from tests.callbacks.outcomes import made_up_outcome


def lifts(successes: float) -> EpisodeOutcome:
    """So many of 1000 episodes."""
    count = round(successes)
    return made_up_outcome(["success"] * count + ["let_go"] * (1000 - count))


def best_at(distance: float, share: float, per_speed: float) -> Any:
    """Success that falls with the distance from an optimum."""

    def outcome_at(trigger: Trigger) -> EpisodeOutcome:
        off = abs(trigger.distance_m - distance) + abs(trigger.slow_share - share)
        return lifts(900 - 400 * min(2.0, off + abs(trigger.per_speed_s - per_speed)))

    return outcome_at


def test_an_optimum_of_the_grid_is_found_with_few_tries() -> None:
    grid = TriggerGrid()
    choice = choose_trigger(best_at(0.045, 0.5, 0.05), grid)
    assert choice.trigger == Trigger(0.045, 0.5, 0.05)
    assert choice.success[choice.trigger] == 0.9
    assert len(choice.success) == len(grid) == 17
    assert choice.on_edge == ()


def test_an_optimum_outside_is_told() -> None:
    choice = choose_trigger(best_at(0.01, 0.5, 0.5), TriggerGrid())
    assert choice.trigger == Trigger(0.03, 0.5, 0.1)
    assert choice.on_edge == ("distance_m", "per_speed_s")


def test_ends_without_a_condition_are_no_edges() -> None:
    choice = choose_trigger(best_at(ANY_DISTANCE, 1.0, 0.0), TriggerGrid())
    assert choice.trigger == Trigger(ANY_DISTANCE, 1.0, 0.0)
    assert choice.on_edge == ()


def test_the_first_of_equals_is_distance_alone() -> None:
    choice = choose_trigger(lambda _: lifts(500), TriggerGrid())
    assert choice.trigger == TriggerGrid().first() == Trigger(0.07, 1.0, 0.0)


def test_a_choice_is_written_with_all_that_was_tried() -> None:
    grid = TriggerGrid([0.05, 0.1], [1.0], [0.0])
    written = json.loads(json.dumps(choose_trigger(best_at(0.05, 1.0, 0.0), grid).as_dict()))
    assert (written["distance_m"], written["success"], written["on_edge"]) == (0.05, 0.9, ["distance_m"])
    assert [row["distance_m"] for row in written["tried"]] == [0.1, 0.05]
    assert written["tried"][0]["success"] == 0.88  # 0.9 - 0.4 * 0.05


@pytest.mark.parametrize("values", [[], [0.1, 0.05], [0.05, 0.05]])
def test_a_grid_without_order_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"distance_m of the trigger's grid is .*; give at least one value, ascending"):
        TriggerGrid(distance_m=values)


def test_a_grid_of_senseless_thresholds_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a trigger has distance_m 0\.05 and slow_share 2"):
        TriggerGrid([0.05], [0.5, 2.0])
    with pytest.raises(ValueError, match=r"per_speed_s is inf; a finite number is needed"):
        TriggerGrid(per_speed_s=(0.0, float("inf")))
