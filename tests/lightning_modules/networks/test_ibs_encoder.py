"""The encoder of bisector surfaces."""

import pytest
import torch

from lightning_modules.networks.ibs_encoder import IBSEncoder
from tests.envs.bisector.made_points import made_up_points


def encoder() -> IBSEncoder:
    torch.manual_seed(0)
    return IBSEncoder((0.0, -0.03, 0.085), num_parts=6, part_widths=(8, 8), whole_widths=(8, 12))


def test_the_order_of_points_does_not_matter() -> None:
    points, network = made_up_points([50, 30]), encoder()
    order = torch.cat([torch.randperm(50), 50 + torch.randperm(30)])
    assert torch.allclose(network(points), network(points.chosen(order)), atol=1e-6)


def test_a_hand_has_the_feature_that_it_has_alone() -> None:
    points, network = made_up_points([50, 0, 30]), encoder()
    together = network(points)
    assert together.shape == (3, network.feature_dim)
    for index in range(3):
        own = points.chosen(points.hand_index == index)
        alone = network(type(own)(**{**vars(own), "hand_index": torch.zeros_like(own.hand_index), "num_hands": 1}))
        assert torch.allclose(together[index], alone[0], atol=1e-6)


def test_hands_and_parts_without_points_have_zeros() -> None:
    points, network = made_up_points([60, 0]), encoder()
    feature = network(points.chosen(points.part != 2))
    assert torch.equal(feature[1], torch.zeros(network.feature_dim))
    highest, lowest = (feature[0, begin : begin + 48].view(6, 8) for begin in (0, 48))
    assert torch.equal(highest[2], torch.zeros(8))
    assert torch.equal(lowest[2], torch.zeros(8))
    assert (highest[[0, 1, 3, 4, 5]] > lowest[[0, 1, 3, 4, 5]]).any(1).all()


def test_the_maximum_of_a_part_is_that_of_its_points() -> None:
    points, network = made_up_points([40]), encoder()
    of_points = network.of_parts(network.columns(points))[points.part == 3]
    feature = network(points)[0]
    assert torch.allclose(feature[3 * 8 : 4 * 8], of_points.amax(0), atol=1e-6)
    assert torch.allclose(feature[48 + 3 * 8 : 48 + 4 * 8], of_points.amin(0), atol=1e-6)


def test_gradients_reach_both_networks() -> None:
    network = encoder()
    network(made_up_points([40, 0])).square().sum().backward()
    for parameter in network.parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0.0


def test_an_encoder_without_widths_is_refused() -> None:
    with pytest.raises(ValueError, match=r"part_widths of the IBS encoder are \[\]; give at least one width above 0"):
        IBSEncoder((0.0, 0.0, 0.0), 6, part_widths=())
