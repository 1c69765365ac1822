"""Success, posture and stability of episodes."""

import pytest
import torch

from callbacks.metrics.assist_measures import EpisodePosture, EpisodeSuccess, ObjectStability
from tests.callbacks.outcomes import made_up_outcome


def test_success_is_the_share_of_all_batches() -> None:
    metric = EpisodeSuccess()
    metric.update_from(made_up_outcome(["success", "never_touched", "success"]))
    metric.update_from(made_up_outcome(["diverged"]))
    assert float(metric.compute()) == 0.5
    metric.reset()
    metric.update_from(made_up_outcome(["success"]))
    assert float(metric.compute()) == 1.0


def test_posture_is_the_mean_distance() -> None:
    metric = EpisodePosture()
    metric.update_from(made_up_outcome(["success", "success"], posture=0.5))  # 0.5 and 1.5
    metric.update_from(made_up_outcome(["never_touched"], posture=4.0))
    assert float(metric.compute()) == pytest.approx(2.0)


def test_one_thrown_object_moves_the_mean_and_not_the_median() -> None:
    metric = ObjectStability()
    metric.update(torch.tensor([0.01, 0.02]), torch.tensor([0.0, 0.1]))
    metric.update(torch.tensor([2.97]), torch.tensor([1.1]))
    values = metric.compute()
    assert float(values["translation_m"]) == pytest.approx(1.0, abs=1e-6)  # (0.01 + 0.02 + 2.97) / 3
    assert float(values["translation_median_m"]) == pytest.approx(0.02, abs=1e-6)
    assert float(values["rotation_cos"]) == pytest.approx(0.4, abs=1e-6)


def test_stability_needs_pairs() -> None:
    with pytest.raises(ValueError, match=r"translation_m \(2,\) and rotation_cos \(3,\) differ in shape"):
        ObjectStability().update(torch.zeros(2), torch.zeros(3))
