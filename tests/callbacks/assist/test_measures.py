"""Success, posture and stability of episodes."""

from dataclasses import replace

import numpy as np
import pytest

from callbacks.assist.measures import AssistMeasures
from tests.callbacks.outcomes import made_up_outcome


def test_measures_are_those_of_the_last_episodes_alone() -> None:
    measures = AssistMeasures()
    assert measures.measure(made_up_outcome(["success", "never_touched", "success", "diverged"]))["success"] == 0.5
    values = measures.measure(made_up_outcome(["success", "success"], posture=0.5, translation=0.25))
    # posture 0.5, 1.5; translation 0.25, 1.25; turned 0, 0.1
    assert values == pytest.approx(
        {"success": 1.0, "posture_rad": 1.0, "translation_m": 0.75, "translation_median_m": 0.25, "rotation_cos": 0.05}
    )


def test_movements_that_are_no_grasp_do_not_count_as_success() -> None:
    outcome = replace(made_up_outcome(["success", "pushed_away", "success"]), is_grasp=np.array([True, False, False]))
    values = AssistMeasures().measure(outcome)
    assert (values["success"], values["disturbed"]) == (1.0, 0.5)


def test_one_thrown_object_moves_the_mean_and_not_the_median() -> None:
    outcome = made_up_outcome(["success"] * 3)
    outcome.translation_m[:] = [0.01, 2.97, 0.02]
    values = AssistMeasures().measure(outcome)
    assert values["translation_m"] == pytest.approx(1.0)  # (0.01 + 0.02 + 2.97) / 3
    assert values["translation_median_m"] == 0.02  # in double precision


def test_measures_that_agree_once_stay_apart() -> None:
    measures, still = AssistMeasures(), made_up_outcome(["success"])
    still.translation_m[:] = still.rotation_cos[:] = still.posture_rad[:] = 1.0
    assert set(measures.measure(still).values()) == {1.0}
    still.translation_m[:] = np.array([0.5])
    assert measures.measure(still)["posture_rad"] == 1.0
