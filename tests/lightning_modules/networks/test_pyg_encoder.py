"""PyTorch Geometric's PointNetConv computes what our own set abstraction does, forward and backward."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lightning_modules.networks.point_encoders import PAPER_LEVELS, PointNet2Encoder, SetAbstractionSize
from lightning_modules.networks.pyg_encoder import PointNetConvEncoder

LEVELS = (SetAbstractionSize(24, 0.04, 6, (8, 12, 9)), SetAbstractionSize(8, 0.1, 5, (12, 10, 16)))


def clouds(num_clouds: int = 3, num_points: int = 90) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return 0.1 * torch.rand(num_clouds, num_points, 3, generator=generator, dtype=torch.float64)


def twins(levels: tuple[SetAbstractionSize, ...] = LEVELS) -> tuple[PointNet2Encoder, PointNetConvEncoder]:
    """Ours, and the library's with its weights."""
    torch.manual_seed(0)
    ours = PointNet2Encoder(levels, global_widths=(16, 20), feature_widths=(14, 10)).double()
    theirs = PointNetConvEncoder(levels, global_widths=(16, 20), feature_widths=(14, 10)).double()
    theirs.take_weights_of(ours)
    return ours, theirs


@pytest.mark.parametrize("levels", [LEVELS, LEVELS[:1]])
def test_the_feature_is_that_of_our_encoder(levels: tuple[SetAbstractionSize, ...]) -> None:
    (ours, theirs), points = twins(levels), clouds()
    assert theirs.grouping_spec == ours.grouping_spec
    expected = ours(points)
    assert expected.std() > 0.01
    torch.testing.assert_close(theirs(points), expected)
    torch.testing.assert_close(theirs(points, theirs.grouping_spec.build(points)), expected)


def test_gradients_are_those_of_our_encoder() -> None:
    (ours, theirs), points = twins(), clouds()
    weight = torch.randn(3, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for encoder in (ours, theirs):
        (encoder(points) * weight).sum().backward()
    # gradients in the place of weights are brought into the library's order as weights are
    like, expected = twins()
    for own, source in zip(like.parameters(), ours.parameters(), strict=True):
        assert source.grad is not None
        own.data = source.grad
    expected.take_weights_of(like)
    for (name, gradient), found in zip(expected.named_parameters(), theirs.parameters(), strict=True):
        assert found.grad is not None, name
        torch.testing.assert_close(found.grad, gradient.data, msg=name)


def test_the_paper_s_sizes_are_the_default() -> None:
    paper = PointNet2Encoder(PAPER_LEVELS, global_widths=(256, 512, 1024), feature_widths=(1024, 512))
    theirs = PointNetConvEncoder()
    theirs.take_weights_of(paper)
    points = clouds(2, 600).float()
    assert theirs.feature_dim == 512
    with torch.no_grad():
        # float32, sums of up to 1024 terms
        torch.testing.assert_close(theirs(points), paper(points), atol=1e-5, rtol=1e-4)


def test_senseless_sizes_and_weights_of_other_sizes_are_refused() -> None:
    _, theirs = twins()
    with pytest.raises(ValueError, match=r"PointNetConvEncoder got levels \(\), .* needs at least one level"):
        PointNetConvEncoder(levels=())
    with pytest.raises(ValueError, match=r"the encoders have layers of .* give both the same levels and widths"):
        theirs.take_weights_of(PointNet2Encoder())


@pytest.mark.parametrize("given", [lambda points: points[0], lambda points: points.long()])
def test_wrong_clouds_are_refused(given: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(ValueError, match="points_h has"):
        twins()[1](given(clouds()))


def test_groups_of_another_batch_are_refused() -> None:
    _, theirs = twins()
    with pytest.raises(ValueError, match=r"2 levels of 2 clouds, the network 2 levels and the batch 3 clouds"):
        theirs(clouds(), theirs.grouping_spec.build(clouds(2)))
