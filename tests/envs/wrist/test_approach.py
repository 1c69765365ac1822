"""The straight approach: where it starts (GraspGF App. A.1), where it ends, how it gets there."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from envs.wrist.approach import MAX_APPROACH_TURN, MAX_TILT, START_DISTANCE, straight_approach

Array = NDArray[np.float64]

COUNT = 400


def _final_poses(rng: np.random.Generator) -> tuple[Array, Array]:
    quat = Rotation.random(COUNT, rng=rng).as_quat(scalar_first=True)
    final_w = np.concatenate([rng.uniform(-0.5, 0.5, (COUNT, 3)), quat], axis=1)
    tips_w = final_w[:, :3] + rng.uniform(-0.1, 0.1, (COUNT, 3))
    return final_w, tips_w


def _turn(first: Array, second: Array) -> Array:
    start, end = (Rotation.from_quat(pose[..., 3:], scalar_first=True) for pose in (first, second))
    return (start.inv() * end).magnitude()


def test_ends_exactly_at_the_final_pose_and_rests_there_after_arrival() -> None:
    rng = np.random.default_rng(0)
    final_w, tips_w = _final_poses(rng)
    arrival = rng.integers(1, 31, COUNT)
    poses_w = straight_approach(final_w, tips_w, 30, arrival, rng)
    assert poses_w.shape == (COUNT, 30, 7)
    for row, step in enumerate(arrival):
        resting = poses_w[row, step - 1 :]
        np.testing.assert_allclose(resting[:, :3], np.tile(final_w[row, :3], (len(resting), 1)), atol=1e-12)
        # q and -q are the same rotation; float64 arc cosines near 0 are exact to some 1e-8
        assert _turn(resting, np.tile(final_w[row], (len(resting), 1))).max() < 1e-7
    moving = arrival > 1
    assert (np.linalg.norm(poses_w[moving, 0, :3] - final_w[moving, :3], axis=1) > 0.0).all()


def test_starts_in_the_shell_and_cone_of_the_paper() -> None:
    rng = np.random.default_rng(1)
    final_w, tips_w = _final_poses(rng)
    steps = 2000  # so slow that the first pose is the start to within 1e-9 of the way
    first_w = straight_approach(final_w, tips_w, steps, np.full(COUNT, steps), rng)[:, 0]
    offset, back = first_w[:, :3] - final_w[:, :3], final_w[:, :3] - tips_w
    distance = np.linalg.norm(offset, axis=1)
    cosine = (offset * back).sum(axis=1) / distance / np.linalg.norm(back, axis=1)
    tilt, turn = np.arccos(cosine.clip(-1.0, 1.0)), _turn(first_w, final_w)
    assert START_DISTANCE == (0.15, 0.20)
    assert pytest.approx(20.0) == np.rad2deg(MAX_TILT)
    for values, low, high in ((distance, 0.15, 0.20), (tilt, 0.0, MAX_TILT), (turn, 0.0, MAX_APPROACH_TURN)):
        assert values.min() >= low - 1e-8
        assert values.max() <= high + 1e-6
        # 400 draws come near both ends
        assert values.min() < low + 0.2 * (high - low)
        assert values.max() > high - 0.05 * (high - low)


def test_goes_straight_and_slows_down_at_both_ends() -> None:
    rng = np.random.default_rng(2)
    final_w, tips_w = _final_poses(rng)
    poses_w = straight_approach(final_w, tips_w, 20, np.full(COUNT, 20), rng)
    remaining = poses_w[:, :, :3] - final_w[:, None, :3]
    distance = np.linalg.norm(remaining, axis=2)
    direction = remaining[:, :-1] / distance[:, :-1, None]
    np.testing.assert_allclose(direction, np.tile(direction[:, :1], (1, 19, 1)), atol=1e-9)
    covered = -np.diff(distance, axis=1)
    assert (covered > 0.0).all()
    assert (covered[:, [0, -1]] < 0.2 * covered.max(axis=1, keepdims=True)).all()


def test_same_generator_same_approach_and_another_one_differs() -> None:
    final_w, tips_w = _final_poses(np.random.default_rng(3))
    arrival = np.full(COUNT, 10)
    first, second, third = (
        straight_approach(final_w, tips_w, 10, arrival, np.random.default_rng(seed)) for seed in (7, 7, 8)
    )
    np.testing.assert_array_equal(first, second)
    assert (first[:, 0] != third[:, 0]).any(axis=1).all()


@pytest.mark.parametrize("arrival", [0, 21])
def test_arrival_outside_the_episode(arrival: int) -> None:
    rng = np.random.default_rng(0)
    final_w, tips_w = _final_poses(rng)
    with pytest.raises(ValueError, match=rf"arrival_step spans {arrival}\.\.{arrival}, allowed 1\.\.20"):
        straight_approach(final_w, tips_w, 20, np.full(COUNT, arrival), rng)
