"""Maxima and their gradients, and flattened indices, against plain torch."""

import torch

from lightning_modules.networks.point_ops import flat_index, max_over_neighbours, max_over_segments


def test_maximum_and_gradient_equal_torch_without_ties() -> None:
    groups = torch.randn(7, 5, 3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(7, 3, dtype=torch.float64)
    (ours,) = torch.autograd.grad((max_over_neighbours(groups) * weight).sum(), groups)
    (plain,) = torch.autograd.grad((groups.max(1).values * weight).sum(), groups)
    assert torch.equal(max_over_neighbours(groups), groups.max(1).values)
    assert torch.equal(ours, plain)


def test_gradient_equals_finite_differences() -> None:
    groups = torch.randn(3, 4, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(max_over_neighbours, (groups,))


def test_ties_share_the_gradient() -> None:
    # Rows 0 and 2 hold the maximum 5: half of the gradient 8 each.
    groups = torch.tensor([[[5.0], [1.0], [5.0]]], requires_grad=True)
    max_over_neighbours(groups).backward(torch.tensor([[8.0]]))
    assert groups.grad is not None
    assert groups.grad.flatten().tolist() == [4.0, 0.0, 4.0]


def test_segments_in_any_order_have_the_maximum_and_gradient_of_torch() -> None:
    generator = torch.Generator().manual_seed(0)
    # few different numbers, so that some tie; no row is of segment 3
    rows = torch.randint(4, (60, 5), generator=generator).double().requires_grad_()
    segment = torch.tensor([0, 1, 2, 4])[torch.randint(4, (60,), generator=generator)]
    weight = torch.randn(5, 5, dtype=torch.float64, generator=generator)
    place = segment[:, None].expand_as(rows)
    plain = rows.new_zeros(5, 5).scatter_reduce(0, place, rows, "amax", include_self=False)
    (expected,) = torch.autograd.grad((plain * weight).sum(), rows)
    ours = max_over_segments(rows, segment, 5)
    (found,) = torch.autograd.grad((ours * weight).sum(), rows)
    assert torch.equal(ours, plain)
    assert ours[3].tolist() == [0.0] * 5
    assert torch.allclose(found, expected, rtol=1e-12, atol=0.0)  # a sum over those that tie, in another order


def test_flat_index_offsets_every_cloud() -> None:
    index = torch.tensor([[[0, 2]], [[1, 0]]])  # (B=2, M=1, K=2) into clouds of 10 points
    assert flat_index(index, 10).tolist() == [0, 2, 11, 10]
    points = torch.randn(2, 10, 3)
    picked = points.flatten(0, 1)[flat_index(index, 10)].view(2, 1, 2, 3)
    assert torch.equal(picked[1, 0, 0], points[1, 1])
