"""Encoders against the plain formulation, their invariances and gradients."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from jsonargparse import ArgumentParser
from torch import Tensor, nn

from envs.geometry.point_grouping import CloudGrouping, GroupingLevel
from lightning_modules.networks.point_encoders import (
    PAPER_LEVELS,
    PointEncoder,
    PointNet2Encoder,
    PointNetEncoder,
    SetAbstractionSize,
)

LEVELS = (SetAbstractionSize(24, 0.04, 6, (8, 12)), SetAbstractionSize(8, 0.1, 5, (12, 10, 16)))


def small_pointnet2() -> PointNet2Encoder:
    return PointNet2Encoder(LEVELS, global_widths=(16, 20), feature_widths=(14, 10)).double()


def small_pointnet() -> PointNetEncoder:
    return PointNetEncoder(widths=(8, 16, 24), feature_widths=(12, 10)).double()


def clouds(num_clouds: int = 3, num_points: int = 90) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return 0.1 * torch.rand(num_clouds, num_points, 3, generator=generator, dtype=torch.float64)


def permuted(points: Tensor, grouping: CloudGrouping) -> tuple[Tensor, CloudGrouping]:
    """The same clouds and grouping with the points of each cloud in another order."""
    order = torch.randperm(points.shape[1], generator=torch.Generator().manual_seed(1))
    place = torch.argsort(order)  # new position of each old point
    first, *later = grouping.levels
    moved = GroupingLevel(place[first.centre_index], place[first.neighbour_index])
    return points[:, order], CloudGrouping((moved, *later))


def test_pointnet2_does_not_depend_on_the_order_of_points() -> None:
    encoder, points = small_pointnet2(), clouds()
    grouping = encoder.grouping_spec.build(points)
    torch.testing.assert_close(encoder(*permuted(points, grouping)), encoder(points, grouping))


def test_pointnet_does_not_depend_on_the_order_of_points() -> None:
    encoder, points = small_pointnet(), clouds()
    torch.testing.assert_close(encoder(points.flip(1)), encoder(points))


@pytest.mark.parametrize("encoder", [small_pointnet2(), small_pointnet()], ids=["pointnet2", "pointnet"])
def test_feature_depends_on_where_the_cloud_lies(encoder: PointEncoder) -> None:
    points = clouds()
    assert not torch.allclose(encoder(points), encoder(points + 0.02), atol=1e-3)


@pytest.mark.parametrize("encoder", [small_pointnet2(), small_pointnet()], ids=["pointnet2", "pointnet"])
def test_clouds_of_a_batch_do_not_mix(encoder: PointEncoder) -> None:
    points = clouds(11)
    features = encoder(points)
    assert features.shape == (11, encoder.feature_dim)
    torch.testing.assert_close(features[9:10], encoder(points[9:10]))


@pytest.mark.parametrize("encoder", [small_pointnet2(), small_pointnet()], ids=["pointnet2", "pointnet"])
def test_gradient_reaches_every_parameter(encoder: PointEncoder) -> None:
    encoder(clouds()).square().sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_chunks_do_not_change_the_feature() -> None:
    encoder, points = small_pointnet2(), clouds(7)
    grouping = encoder.grouping_spec.build(points)
    encoder.clouds_per_chunk = 3
    in_chunks = encoder(points, grouping)
    encoder.clouds_per_chunk = 100
    torch.testing.assert_close(in_chunks, encoder(points, grouping))


def test_grouping_is_built_when_none_is_given() -> None:
    encoder, points = small_pointnet2(), clouds()
    assert torch.equal(encoder(points), encoder(points, encoder.grouping_spec.build(points)))


def test_pointnet_winners_give_the_plain_feature_and_gradient() -> None:
    encoder, points = small_pointnet(), clouds()

    def plain() -> Tensor:
        hidden = 10.0 * points
        for layer in encoder.before:
            hidden = layer(hidden).relu()
        return encoder.feature_mlp(encoder.last(hidden).max(1).values)

    torch.testing.assert_close(encoder(points), plain())
    with torch.no_grad():
        torch.testing.assert_close(encoder(points), plain())
    weight = torch.randn(3, 10, dtype=torch.float64)
    ours = torch.autograd.grad((encoder(points) * weight).sum(), list(encoder.parameters()))
    expected = torch.autograd.grad((plain() * weight).sum(), list(encoder.parameters()))
    for a, b in zip(ours, expected, strict=True):
        torch.testing.assert_close(a, b)


def test_paper_sizes() -> None:
    encoder = PointNet2Encoder(PAPER_LEVELS, global_widths=(256, 512, 1024), feature_widths=(1024, 512))
    first, second = encoder.grouping_spec.levels
    assert (first.num_centres, first.radius, first.max_neighbours) == (512, 0.04, 32)
    assert (second.num_centres, second.radius, second.max_neighbours) == (256, 0.1, 16)
    linears = [(m.in_features, m.out_features) for m in encoder.modules() if isinstance(m, nn.Linear)]
    # 6 = relative and absolute coordinates; 134 = 6 + 128 features; 259 = 3 + 256.
    assert linears == [
        (6, 64), (64, 64), (64, 128), (134, 128), (128, 128), (128, 256), (259, 256), (256, 512), (512, 1024),
        (1024, 1024), (1024, 512),
    ]  # fmt: skip


def test_bf16_autocast_trains() -> None:
    encoder = PointNet2Encoder(LEVELS, global_widths=(16, 20), feature_widths=(10,))
    points = clouds().float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        feature = encoder(points)
    feature.float().square().sum().backward()
    # bf16 keeps 8 bits: a hundredth of the size after a few layers.
    torch.testing.assert_close(feature.float(), encoder(points), atol=0.05, rtol=0.05)
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in encoder.parameters())


def test_sizes_can_be_given_as_configuration() -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(PointEncoder, "encoder")
    level = {"num_centres": 16, "radius": 0.05, "max_neighbours": 4, "widths": [8, 8]}
    config = {
        "class_path": "lightning_modules.networks.point_encoders.PointNet2Encoder",
        "init_args": {"levels": [level], "global_widths": [16], "feature_widths": [12]},
    }
    encoder = parser.instantiate(parser.parse_object({"encoder": config})).encoder
    assert isinstance(encoder, PointNet2Encoder)
    assert encoder(clouds().float()).shape == (3, 12)


def test_wrong_shapes_and_dtypes_are_named() -> None:
    with pytest.raises(ValueError, match=r"points_h has shape \(3, 90\); expected \(B, N, 3\)"):
        small_pointnet2()(torch.zeros(3, 90))
    with pytest.raises(ValueError, match=r"points_h has dtype torch.int64"):
        small_pointnet()(torch.zeros(3, 90, 3, dtype=torch.long))


def test_grouping_of_another_batch_is_refused() -> None:
    encoder, points = small_pointnet2(), clouds()
    with pytest.raises(ValueError, match=r"2 levels of 2 clouds, the network 2 levels and the batch 3 clouds"):
        encoder(points, encoder.grouping_spec.build(points[:2]))


def test_senseless_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"needs at least one level, two widths"):
        PointNet2Encoder((SetAbstractionSize(4, 0.1, 4, (8,)),))
    with pytest.raises(ValueError, match=r"clouds_per_chunk is 0"):
        PointNet2Encoder(clouds_per_chunk=0)
    with pytest.raises(ValueError, match=r"at least one width in every MLP"):
        PointNetEncoder(widths=())
    with pytest.raises(ValueError, match=r"got widths \(8, 0\) .* of at least 1"):
        PointNetEncoder(widths=(8, 0))
    with pytest.raises(ValueError, match=r"global_widths \(0,\) .* of at least 1"):
        PointNet2Encoder(global_widths=(0,))


@pytest.mark.parametrize("kind", [PointNetEncoder, PointNet2Encoder])
@pytest.mark.parametrize("scale", [0.0, float("nan")])
def test_points_that_all_look_the_same_are_refused(kind: Callable[..., Any], scale: float) -> None:
    with pytest.raises(ValueError, match=f"input_scale is {scale}; a finite number above 0 is needed"):
        kind(input_scale=scale)
