"""Groups that belong to objects: those of grouping afresh, worked out once, whatever noise the points carry."""

import copy
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from envs.geometry.object_clouds import KnownObjects, ObjectClouds
from envs.geometry.point_grouping import CloudGrouping, GroupingLevelSpec, GroupingSpec

SPEC = GroupingSpec((GroupingLevelSpec(12, 0.04, 5), GroupingLevelSpec(4, 0.1, 4)))


class CountingSpec(GroupingSpec):
    """Remembers how many clouds it has grouped."""

    def build(self, points: Tensor) -> CloudGrouping:
        counts.append(points.shape[0])
        return super().build(points)


counts: list[int] = []


def clouds(count: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.1 * torch.rand(count, 160, 3, generator=generator, dtype=torch.float64)


def assert_same(one: CloudGrouping, other: CloudGrouping) -> None:
    for a, b in zip(one.levels, other.levels, strict=True):
        assert torch.equal(a.centre_index, b.centre_index)
        assert torch.equal(a.neighbour_index, b.neighbour_index)


def test_equals_grouping_afresh_in_any_order() -> None:
    points = clouds(5)
    known = KnownObjects(ObjectClouds(points), torch.arange(5))
    for rows in ([3, 1, 3], [0, 1], [4, 2, 0, 3]):
        chosen = known[torch.tensor(rows)]
        assert len(chosen) == len(rows)
        assert_same(chosen.grouping(SPEC, points[rows]), SPEC.build(points[rows]))


def test_each_object_is_grouped_once_for_each_kind_of_groups() -> None:
    counts.clear()
    points, spec = clouds(40), CountingSpec(SPEC.levels)
    objects = ObjectClouds(points)
    objects.grouping(spec, torch.arange(40), points)
    objects.grouping(CountingSpec(SPEC.levels), torch.tensor([7, 7, 39]), points[[7, 7, 39]])
    assert sum(counts) == 40
    coarse = GroupingSpec(SPEC.levels[:1])
    assert_same(objects.grouping(coarse, torch.tensor([3]), points[[3]]), coarse.build(points[[3]]))


def test_threads_that_ask_at_once_get_the_same_groups() -> None:
    counts.clear()
    points, spec = clouds(12), CountingSpec(SPEC.levels)
    objects = ObjectClouds(points)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: objects.grouping(spec, torch.arange(12), points), range(8)))
    assert sum(counts) == 12
    for each in found:
        assert_same(each, SPEC.build(points))


def test_moved_cloud_is_the_same_cloud() -> None:
    points = clouds(2)
    turned = points[:, :, [1, 2, 0]] + 0.5  # a rotation by 120 degrees about (1, 1, 1), and a shift
    assert_same(ObjectClouds(points).grouping(SPEC, torch.arange(2), turned.float()), SPEC.build(points))


@pytest.mark.parametrize("size", [0.5e-3, 5e-3])
def test_noise_leaves_the_groups_of_the_cloud_without_it(size: float, caplog: pytest.LogCaptureFixture) -> None:
    points = clouds(20)
    noisy = points + size * torch.randn(points.shape, generator=torch.Generator().manual_seed(1), dtype=points.dtype)
    assert not torch.equal(SPEC.build(noisy).levels[0].neighbour_index, SPEC.build(points).levels[0].neighbour_index)
    assert_same(ObjectClouds(points).grouping(SPEC, torch.arange(20), noisy), SPEC.build(points))
    assert not caplog.records


def test_the_first_cloud_seen_does_not_decide() -> None:
    points, objects = clouds(3), ObjectClouds(clouds(3))
    objects.grouping(SPEC, torch.arange(3), points + 0.002 * torch.rand_like(points))
    assert_same(objects.grouping(SPEC, torch.arange(3), points), SPEC.build(points))


def test_a_cloud_of_another_object_is_grouped_by_itself_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    points, objects = clouds(20), ObjectClouds(clouds(20))
    foreign = points.clone()
    foreign[3:] = clouds(20, seed=1)[3:]
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert_same(objects.grouping(SPEC, torch.arange(20), foreign), SPEC.build(foreign))
    assert [record.message for record in caplog.records] == [caplog.messages[0]]
    assert "a cloud given as object 3 does not look like it and is grouped by itself" in caplog.messages[0]
    # and what is kept stays that of the object
    assert_same(objects.grouping(SPEC, torch.arange(20), points), SPEC.build(points))


def test_a_cloud_in_another_order_is_grouped_by_itself() -> None:
    points = clouds(20)
    order = torch.randperm(160, generator=torch.Generator().manual_seed(0))
    assert_same(ObjectClouds(points).grouping(SPEC, torch.arange(20), points[:, order]), SPEC.build(points[:, order]))


def test_clouds_of_worlds_that_diverged_do_no_harm_to_the_others() -> None:
    points = clouds(2)
    broken = points.clone()
    broken[0] = torch.nan
    assert_same(ObjectClouds(points).grouping(SPEC, torch.arange(2), broken), SPEC.build(points))


def test_groups_made_in_inference_serve_training() -> None:
    points, objects = clouds(4), ObjectClouds(clouds(4))
    with torch.inference_mode():
        objects.grouping(SPEC, torch.arange(2), points[:2])
    found = objects.grouping(SPEC, torch.arange(4), points)
    assert not found.levels[0].centre_index.is_inference()
    assert_same(found, SPEC.build(points))


def test_known_objects_can_be_copied_with_their_owner() -> None:
    points = clouds(2)
    known = copy.deepcopy(KnownObjects(ObjectClouds(points), torch.arange(2)))
    assert_same(known.grouping(SPEC, points), SPEC.build(points))


def test_shapes_that_do_not_fit_are_named() -> None:
    objects = ObjectClouds(clouds(3))
    assert len(objects) == 3
    with pytest.raises(
        ValueError, match=r"rows \(3,\) and points \(2, 160, 3\) do not fit; expected \(B,\) and \(B, 160"
    ):
        objects.grouping(SPEC, torch.arange(3), clouds(2))
    with pytest.raises(ValueError, match=r"Leave the objects out for clouds that are not known here"):
        objects.grouping(SPEC, torch.arange(2), clouds(2)[:, :100])
    with pytest.raises(ValueError, match=r"clouds of objects have shape \(160, 3\); expected \(O, N, 3\)"):
        ObjectClouds(clouds(1)[0])
