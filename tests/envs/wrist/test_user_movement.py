"""Movements of a user: dwell, rise and second try, tremor, shares, and what is refused."""

from typing import Any

import numpy as np
import pytest

from envs.conventions import CONTROL_DT
from envs.wrist.movement import KINDS
from envs.wrist.patterns import generate_patterns
from envs.wrist.starts import rotation_between
from envs.wrist.user_movement import UserMovement
from tests.envs.wrist.grasp_poses import COUNT, some_grasps
from tests.envs.wrist.user_samples import (
    CHANGE,
    GRASP,
    HAND,
    ONLY_GRASPS,
    PASS,
    PLAIN,
    STILL,
    between,
    distance_of,
    other_grasps,
    sample,
    speed_of,
)


def test_steps_follow_each_other_within_the_horizon() -> None:
    moved = sample()
    movement = UserMovement()
    assert movement.max_steps(CONTROL_DT) == 300  # 5 + 2.5 s
    assert moved.pose_w.shape == (COUNT, 301, 7)
    assert moved.num_steps.max() <= 200
    assert moved.retry_steps.max() <= 300
    is_grasp = moved.kind != PASS
    for first, second in ((moved.arrival_step, moved.lift_step), (moved.lift_step, moved.num_steps)):
        assert (first[is_grasp] < second[is_grasp]).all()
        np.testing.assert_array_equal(first[~is_grasp], moved.num_steps[~is_grasp])
    again = moved.retry_steps > moved.num_steps
    assert (moved.num_steps < moved.retry_lift_step)[again].all()
    assert (moved.retry_lift_step < moved.retry_steps)[again].all()
    np.testing.assert_array_equal(moved.retry_lift_step[~again], moved.num_steps[~again])
    assert not again[~is_grasp].any()


def test_wrist_is_exactly_at_the_grasp_when_it_rises_and_practically_since_its_arrival() -> None:
    moved = sample(**STILL, overshoot_share=0.0)
    final_w, _ = some_grasps()
    rows = np.flatnonzero(moved.kind != PASS)
    for step in (moved.lift_step, moved.retry_lift_step):
        chosen = rows if step is moved.lift_step else rows[(moved.retry_steps > moved.num_steps)[rows]]
        assert len(chosen) > 100
        np.testing.assert_allclose(moved.pose_w[chosen, step[chosen]], final_w[chosen], atol=1e-12)
    distance = distance_of(moved)
    rests = between(moved.arrival_step, moved.lift_step, distance.shape[1])
    assert distance[rows][rests[rows]].max() <= 0.005
    before = distance[rows, moved.arrival_step[rows] - 1] > 0.005
    turn = rotation_between(moved.pose_w[rows, moved.arrival_step[rows] - 1, 3:], final_w[rows, 3:])
    assert (before | (np.linalg.norm(turn, axis=1) > 0.05)).all()


def test_rise_begins_in_the_lift_step_and_the_last_pose_is_repeated() -> None:
    moved = sample(**STILL, retry_share=0.0)
    rows = np.flatnonzero(moved.kind != PASS)
    height, lift = moved.pose_w[..., 2], moved.lift_step
    assert (height[rows, lift[rows] + 1] > height[rows, lift[rows]]).all()
    end_w = moved.pose_w[np.arange(COUNT), moved.num_steps]
    for row in range(0, COUNT, 50):
        after = moved.pose_w[row, moved.num_steps[row] :]
        np.testing.assert_array_equal(after, np.broadcast_to(end_w[row], after.shape))
    risen = end_w[rows, :3] - some_grasps()[0][rows, :3]
    assert risen[:, 2].min() >= 0.15
    assert risen[:, 2].max() <= 0.35
    drift = np.linalg.norm(risen[:, :2], axis=1) / risen[:, 2]
    assert 0.05 < drift.mean() < 0.15  # uniform in 0 to 0.2
    assert drift.max() <= 0.2 + 1e-9
    last = moved.pose_w[rows, lift[rows], 3:]
    np.testing.assert_allclose(moved.pose_w[rows, moved.num_steps[rows], 3:], last, atol=1e-12)


def test_second_try_comes_back_to_the_grasp_dwells_and_rises_again() -> None:
    moved = sample(**STILL, **ONLY_GRASPS, retry_share=1.0, horizon_s=6.0, retry_horizon_s=4.0)
    np.testing.assert_array_less(moved.num_steps, moved.retry_steps)
    distance = distance_of(moved)
    rows = np.arange(COUNT)
    assert distance[rows, moved.num_steps].min() >= 0.15
    assert distance[rows, moved.retry_steps].min() >= 0.15
    dwell = (between(moved.num_steps, moved.retry_lift_step, distance.shape[1]) & (distance < 1e-12)).sum(axis=1)
    # 0.3 to 0.6 s are 12 to 24 steps, and one more pose than steps; rounded up
    assert dwell.min() >= 13
    assert dwell.max() <= 26


def test_second_tries_are_as_frequent_as_set_and_left_out_where_they_would_not_fit() -> None:
    moved = sample(**ONLY_GRASPS, retry_share=0.3, retry_horizon_s=10.0)
    assert abs((moved.retry_steps > moved.num_steps).mean() - 0.3) < 0.06  # three standard deviations
    assert (sample(retry_share=1.0, retry_horizon_s=0.0).retry_steps <= 200).all()


def test_kinds_are_as_frequent_as_set() -> None:
    moved = sample(pass_by_share=0.4, change_of_mind_share=0.3)
    share = np.bincount(moved.kind, minlength=len(KINDS)) / COUNT
    assert abs(share[PASS] - 0.4) < 0.06
    # some of the ways lead through the table, and are ordinary grasps
    assert 0.15 < share[CHANGE] < 0.36
    assert set(sample(pass_by_share=1.0, change_of_mind_share=0.0).kind) == {PASS}
    assert set(sample(**ONLY_GRASPS).kind) == {GRASP}


def test_tremor_and_changes_of_mind_add_no_jumps() -> None:
    # 0.3 mm at 12 Hz: 0.0003 * 2 pi * 12 = 0.023 m/s root mean square, less than five times that at its largest
    assert speed_of(sample(change_of_mind_share=0.5)).max() < 1.3 + 0.115


def test_factor_of_the_speed_shortens_movements_and_not_dwells() -> None:
    slow, fast = sample(**PLAIN, horizon_s=20.0), sample(**PLAIN, horizon_s=20.0, speed=2.0)
    ratio = slow.arrival_step / fast.arrival_step
    assert abs(np.median(ratio) - 2.0) < 0.1
    dwell = [moved.lift_step - moved.arrival_step for moved in (slow, fast)]
    assert abs(np.median(dwell[0]) - np.median(dwell[1])) <= 2


def test_tremor_has_its_size_and_frequencies() -> None:
    final_w, tips_w = some_grasps()
    final_w[:, 2] += 0.2  # clear of the table
    tips_w[:, 2] += 0.2
    more: dict[str, Any] = {"period_s": CONTROL_DT, "patterns": generate_patterns(), "mix": False}
    settings = {**PLAIN, "dwell_s": (2.0, 2.0), "horizon_s": 6.0, "duration_s": (0.4, 0.5), "tremor": 0.002}
    rng = np.random.default_rng(0)
    moved = UserMovement(**settings).sample(HAND, final_w, tips_w, other_grasps(), rng=rng, **more)
    squares, inside, total = [], 0.0, 0.0
    for row in range(COUNT):
        dwell = moved.pose_w[row, moved.lift_step[row] - 40 : moved.lift_step[row], :3] - final_w[row, :3]
        squares.append((dwell**2).sum(axis=1).mean())
        power = (np.abs(np.fft.rfft(dwell * np.hanning(40)[:, None], axis=0)) ** 2).sum(axis=1)
        rate = np.fft.rfftfreq(40, CONTROL_DT)
        total += power.sum()
        inside += power[(rate >= 6.5) & (rate <= 13.5)].sum()
    assert abs(np.sqrt(np.mean(squares)) - 0.002) < 1e-4
    assert inside / total > 0.97


def test_same_generator_same_movements_and_another_one_differs() -> None:
    first, second, third = (sample(seed=seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first.pose_w, second.pose_w)
    np.testing.assert_array_equal(first.num_steps, second.num_steps)
    assert (first.pose_w[:, 0] != third.pose_w[:, 0]).any(axis=1).all()


def test_unit_quaternions_without_jumps() -> None:
    quat = sample(change_of_mind_share=0.5).pose_w[..., 3:]
    np.testing.assert_allclose(np.linalg.norm(quat, axis=2), 1.0, atol=1e-12)
    # 1.3 m/s over a lever of 0.1 m are 13 rad/s, 0.33 rad a step: cos(0.16) = 0.987
    assert np.abs((quat[:, 1:] * quat[:, :-1]).sum(axis=2)).min() > 0.98


def test_wrong_input_is_named() -> None:
    final_w, tips_w = some_grasps(5)
    more: dict[str, Any] = {"patterns": generate_patterns(), "mix": False, "rng": np.random.default_rng(0)}
    with pytest.raises(ValueError, match=r"other_pose_w has shape \(4, 7\), expected \(5, 7\)"):
        UserMovement().sample(HAND, final_w, tips_w, final_w[:4], period_s=CONTROL_DT, **more)
    with pytest.raises(ValueError, match="tremor_hz reaches 12 Hz, allowed below 10 for control steps"):
        UserMovement().sample(HAND, final_w, tips_w, final_w, period_s=0.05, **more)
    tips_w[3, 0] = np.nan
    with pytest.raises(ValueError, match="row 3 is not finite"):
        UserMovement().sample(HAND, final_w, tips_w, final_w, period_s=CONTROL_DT, **more)
