"""Farthest-point sampling, ball query and their invariance, against brute force on random clouds."""

import math

import pytest
import torch
from torch import Tensor

from envs.geometry.point_grouping import (
    CloudGrouping,
    GroupingLevelSpec,
    GroupingSpec,
    ball_query,
    farthest_point_sample,
)

SPEC = GroupingSpec((GroupingLevelSpec(16, 0.04, 8), GroupingLevelSpec(4, 0.1, 6)))


def random_clouds(num_clouds: int, num_points: int, seed: int = 0) -> Tensor:
    """Points in a decimetre cube, float64 so that no distance is a near tie."""
    generator = torch.Generator().manual_seed(seed)
    return 0.1 * torch.rand(num_clouds, num_points, 3, generator=generator, dtype=torch.float64)


def random_rotation(seed: int) -> Tensor:
    q, _ = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))
    return q * torch.linalg.det(q).sign()


def assert_same(one: CloudGrouping, other: CloudGrouping) -> None:
    assert len(one.levels) == len(other.levels)
    for a, b in zip(one.levels, other.levels, strict=True):
        assert torch.equal(a.centre_index, b.centre_index)
        assert torch.equal(a.neighbour_index, b.neighbour_index)


def test_farthest_points_equal_brute_force() -> None:
    points = random_clouds(3, 60)
    found = farthest_point_sample(points, 20)
    for cloud in range(3):
        chosen = [0]
        while len(chosen) < 20:
            gaps = [min(math.dist(p, points[cloud, c].tolist()) for c in chosen) for p in points[cloud].tolist()]
            chosen.append(gaps.index(max(gaps)))
        assert found[cloud].tolist() == chosen


def test_farthest_points_of_a_line_by_hand() -> None:
    # x = 0, 1, 2, 10: from 0 the farthest is 10 (index 3), then 2 (gap 2, index 2), then 1.
    points = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [10, 0, 0]])[None]
    assert farthest_point_sample(points, 4).tolist() == [[0, 3, 2, 1]]


def test_sampling_again_in_sampled_order_changes_nothing() -> None:
    points = random_clouds(2, 80)
    order = farthest_point_sample(points, 80)
    ordered = points.gather(1, order[..., None].expand(-1, -1, 3))
    assert torch.equal(farthest_point_sample(ordered, 30), torch.arange(30).expand(2, -1))


def test_ball_query_equals_brute_force() -> None:
    points, centres = random_clouds(2, 70), random_clouds(2, 9, seed=1)
    found = ball_query(points, centres, 0.03, 5)
    for cloud in range(2):
        for m, centre in enumerate(centres[cloud].tolist()):
            ranked = sorted((math.dist(centre, p), i) for i, p in enumerate(points[cloud].tolist()))
            inside = [i for gap, i in ranked if gap <= 0.03][:5] or [ranked[0][1]]
            assert found[cloud, m].tolist() == inside + [inside[0]] * (5 - len(inside))


def test_sparse_balls_are_padded_with_their_nearest_point() -> None:
    # Around 0 with radius 1.5: itself and x = 1. Around 50: nothing, so the nearest point (x = 10, index 2) alone.
    points = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [10, 0, 0]]])
    centres = torch.tensor([[[0.0, 0, 0], [50, 0, 0]]])
    assert ball_query(points, centres, 1.5, 5).tolist() == [[[0, 1, 0, 0, 0], [2, 2, 2, 2, 2]]]


def test_grouping_survives_rigid_motion() -> None:
    points = random_clouds(3, 200)
    moved = points @ random_rotation(3).T + torch.tensor([0.7, -0.4, 1.3], dtype=torch.float64)
    assert_same(SPEC.build(points), SPEC.build(moved))


def test_grouping_does_not_depend_on_the_order_of_points_after_the_first() -> None:
    points = random_clouds(1, 100)
    order = torch.cat([torch.zeros(1, dtype=torch.long), 1 + torch.randperm(99)])
    plain, shuffled = SPEC.build(points), SPEC.build(points[:, order])
    assert torch.equal(plain.levels[0].neighbour_index, order[shuffled.levels[0].neighbour_index])
    assert torch.equal(plain.levels[1].neighbour_index, shuffled.levels[1].neighbour_index)


def test_levels_index_into_the_level_before() -> None:
    grouping = SPEC.build(random_clouds(2, 50))
    first, second = grouping.levels
    assert first.centre_index.shape == (2, 16)
    assert first.neighbour_index.shape == (2, 16, 8)
    assert second.centre_index.shape == (2, 4)
    assert second.neighbour_index.shape == (2, 4, 6)
    assert second.neighbour_index.max() < 16
    # Each centre is its own nearest neighbour.
    assert torch.equal(first.neighbour_index[..., 0], first.centre_index)


def test_split_cat_and_put_keep_every_cloud() -> None:
    points = random_clouds(5, 60)
    whole = SPEC.build(points)
    parts = whole.split(2)
    assert [part.num_clouds for part in parts] == [2, 2, 1]
    assert_same(CloudGrouping.cat(parts), whole)
    whole.put(torch.tensor([4, 0]), SPEC.build(points[[1, 2]]))
    assert_same(whole, SPEC.build(points[[2, 1, 2, 3, 1]]))


def test_many_clouds_are_grouped_as_few_are() -> None:
    points = random_clouds(40, 30)
    assert_same(SPEC.build(points), CloudGrouping.cat([SPEC.build(part) for part in points.split(7)]))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_coordinate_that_is_not_finite_is_named(bad: float) -> None:
    points = random_clouds(2, 50)
    points[1, 7, 2] = bad
    with pytest.raises(ValueError, match=r"point 7 of cloud 1 is .*must be finite"):
        SPEC.build(points)


def test_too_few_points_are_refused() -> None:
    with pytest.raises(ValueError, match=r"asked for 16 of 10 points; allowed are 1 to 10"):
        SPEC.build(random_clouds(1, 10))


def test_wrong_shape_and_dtype_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(50, 3\); expected \(B, N, 3\)"):
        SPEC.build(torch.zeros(50, 3))
    with pytest.raises(ValueError, match=r"dtype torch.int64; expected float32"):
        farthest_point_sample(torch.zeros(1, 5, 3, dtype=torch.long), 2)


def test_senseless_levels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"radius is 0.0 m"):
        GroupingLevelSpec(4, 0.0, 4)
    with pytest.raises(ValueError, match=r"max_neighbours 0; both must be at least 1"):
        GroupingLevelSpec(4, 0.1, 0)
