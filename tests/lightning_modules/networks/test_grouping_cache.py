"""The cache gives what grouping afresh gives, groups once, and notices a changed cloud."""

import pytest
import torch
from torch import Tensor

from envs.geometry.point_grouping import CloudGrouping, GroupingLevelSpec, GroupingSpec
from lightning_modules.networks.grouping_cache import GroupingCache

SPEC = GroupingSpec((GroupingLevelSpec(12, 0.04, 5), GroupingLevelSpec(4, 0.1, 4)))


class CountingSpec(GroupingSpec):
    """Remembers how many clouds it has grouped."""

    def build(self, points: Tensor) -> CloudGrouping:
        counts.append(points.shape[0])
        return super().build(points)


counts: list[int] = []


def clouds(count: int) -> Tensor:
    return 0.1 * torch.rand(count, 60, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def assert_same(one: CloudGrouping, other: CloudGrouping) -> None:
    for a, b in zip(one.levels, other.levels, strict=True):
        assert torch.equal(a.centre_index, b.centre_index)
        assert torch.equal(a.neighbour_index, b.neighbour_index)


def test_equals_grouping_afresh_in_any_order() -> None:
    points, cache = clouds(5), GroupingCache(SPEC)
    for rows in ([3, 1, 3], [0, 1], [4, 2, 0, 3]):
        assert_same(cache(torch.tensor(rows) + 100, points[rows]), SPEC.build(points[rows]))
    assert len(cache) == 5


def test_each_object_is_grouped_once() -> None:
    counts.clear()
    points, cache = clouds(40), GroupingCache(CountingSpec(SPEC.levels))
    cache(torch.arange(40), points)
    cache(torch.tensor([7, 7, 39]), points[[7, 7, 39]])
    assert sum(counts) == 40


def test_moved_cloud_is_the_same_cloud() -> None:
    points, cache = clouds(2), GroupingCache(SPEC)
    cache(torch.tensor([0, 1]), points)
    turned = points[:, :, [1, 2, 0]] + 0.5  # a rotation by 120 degrees about (1, 1, 1), and a shift
    assert_same(cache(torch.tensor([0, 1]), turned.float().double()), SPEC.build(points))


def test_another_cloud_under_the_same_index_is_refused() -> None:
    points, cache = clouds(2), GroupingCache(SPEC)
    cache(torch.tensor([5]), points[:1])
    with pytest.raises(ValueError, match=r"cloud of object 5 differs by .* mm .*give changed clouds their own index"):
        cache(torch.tensor([5]), points[1:])
    with pytest.raises(ValueError, match=r"cloud of object 5 differs"):
        cache(torch.tensor([5]), 1.2 * points[:1])


def test_two_clouds_under_one_index_in_one_batch_are_refused() -> None:
    with pytest.raises(ValueError, match=r"cloud of object 3 differs"):
        GroupingCache(SPEC)(torch.tensor([3, 3]), clouds(2))


def test_shapes_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match=r"object_index \(3,\) and points_h \(2, 60, 3\) do not fit"):
        GroupingCache(SPEC)(torch.arange(3), clouds(2))
    with pytest.raises(ValueError, match=r"the batch is empty"):
        GroupingCache(SPEC)(torch.arange(0), clouds(2)[:0])
