"""Errors of wrist and cloud: their size, their consistency from step to step, and what they leave alone."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from envs.geometry.transforms import quat_angle_between, transform_points
from envs.task.perception import PerceptionNoise, episode_key

NOISE = PerceptionNoise(wrist_position_m=0.02, wrist_rotation_rad=0.03, seed=1)


def trajectory(num_worlds: int, num_steps: int = 8, seed: int = 0) -> Tensor:
    """Wrist poses (E, T, 7)."""
    rng = np.random.default_rng(seed)
    count = num_worlds * num_steps
    quat = Rotation.random(count, rng=rng).as_quat(scalar_first=True)
    poses = np.concatenate([rng.uniform(-0.5, 0.5, (count, 3)), quat], axis=1)
    return torch.as_tensor(poses).float().reshape(num_worlds, num_steps, 7)


def history(poses: Tensor, step: int, length: int = 5) -> Tensor:
    """The last poses up to ``step``, the start repeated before the episode."""
    return poses[:, [max(0, index) for index in range(step - length + 1, step + 1)]]


def clouds(num_worlds: int, num_points: int = 64) -> Tensor:
    return 0.1 * torch.rand(num_worlds, num_points, 3, generator=torch.Generator().manual_seed(0))


def test_no_noise_leaves_everything_as_it_is() -> None:
    poses, points = trajectory(2)[:, :5], clouds(2)
    seen = PerceptionNoise().apply(poses, points, 4)
    assert seen.wrist_history is poses
    assert seen.points_h is points


def test_errors_are_gaussian_and_clipped_at_one_deviation() -> None:
    poses = trajectory(4000, 5)
    seen = NOISE.apply(poses, torch.zeros(4000, 1, 3), 4).wrist_history
    error = (seen - poses)[..., :3]
    assert error.abs().max() <= 0.02 + 1e-6
    # a normal value lies beyond one deviation in 31.7 % of draws; 60,000 draws: +- 0.6 % is three deviations
    assert (error.abs() > 0.02 - 1e-6).float().mean() == pytest.approx(0.317, abs=0.006)
    assert error.mean() == pytest.approx(0.0, abs=0.0003)
    angle = quat_angle_between(poses[..., 3:], seen[..., 3:])
    assert angle.max() <= math.sqrt(3.0) * 0.03 + 1e-3  # three components of at most 0.03 rad
    assert angle.mean() > 0.02
    torch.testing.assert_close(seen[..., 3:].norm(dim=-1), torch.ones(4000, 5))


def test_a_pose_keeps_its_error_while_it_moves_through_the_history() -> None:
    poses, points = trajectory(3), clouds(3)
    earlier = NOISE.apply(history(poses, 5), points, 5).wrist_history
    later = NOISE.apply(history(poses, 6), points, 6).wrist_history
    torch.testing.assert_close(later[:, :-1], earlier[:, 1:])
    first = NOISE.apply(history(poses, 0), points, 0).wrist_history
    torch.testing.assert_close(first, first[:, :1].expand(-1, 5, -1))  # the hand stood still before the episode


def test_the_cloud_stays_where_it_is_in_the_world() -> None:
    poses, points = trajectory(3), clouds(3)
    true = history(poses, 5)
    seen = NOISE.apply(true, points, 5)
    in_world = transform_points(true[:, -1], points)
    torch.testing.assert_close(transform_points(seen.wrist_history[:, -1], seen.points_h), in_world, atol=1e-6, rtol=0)
    assert (seen.points_h - points).norm(dim=-1).mean() > 0.005


def test_point_errors_leave_wrists_alone() -> None:
    poses, points = trajectory(3)[:, :5], clouds(3)
    seen = PerceptionNoise(point_m=0.004).apply(poses, points, 4)
    torch.testing.assert_close(seen.wrist_history, poses)
    error = (seen.points_h - points).abs()
    assert 0.001 < error.mean() < error.max() <= 0.004 + 1e-6


def test_seed_episodes_and_step_decide_the_errors() -> None:
    poses, points = trajectory(2), clouds(2)

    def seen(noise: PerceptionNoise = NOISE, step: int = 6, key: int = 0) -> Tensor:
        return noise.apply(history(poses, 6), points, step, key=key).wrist_history

    torch.testing.assert_close(seen(), seen(), atol=0.0, rtol=0.0)
    other_seed = PerceptionNoise(wrist_position_m=0.02, wrist_rotation_rad=0.03, seed=2)
    for other in (seen(other_seed), seen(step=17), seen(key=episode_key(poses.double().numpy()))):
        assert not torch.allclose(seen(), other, atol=1e-4)


def test_drawing_leaves_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    NOISE.apply(trajectory(2)[:, :5], clouds(2), 4)
    torch.testing.assert_close(torch.random.get_rng_state(), before)


def test_episodes_are_told_apart_by_their_trajectories() -> None:
    first, second = trajectory(2).numpy(), trajectory(2, seed=1).numpy()
    assert episode_key(first) == episode_key(first.copy())
    assert episode_key(first) != episode_key(second)


def test_table_6_gives_degrees_and_centimetres() -> None:
    noise = PerceptionNoise.table_6(5.0)
    assert noise.wrist_position_m == pytest.approx(0.05)
    assert noise.wrist_rotation_rad == pytest.approx(np.deg2rad(5.0))
    assert noise.point_m == 0.0


@pytest.mark.parametrize("size", [-0.01, math.nan, math.inf])
@pytest.mark.parametrize("name", ["wrist_position_m", "wrist_rotation_rad", "point_m"])
def test_sizes_that_are_no_sizes_are_refused(name: str, size: float) -> None:
    with pytest.raises(ValueError, match=rf"perception noise {name} is {size}, expected a number of at least 0"):
        PerceptionNoise(**{name: size})
