"""The maximum and its gradient, and flattened indices, against plain torch."""

import torch

from lightning_modules.networks.point_ops import flat_index, max_over_neighbours


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


def test_flat_index_offsets_every_cloud() -> None:
    index = torch.tensor([[[0, 2]], [[1, 0]]])  # (B=2, M=1, K=2) into clouds of 10 points
    assert flat_index(index, 10).tolist() == [0, 2, 11, 10]
    points = torch.randn(2, 10, 3)
    picked = points.flatten(0, 1)[flat_index(index, 10)].view(2, 1, 2, 3)
    assert torch.equal(picked[1, 0, 0], points[1, 1])
