"""Success, posture and diversity."""

import pytest
import torch

from callbacks.metrics.measures import PostureError, SuccessRate, posture_error, sample_diversity


def test_success_is_the_share_of_lifted_grasps_over_all_updates() -> None:
    rate = SuccessRate()
    rate.update(torch.tensor([True, False]))
    rate.update(torch.tensor([True, True, True, False, True, True]))
    assert rate.compute().item() == pytest.approx(6 / 8)
    rate.reset()
    rate.update(torch.tensor([0.0, 1.0]))
    assert rate.compute().item() == 0.5


def test_posture_is_the_distance_over_all_joints() -> None:
    target = torch.zeros(2, 18)
    joints = target.clone()
    joints[0, :2] = torch.tensor([0.3, 0.4])
    torch.testing.assert_close(posture_error(joints, target), torch.tensor([0.5, 0.0]))


def test_posture_error_averages_over_grasps_and_not_over_updates() -> None:
    metric, far = PostureError(), torch.zeros(1, 18)
    far[0, 5] = 0.8
    metric.update(far, torch.zeros(1, 18))
    metric.update(torch.zeros(3, 18), torch.zeros(3, 18))
    assert metric.compute().item() == pytest.approx(0.2)


def test_different_shapes_are_named() -> None:
    with pytest.raises(ValueError, match=r"joint_pos \(2, 18\) and target \(2, 17\) differ in shape"):
        posture_error(torch.zeros(2, 18), torch.zeros(2, 17))


def test_diversity_is_the_mean_distance_between_samples_of_a_cloud() -> None:
    samples = torch.zeros(2, 3, 18)
    samples[0, :, 0] = torch.tensor([0.0, 0.3, 0.9])
    # pairs 0.3, 0.6 and 0.9 apart; the second cloud has three times the same
    torch.testing.assert_close(sample_diversity(samples), torch.tensor([0.6, 0.0]), atol=1e-5, rtol=0.0)  # cdist


@pytest.mark.parametrize("shape", [(3, 18), (2, 1, 18)])
def test_one_sample_has_no_diversity(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected \(G, S, 18\) with S at least 2"):
        sample_diversity(torch.zeros(shape))
