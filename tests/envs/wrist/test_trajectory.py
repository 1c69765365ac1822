"""Wrist trajectories: App. A.1 as properties, human limits, the table, and what is refused."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from envs.conventions import CONTROL_DT
from envs.hand.shadow import shadow_hand
from envs.wrist.approach import MAX_TILT, START_DISTANCE
from envs.wrist.clearance import open_hand_height
from envs.wrist.patterns import NUM_SAMPLES, WristPatterns, generate_patterns
from envs.wrist.starts import MAX_START_TURN, TABLE_TOLERANCE
from envs.wrist.trajectory import WristTrajectories, arrival_steps, sample_trajectories
from tests.envs.wrist.grasp_poses import COUNT, some_grasps

HAND = shadow_hand()

Array = NDArray[np.float64]

HUMAN_SPEED = 2.0
"""m/s; hands reach for objects on a table at 0.3 to 1.2 m/s."""


def _sample(*, mix: bool = False, split: str = "test", seed: int = 1, **more: Any) -> WristTrajectories:
    final_w, tips_w = some_grasps()
    patterns = generate_patterns().split(split)  # type: ignore[arg-type]
    more = {"num_steps": 50, **more}
    return sample_trajectories(HAND, final_w, tips_w, patterns, mix=mix, rng=np.random.default_rng(seed), **more)


def _turn(pose_w: Array) -> Array:
    """Angle (K, T + 1) to the last orientation, rad."""
    cosine = np.abs((pose_w[..., 3:] * pose_w[:, -1:, 3:]).sum(axis=2))
    return 2.0 * np.arccos(np.minimum(cosine, 1.0))


def _ramp(*, turn: float = 0.0) -> WristPatterns:
    """One pattern: constant speed over the whole episode."""
    ramp = np.tile(np.linspace(0.0, 1.0, NUM_SAMPLES)[None, :, None], (1, 1, 3))
    return WristPatterns(ramp, np.full((1, 3), turn))


@pytest.mark.parametrize("mix", [False, True])
def test_ends_exactly_at_the_final_pose(mix: bool) -> None:
    final_w, _ = some_grasps()
    pose_w = _sample(mix=mix).pose_w
    assert pose_w.shape == (COUNT, 51, 7)
    np.testing.assert_array_equal(pose_w[:, -1, :3], final_w[:, :3])
    np.testing.assert_allclose(pose_w[:, -1, 3:], final_w[:, 3:], atol=1e-15)  # scaled to unit length


def test_starts_in_the_shell_and_cone_of_the_paper() -> None:
    final_w, tips_w = some_grasps()
    offset = _sample().pose_w[:, 0, :3] - final_w[:, :3]
    distance = np.linalg.norm(offset, axis=1)
    back = final_w[:, :3] - tips_w
    cosine = (offset * back).sum(axis=1) / distance / np.linalg.norm(back, axis=1)
    angle = np.arccos(np.minimum(cosine, 1.0))
    assert distance.min() >= START_DISTANCE[0] - 1e-12
    assert distance.max() <= START_DISTANCE[1] + 1e-12
    assert angle.max() <= MAX_TILT + 1e-6
    # both ranges are used, not only a part of them: quarters of the range hold about a quarter of the starts
    for values, low, high in ((distance, *START_DISTANCE), (angle, 0.0, MAX_TILT)):
        counts, _ = np.histogram(values, bins=4, range=(low, high))
        assert (counts / COUNT).min() > 0.15


def test_no_hand_goes_through_the_table() -> None:
    for mix in (False, True):
        pose_w = _sample(mix=mix).pose_w
        height = open_hand_height(HAND, pose_w)
        limit = np.minimum(height[:, -1], 0.0) - TABLE_TOLERANCE
        assert (height.min(axis=1) >= limit - 1e-9).all()
        assert pose_w[..., 2].min() > 0.0


def test_table_rule_is_what_keeps_the_hands_above() -> None:
    # without it some of the same grasps would dip: the property above is not empty
    final_w, tips_w = some_grasps()
    high_w, high_tips_w = final_w.copy(), tips_w.copy()
    high_w[:, 2] += 0.3
    high_tips_w[:, 2] += 0.3
    patterns = generate_patterns().split("test")
    pose_w = sample_trajectories(
        HAND, high_w, high_tips_w, patterns, num_steps=50, mix=False, rng=np.random.default_rng(1)
    ).pose_w
    height = open_hand_height(HAND, pose_w) - 0.3
    assert (height.min(axis=1) < np.minimum(height[:, -1], 0.0) - TABLE_TOLERANCE).sum() > 5


@pytest.mark.parametrize("mix", [False, True])
def test_speed_within_human_limits(mix: bool) -> None:
    step = np.linalg.norm(np.diff(_sample(mix=mix, split="train").pose_w[..., :3], axis=1), axis=2)
    assert step.max() / CONTROL_DT < HUMAN_SPEED
    # and none creeps: 0.15 m in 1.25 s is 0.12 m/s on average
    assert step.max(axis=1).min() / CONTROL_DT > 0.12


def test_turns_are_human() -> None:
    angle = np.rad2deg(_turn(_sample().pose_w)[:, 0])
    assert 8.0 < np.median(angle) < 22.0
    assert (angle > 40.0).mean() < 0.1
    assert angle.max() <= np.rad2deg(MAX_START_TURN) + 1e-6


def test_start_orientation_is_the_formula_of_the_paper() -> None:
    # one pattern of turn 1 rad: the fitted gamma distribution has no width, delta = 1, factor 1 - 1 / (2 pi)
    angles = np.array([[0.6, -0.4, 1.2], [0.1, 0.3, -0.8]])
    quat = Rotation.from_euler("xyz", angles).as_quat(scalar_first=True)
    final_w = np.concatenate([np.tile([0.0, 0.0, 0.6], (2, 1)), quat], axis=1)
    tips_w = final_w[:, :3] - [0.0, 0.0, 0.1]
    rng = np.random.default_rng(0)
    pose_w = sample_trajectories(HAND, final_w, tips_w, _ramp(turn=1.0), num_steps=50, mix=False, rng=rng).pose_w
    start = Rotation.from_quat(pose_w[:, 0, 3:], scalar_first=True).as_euler("xyz")
    # 1e-4: the fit by moments keeps a width of 1e-6 rad
    np.testing.assert_allclose(start, angles * (1.0 - 1.0 / (2.0 * np.pi)), atol=1e-4)


def test_large_turns_are_cut_and_half_turns_and_gimbal_lock_are_no_trouble() -> None:
    quats = [
        [0.0, 1.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 1.0],
        [0.5, -0.5, 0.5, 0.5],
        [-0.5, 0.5, -0.5, -0.5],
        [0.0, 0.6, 0.8, 0],
    ]
    quats += [list(Rotation.from_euler("xyz", [0.7, -np.pi / 2, 0.4]).as_quat(scalar_first=True))]
    final_w = np.concatenate([np.tile([0.0, 0.0, 0.6], (6, 1)), np.array(quats)], axis=1)
    tips_w = final_w[:, :3] - [0.0, 0.0, 0.1]
    for turn, largest in ((4.0, MAX_START_TURN), (0.0, 1e-4)):
        patterns = _ramp(turn=turn)
        pose_w = sample_trajectories(
            HAND, final_w, tips_w, patterns, num_steps=50, mix=False, rng=np.random.default_rng(0)
        ).pose_w
        assert np.isfinite(pose_w).all()
        # float64 arc cosines near 1 are exact to some 1e-8
        assert _turn(pose_w).max() <= largest + 1e-6


def test_unit_quaternions_without_jumps_of_sign() -> None:
    quat = _sample(mix=True).pose_w[..., 3:]
    np.testing.assert_allclose(np.linalg.norm(quat, axis=2), 1.0, atol=1e-12)
    assert (quat[:, 1:] * quat[:, :-1]).sum(axis=2).min() > 0.98


@pytest.mark.parametrize("mix", [False, True])
def test_arrival_varies(mix: bool) -> None:
    arrival = _sample(mix=mix).arrival_step
    assert np.quantile(arrival, 0.1) < 28
    assert np.quantile(arrival, 0.9) > 38
    assert arrival.min() >= 18
    assert arrival.max() <= 46
    assert np.bincount(arrival).max() / COUNT < 0.15


def test_arrival_is_the_first_step_of_staying_close() -> None:
    pose_w = np.tile([0.0, 0.0, 0.3, 1.0, 0.0, 0.0, 0.0], (4, 6, 1))
    pose_w[0, :3, 0] = [0.02, 0.006, 0.004]  # within 5 mm from step 2 on
    pose_w[1, [0, 1, 3], 0] = 0.01  # leaves once more at step 3
    half = 0.5 * np.array([0.2, 0.06, 0.04])  # within 0.05 rad from step 2 on
    pose_w[2, :3, 3], pose_w[2, :3, 4] = np.cos(half), np.sin(half)
    np.testing.assert_array_equal(arrival_steps(pose_w), [2, 4, 2, 0])


def test_position_follows_the_pattern_and_rotation_its_mean() -> None:
    pattern = np.tile(np.linspace(0.0, 1.0, NUM_SAMPLES)[:, None], (1, 3)) ** [1.0, 2.0, 3.0]
    patterns = WristPatterns(pattern[None], np.full((1, 3), 1.0))
    final_w = np.array([[0.1, 0.2, 0.6, *Rotation.from_euler("xyz", [0.5, 0.4, 0.3]).as_quat(scalar_first=True)]])
    tips_w = final_w[:, :3] - [0.1, 0.1, 0.1]
    rng = np.random.default_rng(0)
    pose_w = sample_trajectories(HAND, final_w, tips_w, patterns, num_steps=101, mix=False, rng=rng).pose_w[0]
    start, end = pose_w[0], pose_w[-1]
    # 101 steps are the 102 samples
    np.testing.assert_allclose(pose_w[:, :3], start[:3] + pattern * (end[:3] - start[:3]), atol=1e-12)
    angle = _turn(pose_w[None])[0]
    np.testing.assert_allclose(angle, angle[0] * (1.0 - pattern.mean(axis=1)), atol=1e-6)


def test_mixture_lies_between_two_patterns() -> None:
    ramp = np.linspace(0.0, 1.0, NUM_SAMPLES)[:, None] * np.ones(3)
    patterns = WristPatterns(np.stack([ramp, ramp**2]), np.zeros((2, 3)))
    final_w, tips_w = some_grasps(300)
    final_w[:, 2] += 0.3
    tips_w[:, 2] += 0.3
    rng = np.random.default_rng(0)
    pose_w = sample_trajectories(HAND, final_w, tips_w, patterns, num_steps=50, mix=True, rng=rng).pose_w
    way = np.linalg.norm(pose_w[:, 25, :3] - pose_w[:, 0, :3], axis=1)
    share = way / np.linalg.norm(pose_w[:, -1, :3] - pose_w[:, 0, :3], axis=1)
    # halfway in time the ramps have covered 0.5 and 0.25; a quarter of the pairs each are alike, the rest in between
    inside = (share > 0.2501) & (share < 0.4999)
    assert share.min() >= 0.25 - 1e-3
    assert share.max() <= 0.5 + 1e-3
    assert 0.4 < inside.mean() < 0.6


def test_same_generator_same_trajectories_and_another_one_differs() -> None:
    first, second, third = (_sample(mix=True, seed=seed).pose_w for seed in (7, 7, 8))
    np.testing.assert_array_equal(first, second)
    assert (first[:, 0] != third[:, 0]).any(axis=1).all()


def test_inputs_stay_as_they_were() -> None:
    final_w, tips_w = some_grasps(20)
    before, tips_before = final_w.copy(), tips_w.copy()
    sample_trajectories(
        HAND, final_w, tips_w, generate_patterns(), num_steps=50, mix=True, rng=np.random.default_rng(0)
    )
    np.testing.assert_array_equal(final_w, before)
    np.testing.assert_array_equal(tips_w, tips_before)


def _refused(final_w: Array, tips_w: Array, message: str, **more: Any) -> None:
    settings = {"num_steps": 50, "mix": False, "rng": np.random.default_rng(0), **more}
    with pytest.raises(ValueError, match=message):
        sample_trajectories(HAND, final_w, tips_w, generate_patterns(), **settings)  # type: ignore[arg-type]


def test_wrong_shapes_are_named() -> None:
    final_w, tips_w = some_grasps(5)
    _refused(final_w[:, :6], tips_w, r"final_pose_w has shape \(5, 6\), expected \(K, 7\)")
    _refused(final_w[:0], tips_w[:0], r"final_pose_w has shape \(0, 7\), expected \(K, 7\) with K > 0")
    _refused(final_w, tips_w[:4], r"fingertip_centre_w has shape \(4, 3\), expected \(5, 3\)")
    _refused(final_w, tips_w, "num_steps is 0", num_steps=0)


def test_bad_values_are_named_with_their_row() -> None:
    final_w, tips_w = some_grasps(5)
    tips_w[3, 0] = np.nan
    _refused(final_w, tips_w, "row 3 is not finite")
    final_w, tips_w = some_grasps(5)
    final_w[2, 3:] *= 2.0
    _refused(final_w, tips_w, "row 2 has a quaternion of length 2, expected 1")
    final_w, tips_w = some_grasps(5)
    tips_w[4] = final_w[4, :3]
    _refused(final_w, tips_w, "row 4: the fingertip centre lies at the wrist")


def test_final_wrist_under_the_table() -> None:
    final_w, tips_w = some_grasps(5)
    final_w[1, 2] = -0.02
    _refused(final_w, tips_w, r"final wrist pose 1 lies 0\.020 m under the table")


def test_trajectory_out_of_reach() -> None:
    final_w, tips_w = some_grasps(5)
    final_w[2, 0] += 20.0
    tips_w[2, 0] += 20.0
    _refused(final_w, tips_w, r"trajectory 2 leaves the reachable space: x, y up to .* \(allowed 1\.2\)")
    final_w, tips_w = some_grasps(5)
    final_w[3, 2] += 1.0
    tips_w[3, 2] += 1.0
    _refused(final_w, tips_w, r"trajectory 3 leaves the reachable space: .* \(allowed above 0 to 1\.0\)")


def test_way_back_that_can_only_lead_through_the_table() -> None:
    # fingertips straight above a low wrist: every start of App. A.1 lies under the table
    final_w = np.array([[0.0, 0.0, 0.05, 1.0, 0.0, 0.0, 0.0]])
    _refused(final_w, final_w[:, :3] + [0.0, 0.0, 0.15], "trajectory 0 leaves the reachable space: .* height -0")
