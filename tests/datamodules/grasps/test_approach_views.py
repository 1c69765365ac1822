"""Views of a wrist on its way: rigid motions within the bounds of an approach."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from datamodules.grasps.approach_views import ApproachViews
from datamodules.grasps.dataset import GraspTable, TrainingStream
from datamodules.types import GraspBatch
from envs.geometry.transforms import pose_invert, transform_points
from envs.objects.library import ObjectLibrary
from tests.learning import uneven_set

COUNT = 64


def clouds(count: int = COUNT) -> Tensor:
    return 0.05 * torch.randn((count, 12, 3), generator=torch.Generator().manual_seed(1)) + torch.tensor([0, 0, 0.1])


def ways_back(count: int = COUNT) -> Tensor:
    back = torch.randn((count, 3), generator=torch.Generator().manual_seed(2))
    return back / back.norm(dim=1, keepdim=True)


def seen(views: ApproachViews, points_h: Tensor, seed: int = 0) -> Tensor:
    return seen_batch(views, points_h, None, seed).points_h


def seen_batch(views: ApproachViews, points_h: Tensor, table_h: Tensor | None, seed: int = 0) -> GraspBatch:
    count = len(points_h)
    batch = GraspBatch(torch.zeros(count, 18), points_h, torch.arange(count), table_h=table_h)
    return views(batch, ways_back(count), torch.Generator().manual_seed(seed))


def wrist_poses(points_h: Tensor, seen_h: Tensor) -> Tensor:
    """Wrist poses (B, 7), in the frame of the grasp, from which clouds look as seen (Kabsch 1976)."""
    poses = []
    for points, view in zip(points_h.double().numpy(), seen_h.double().numpy(), strict=True):
        turn, _ = Rotation.align_vectors(points - points.mean(0), view - view.mean(0))
        poses.append(np.concatenate([points.mean(0) - turn.apply(view.mean(0)), turn.as_quat(scalar_first=True)]))
    return torch.as_tensor(np.stack(poses))


def test_without_views_on_the_way_nothing_changes() -> None:
    points_h = clouds()
    torch.testing.assert_close(seen(ApproachViews(share=0.0), points_h), points_h, atol=0.0, rtol=0.0)


def test_views_are_rigid_motions() -> None:
    points_h = clouds()
    seen_h = seen(ApproachViews(share=1.0, turn_std=1.0), points_h)
    torch.testing.assert_close(torch.cdist(seen_h, seen_h), torch.cdist(points_h, points_h), atol=1e-5, rtol=0.0)

    def volume(points: Tensor) -> Tensor:
        return torch.linalg.det(points[:, 1:4] - points[:, :1])

    # a reflection would keep the distances too, and turn the sign
    torch.testing.assert_close(volume(seen_h), volume(points_h), atol=1e-9, rtol=1e-3)


def test_the_cloud_is_what_a_wrist_at_that_pose_sees() -> None:
    points_h = clouds()
    seen_h = seen(ApproachViews(share=1.0), points_h)
    poses = wrist_poses(points_h, seen_h)
    expected = transform_points(pose_invert(poses), points_h.double())
    torch.testing.assert_close(seen_h.double(), expected, atol=1e-6, rtol=0.0)


def test_the_table_stays_where_it_is_below_the_cloud() -> None:
    points_h = clouds()
    normal_h = torch.nn.functional.normalize(torch.randn((COUNT, 3), generator=torch.Generator().manual_seed(3)), dim=1)
    table_h = torch.cat([normal_h, torch.full((COUNT, 1), 0.2)], dim=1)
    view = seen_batch(ApproachViews(share=1.0), points_h, table_h)
    assert view.table_h is not None
    heights = [
        (points * table[:, None, :3]).sum(dim=2) + table[:, 3:]
        for points, table in ((points_h, table_h), (view.points_h, view.table_h))
    ]
    torch.testing.assert_close(heights[1], heights[0], atol=1e-6, rtol=0.0)
    assert (view.table_h - table_h).abs().max() > 0.05


def test_at_the_start_the_wrist_is_straight_back_by_the_start_distance() -> None:
    points_h = clouds()
    # power 0: all of the way remains
    views = ApproachViews(share=1.0, start_distance=(0.2, 0.2), max_tilt=0.0, turn_std=0.0, power=0.0)
    expected = points_h - 0.2 * ways_back()[:, None]
    torch.testing.assert_close(seen(views, points_h), expected, atol=1e-6, rtol=0.0)


def test_distance_and_tilt_stay_within_their_bounds() -> None:
    views = ApproachViews(share=1.0, power=0.0)
    points_h, back = clouds(), ways_back().double()
    offset = wrist_poses(points_h, seen(views, points_h))[:, :3]
    distance = offset.norm(dim=1)
    # float32, decimetres
    assert distance.min() >= 0.15 - 1e-5
    assert distance.max() <= 0.20 + 1e-5
    tilt = torch.acos(((offset * back).sum(dim=1) / distance).clamp(-1.0, 1.0))
    assert tilt.max() <= 0.35 + 1e-3
    assert tilt.max() > 0.25  # 64 draws, uniform over the area of the cone: half of them beyond 0.25


def test_distance_and_turn_shrink_together_on_the_way() -> None:
    views = ApproachViews(share=1.0, start_distance=(0.2, 0.2))
    points_h = clouds(256)
    poses = wrist_poses(points_h, seen(views, points_h))
    remaining = poses[:, :3].norm(dim=1) / 0.2
    turn = 2.0 * torch.acos(poses[:, 3].abs().clamp(max=1.0))
    assert 0.0 <= remaining.min() < 0.05
    assert 0.9 < remaining.max() <= 1.0 + 1e-5
    # each component of the turn is normal with 0.2 s; the norm of three exceeds 5 standard deviations about never
    assert (turn <= 5.0 * 0.2 * remaining + 1e-3).all()
    assert turn[remaining > 0.5].mean() > 2.0 * turn[remaining < 0.2].mean()


def test_larger_powers_stay_nearer() -> None:
    points_h = clouds(256)
    means = [
        wrist_poses(points_h, seen(ApproachViews(share=1.0, power=power), points_h))[:, :3].norm(dim=1).mean()
        for power in (0.0, 1.0, 3.0)
    ]
    # mean of u^p is 1 / (1 + p), of the distance 0.175 times that
    torch.testing.assert_close(torch.stack(means), 0.175 / torch.tensor([1.0, 2.0, 4.0]).double(), atol=0.015, rtol=0.0)


def test_the_share_is_that_of_the_views_on_the_way() -> None:
    points_h = clouds(400)
    moved = (seen(ApproachViews(share=0.7), points_h) != points_h).flatten(1).any(dim=1)
    # 400 draws: standard deviation 0.023
    assert abs(moved.float().mean() - 0.7) < 0.1


def test_views_are_drawn_from_the_generator() -> None:
    points_h, views = clouds(), ApproachViews()
    assert torch.equal(seen(views, points_h, seed=3), seen(views, points_h, seed=3))
    assert not torch.equal(seen(views, points_h, seed=3), seen(views, points_h, seed=4))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"share": 1.1}, r"share is 1\.1; the share of views on the way lies in \[0, 1\]"),
        ({"share": -0.1}, r"share is -0\.1"),
        (
            {"start_distance": (0.2, 0.1)},
            r"start_distance is \(0\.2, 0\.1\) \(reversed: .*\); expected 0 <= nearest",
        ),
        ({"start_distance": (-0.1, 0.1)}, r"start_distance is \(-0\.1, 0\.1\)"),
    ],
)
def test_impossible_views_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(ApproachViews(), **changes)  # type: ignore[arg-type]


# --- in training


def batches(views: ApproachViews | None) -> list[GraspBatch]:
    table = GraspTable(uneven_set((5, 20)), ObjectLibrary(), 16)
    return list(TrainingStream(table, 8, 2, 0, lambda: (0, 0), views))


@pytest.mark.usefixtures("fast_objects")
def test_training_sees_the_same_grasps_from_elsewhere() -> None:
    plain, viewed = batches(None)[0], batches(ApproachViews(share=1.0))[0]
    assert torch.equal(plain.grasp_index, viewed.grasp_index)
    # the joints to be learnt are those of the grasp
    assert torch.equal(plain.joint_pos, viewed.joint_pos)
    assert not torch.allclose(plain.points_h, viewed.points_h, atol=1e-3)
    torch.testing.assert_close(
        torch.cdist(viewed.points_h, viewed.points_h), torch.cdist(plain.points_h, plain.points_h), atol=1e-4, rtol=0.0
    )


@pytest.mark.usefixtures("fast_objects")
def test_training_backs_away_from_the_fingertips() -> None:
    table = GraspTable(uneven_set((5, 20)), ObjectLibrary(), 16)
    back_h = table.way_back_h()
    torch.testing.assert_close(back_h.norm(dim=1), torch.ones(25), atol=1e-5, rtol=0.0)
    # fingers point along the hand's z axis, so the way back has a part against it
    assert (back_h[:, 2] < 0.0).all()
    straight = ApproachViews(share=1.0, start_distance=(0.2, 0.2), max_tilt=0.0, turn_std=0.0, power=0.0)
    plain, viewed = batches(None)[0], batches(straight)[0]
    expected = plain.points_h - 0.2 * back_h[plain.grasp_index][:, None]
    torch.testing.assert_close(viewed.points_h, expected, atol=1e-6, rtol=0.0)
