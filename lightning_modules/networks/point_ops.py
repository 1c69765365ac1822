"""Operations on groups of points that plain torch does slowly on a CPU."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def max_over_neighbours(groups: Tensor) -> Tensor:
    """Largest value of each channel over the neighbours, (G, K, C) -> (G, C).

    The gradient goes to the winners only, in equal parts where several tie: padded neighbourhoods repeat a point, and
    equal parts give that point what it would get alone. ``max(dim)`` also works out indices that nobody reads, and the
    backward of ``amax`` is slow: either makes forward and backward of the compact encoder a fifth slower (64 clouds,
    one AVX2 core).
    """
    if torch.compiler.is_exporting():
        return groups.amax(1)
    result: Tensor = _MaxOverNeighbours.apply(groups)
    return result


class _MaxOverNeighbours(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, groups: Tensor) -> Tensor:
        largest = groups.amax(1)
        ctx.save_for_backward(groups, largest)
        return largest

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        groups, largest = ctx.saved_tensors
        # Comparing straight into floats takes a quarter of the time of a bool mask that is then converted.
        winners = torch.empty_like(groups)
        torch.eq(groups, largest[:, None], out=winners)
        return winners.mul_((grad / winners.sum(1))[:, None])


def max_over_segments(rows: Tensor, segment: Tensor, num_segments: int) -> Tensor:
    """Largest value of each channel over the rows of each segment, (M, C) -> (G, C); zeros of a segment without rows.

    The gradient is that of ``scatter_reduce``, equal parts for winners that tie; its own backward goes element by
    element, this one by whole rows, which is faster.

    Args:
        rows: (M, C).
        segment: of each row (M,) int64, in any order.
        num_segments: G.
    """
    result: Tensor = _MaxOverSegments.apply(rows, segment, num_segments)
    return result


class _MaxOverSegments(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, segment: Tensor, num_segments: int) -> Tensor:
        place = segment[:, None].expand_as(rows)
        largest = rows.new_zeros(num_segments, rows.shape[1]).scatter_reduce(0, place, rows, "amax", include_self=False)
        ctx.save_for_backward(rows, segment, largest)
        return largest

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        rows, segment, largest = ctx.saved_tensors
        winners = torch.empty_like(rows)
        torch.eq(rows, largest.index_select(0, segment), out=winners)
        count = torch.zeros_like(largest).index_add_(0, segment, winners)
        return winners.mul_((grad / count.clamp_(min=1.0)).index_select(0, segment)), None, None


def flat_index(index: Tensor, num_points: int) -> Tensor:
    """Row numbers (B * ...,) into a batch flattened to (B * N, C), of indices (B, ...) into its clouds of N points.

    One ``index_select`` on rows has a far faster backward on the CPU than ``gather`` or advanced indexing.
    """
    offset = torch.arange(index.shape[0], device=index.device) * num_points
    return (index + offset.view(-1, *[1] * (index.ndim - 1))).flatten()
