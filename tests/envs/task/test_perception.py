"""Errors of wrist and cloud: their size, whose they are, and what they leave alone."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from envs.geometry.transforms import quat_conjugate, quat_multiply, rotation_vector_from_quat
from envs.task.perception import PerceptionErrors, PerceptionNoise

NOISE = PerceptionNoise(wrist_position_m=0.02, wrist_rotation_rad=0.03, seed=1)


def poses(count: int) -> Tensor:
    """Wrist poses (E, 7)."""
    rng = np.random.default_rng(0)
    quat = Rotation.random(count, rng=rng).as_quat(scalar_first=True)
    return torch.as_tensor(np.concatenate([rng.uniform(-0.5, 0.5, (count, 3)), quat], axis=1))


def errors(noise: PerceptionNoise, keys: list[int]) -> PerceptionErrors:
    """Of episodes with these keys, which begin."""
    made = PerceptionErrors(noise, len(keys), period_s=0.025)
    made.begin(np.arange(len(keys)), np.array(keys))
    return made


def clouds(made: PerceptionErrors, cloud: Tensor) -> Tensor:
    """Clouds (E, 3, N) of objects somewhere, as they are seen."""
    return made.clouds(cloud, poses(len(cloud)), None)[0]


def test_no_noise_leaves_everything_as_it_is() -> None:
    none, cloud = errors(PerceptionNoise(), [0, 1]), torch.rand(2, 3, 8)
    torch.testing.assert_close(none.wrists(poses(2)), poses(2))
    assert clouds(none, cloud) is cloud


def test_errors_are_gaussian_and_clipped_at_one_deviation() -> None:
    true = poses(4000)
    made = errors(NOISE, list(range(4000)))
    seen = torch.stack([made.wrists(true) for _ in range(5)])
    error = (seen - true)[..., :3]
    assert error.abs().max() <= 0.02 + 1e-6
    # a normal value lies beyond one deviation in 31.7 % of draws; 60,000 draws: +- 0.6 % is three deviations
    assert (error.abs() > 0.02 - 1e-6).float().mean() == pytest.approx(0.317, abs=0.006)
    assert error.mean() == pytest.approx(0.0, abs=0.0003)
    turn = quat_multiply(quat_conjugate(true[:, 3:]), seen[..., 3:])
    angle = rotation_vector_from_quat(turn).norm(dim=-1)
    assert angle.max() <= math.sqrt(3.0) * 0.03 + 1e-3  # three components of at most 0.03 rad
    assert angle.mean() > 0.02
    torch.testing.assert_close(seen[..., 3:].norm(dim=-1), torch.ones(5, 4000, dtype=torch.float64))


def test_errors_of_varied_size_are_of_a_share_of_the_episodes() -> None:
    true, keys = poses(4000), list(range(4000))
    varied = errors(replace(NOISE, varied_share=0.25), keys)
    largest = torch.stack([(varied.wrists(true) - true)[:, :3].abs().amax(dim=1) for _ in range(40)]).amax(dim=0)
    has_errors = largest > 1e-6
    # three deviations of a share of 0.25 in 4,000 are 0.02
    assert has_errors.float().mean() == pytest.approx(0.25, abs=0.02)
    # in 40 steps some coordinate is clipped at the bound, which is drawn evenly between 0 and 2 cm
    assert largest[has_errors].mean() == pytest.approx(0.01, abs=0.0006)
    assert largest.max() <= 0.02 + 1e-6
    again = errors(replace(NOISE, varied_share=0.25), keys[:8])
    assert torch.equal((again.wrists(true[:8]) - true[:8])[:, 0] != 0.0, has_errors[:8])


def test_a_share_of_the_episodes_is_a_share() -> None:
    with pytest.raises(ValueError, match=r"varied_share is 1\.5, expected a share of the episodes in \[0, 1\]"):
        PerceptionNoise(varied_share=1.5)


def test_point_errors_leave_wrists_alone() -> None:
    made, cloud = errors(PerceptionNoise(point_m=0.004), [3, 4]), torch.rand(2, 3, 64)
    torch.testing.assert_close(made.wrists(poses(2)), poses(2))
    error = (clouds(made, cloud) - cloud).abs()
    assert 0.001 < error.mean() < error.max() <= 0.004 + 1e-6


def test_seed_key_and_step_decide_the_errors() -> None:
    true = poses(1)

    def seen(noise: PerceptionNoise = NOISE, key: int = 5, step: int = 0) -> Tensor:
        made = errors(noise, [key])
        return [made.wrists(true) for _ in range(step + 1)][step]

    assert torch.equal(seen(), seen())
    other_seed = PerceptionNoise(wrist_position_m=0.02, wrist_rotation_rad=0.03, seed=2)
    for other in (seen(other_seed), seen(key=6), seen(step=1)):
        assert not torch.allclose(seen(), other, atol=1e-4)


def test_errors_do_not_depend_on_what_else_runs_or_begins() -> None:
    true = poses(3)
    together, alone = errors(NOISE, [5, 6, 7]), errors(NOISE, [6])
    for step in range(4):
        if step == 2:
            together.begin(np.array([0]), np.array([9]))
        assert torch.equal(together.wrists(true)[1:2], alone.wrists(true[1:2]))


def test_errors_of_points_do_not_change_those_of_wrists() -> None:
    both = PerceptionNoise(wrist_position_m=0.02, wrist_rotation_rad=0.03, point_m=0.001, seed=1)
    with_points, without = errors(both, [5]), errors(NOISE, [5])
    for _ in range(2):
        clouds(with_points, torch.zeros(1, 3, 4))
        assert torch.equal(with_points.wrists(poses(1)), without.wrists(poses(1)))


def test_drawing_leaves_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    errors(NOISE, [1, 2]).wrists(poses(2))
    torch.testing.assert_close(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("size", [-0.01, math.nan, math.inf])
@pytest.mark.parametrize("name", ["wrist_position_m", "wrist_rotation_rad", "point_m"])
def test_sizes_that_are_no_sizes_are_refused(name: str, size: float) -> None:
    with pytest.raises(ValueError, match=rf"perception noise {name} is {size}, expected a number of at least 0"):
        replace(PerceptionNoise(), **dict[str, Any]({name: size}))


# --- a tracker that is late


def walk(steps: int, count: int = 2) -> Tensor:
    """Poses (T, E, 7) of wrists that move along x by 1 a step, the second from 100 on."""
    way = torch.zeros(steps, count, 7, dtype=torch.float64)
    way[..., 0] = torch.arange(steps)[:, None] + 100.0 * torch.arange(count)
    way[..., 3] = 1.0
    return way


def test_a_late_tracker_shows_where_the_wrist_was() -> None:
    made = errors(PerceptionNoise(wrist_latency_s=0.05), [0, 1])
    seen = torch.stack([made.wrists(pose_w) for pose_w in walk(6)])[..., 0]
    assert seen[:, 0].tolist() == [0.0, 0.0, 0.0, 1.0, 2.0, 3.0]
    assert seen[:, 1].tolist() == [100.0, 100.0, 100.0, 101.0, 102.0, 103.0]


def test_a_new_episode_does_not_show_the_last_one() -> None:
    made, way = errors(PerceptionNoise(wrist_latency_s=0.05), [0, 1]), walk(8)
    for pose_w in way[:4]:
        made.wrists(pose_w)
    made.begin(np.array([1]), np.array([7]))
    seen = torch.stack([made.wrists(pose_w) for pose_w in way[4:]])[..., 0]
    assert seen[:, 0].tolist() == [2.0, 3.0, 4.0, 5.0]
    assert seen[:, 1].tolist() == [104.0, 104.0, 104.0, 105.0]


def test_lost_samples_are_replaced_by_the_last_one_seen() -> None:
    made, way = errors(PerceptionNoise(wrist_lost=0.3), list(range(200))), walk(40, 200)
    seen = torch.stack([made.wrists(pose_w) for pose_w in way])[..., 0]
    is_lost = seen != way[..., 0]
    assert not is_lost[0].any()
    assert is_lost[1:].float().mean().item() == pytest.approx(0.3, abs=0.02)  # 7,800 draws: 4 deviations
    before = torch.cat([seen[:1], seen[:-1]])
    assert torch.equal(seen[is_lost], before[is_lost])


def test_a_tracker_that_never_comes_through_is_refused() -> None:
    with pytest.raises(ValueError, match=r"wrist_lost is 1.0, expected a share below 1"):
        PerceptionNoise(wrist_lost=1.0)


def test_a_seed_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="perception noise seed is -1, expected at least 0"):
        PerceptionNoise(seed=-1)
