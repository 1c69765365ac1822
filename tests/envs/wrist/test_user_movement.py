"""Movements of a user: where they end, how fast they are, what the table allows, and that shares are as set."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from envs.conventions import CONTROL_DT
from envs.hand.shadow import shadow_hand
from envs.wrist.clearance import open_hand_height
from envs.wrist.movement import KINDS, WristMovements
from envs.wrist.patterns import generate_patterns
from envs.wrist.starts import lowest_height, rotation_between
from envs.wrist.user_movement import UserMovement
from tests.envs.wrist.grasp_poses import COUNT, some_grasps

Array = NDArray[np.float64]

HAND = shadow_hand()
GRASP, CHANGE, PASS = range(3)
ONLY_GRASPS: dict[str, Any] = {"pass_by_share": 0.0, "change_of_mind_share": 0.0}
STILL: dict[str, Any] = {"tremor": 0.0}
PLAIN: dict[str, Any] = {
    **ONLY_GRASPS, **STILL, "hesitation_share": 0.0, "stop_share": 0.0, "overshoot_share": 0.0,
}  # fmt: skip


def _other_grasps() -> Array:
    """Those of the tests, turned by 40 degrees about the vertical through the fingertips, and a little higher."""
    final_w, tips_w = some_grasps()
    turn = Rotation.from_euler("z", 40.0, degrees=True)
    position = tips_w + turn.apply(final_w[:, :3] - tips_w) + [0.0, 0.0, 0.05]
    quat = (turn * Rotation.from_quat(final_w[:, 3:], scalar_first=True)).as_quat(scalar_first=True)
    return np.concatenate([position, quat], axis=1)


def _sample(*, seed: int = 0, **settings: Any) -> WristMovements:
    final_w, tips_w = some_grasps()
    more: dict[str, Any] = {"period_s": CONTROL_DT, "patterns": generate_patterns(), "mix": False}
    rng = np.random.default_rng(seed)
    return UserMovement(**settings).sample(HAND, final_w, tips_w, _other_grasps(), rng=rng, **more)


def _distance(moved: WristMovements) -> Array:
    """From the final position (K, T + 1), m."""
    return np.linalg.norm(moved.pose_w[..., :3] - some_grasps()[0][:, None, :3], axis=2)


def _speed(moved: WristMovements) -> Array:
    return np.linalg.norm(np.diff(moved.pose_w[..., :3], axis=1), axis=2) / CONTROL_DT


def _between(first: NDArray[np.int64], last: NDArray[np.int64], length: int) -> NDArray[np.bool_]:
    step = np.arange(length)
    return (step >= first[:, None]) & (step <= last[:, None])


def test_steps_follow_each_other_within_the_horizon() -> None:
    moved = _sample()
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
    moved = _sample(**STILL, overshoot_share=0.0)
    final_w, _ = some_grasps()
    rows = np.flatnonzero(moved.kind != PASS)
    for step in (moved.lift_step, moved.retry_lift_step):
        chosen = rows if step is moved.lift_step else rows[(moved.retry_steps > moved.num_steps)[rows]]
        assert len(chosen) > 100
        np.testing.assert_allclose(moved.pose_w[chosen, step[chosen]], final_w[chosen], atol=1e-12)
    distance = _distance(moved)
    rests = _between(moved.arrival_step, moved.lift_step, distance.shape[1])
    assert distance[rows][rests[rows]].max() <= 0.005
    before = distance[rows, moved.arrival_step[rows] - 1] > 0.005
    turn = rotation_between(moved.pose_w[rows, moved.arrival_step[rows] - 1, 3:], final_w[rows, 3:])
    assert (before | (np.linalg.norm(turn, axis=1) > 0.05)).all()


def test_rise_begins_in_the_lift_step_and_the_last_pose_is_repeated() -> None:
    moved = _sample(**STILL, retry_share=0.0)
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
    moved = _sample(**STILL, **ONLY_GRASPS, retry_share=1.0, horizon_s=6.0, retry_horizon_s=4.0)
    np.testing.assert_array_less(moved.num_steps, moved.retry_steps)
    distance = _distance(moved)
    rows = np.arange(COUNT)
    assert distance[rows, moved.num_steps].min() >= 0.15
    assert distance[rows, moved.retry_steps].min() >= 0.15
    dwell = (_between(moved.num_steps, moved.retry_lift_step, distance.shape[1]) & (distance < 1e-12)).sum(axis=1)
    # 0.3 to 0.6 s are 12 to 24 steps, and one more pose than steps; rounded up
    assert dwell.min() >= 13
    assert dwell.max() <= 26


def test_second_tries_are_as_frequent_as_set_and_left_out_where_they_would_not_fit() -> None:
    moved = _sample(**ONLY_GRASPS, retry_share=0.3, retry_horizon_s=10.0)
    assert abs((moved.retry_steps > moved.num_steps).mean() - 0.3) < 0.06  # three standard deviations
    assert (_sample(retry_share=1.0, retry_horizon_s=0.0).retry_steps <= 200).all()


def test_kinds_are_as_frequent_as_set() -> None:
    moved = _sample(pass_by_share=0.4, change_of_mind_share=0.3)
    share = np.bincount(moved.kind, minlength=len(KINDS)) / COUNT
    assert abs(share[PASS] - 0.4) < 0.06
    # some of the ways lead through the table, and are ordinary grasps
    assert 0.15 < share[CHANGE] < 0.36
    assert set(_sample(pass_by_share=1.0, change_of_mind_share=0.0).kind) == {PASS}
    assert set(_sample(**ONLY_GRASPS).kind) == {GRASP}


def test_durations_and_starts_cover_their_ranges() -> None:
    moved = _sample(**PLAIN, human_share=1.0)
    start = _distance(moved)[:, 0]
    assert start.min() >= 0.15 - 1e-12
    assert start.max() <= 0.35 + 1e-12
    assert np.histogram(start, bins=4, range=(0.15, 0.35))[0].min() > 0.15 * COUNT
    # contact, when 98.8 % of the way are covered: at most 4 mm before the arrival within 5 mm is measured
    duration = moved.arrival_step * CONTROL_DT
    assert duration.min() >= 0.35
    assert duration.max() <= 3.0
    # log-uniform in 0.4 to 3 s but for the limit of the speed: about half of them below 1.1 s
    assert 0.35 < (duration < 1.1).mean() < 0.6
    dwell = (moved.lift_step - moved.arrival_step) * CONTROL_DT
    assert dwell.min() >= 0.3
    assert dwell.max() <= 1.0 + CONTROL_DT
    assert 0.5 < np.median(dwell) < 0.8


@pytest.mark.parametrize("speed", [0.5, 1.0, 3.0])
def test_no_wrist_is_faster_than_its_limit(speed: float) -> None:
    moved = _sample(**STILL, speed=speed, horizon_s=12.0 if speed < 1.0 else 5.0)
    fastest = _speed(moved).max(axis=1)
    assert fastest.max() <= 1.3 * speed * 1.01
    assert fastest.max() > 1.1 * speed  # and the limit is reached


def test_tremor_and_changes_of_mind_add_no_jumps() -> None:
    # 0.3 mm at 12 Hz: 0.0003 * 2 pi * 12 = 0.023 m/s root mean square, less than five times that at its largest
    assert _speed(_sample(change_of_mind_share=0.5)).max() < 1.3 + 0.115


def test_factor_of_the_speed_shortens_movements_and_not_dwells() -> None:
    slow, fast = _sample(**PLAIN, horizon_s=20.0), _sample(**PLAIN, horizon_s=20.0, speed=2.0)
    ratio = slow.arrival_step / fast.arrival_step
    assert abs(np.median(ratio) - 2.0) < 0.1
    dwell = [moved.lift_step - moved.arrival_step for moved in (slow, fast)]
    assert abs(np.median(dwell[0]) - np.median(dwell[1])) <= 2


def test_peak_of_the_speed_is_where_people_have_it() -> None:
    moved = _sample(**PLAIN, human_share=1.0, duration_s=(1.5, 1.5))
    reach = _speed(moved)[:, : int(moved.lift_step.min())]
    # 50 to 53 % of 1.5 s, the curve of the path and a step to either side
    at = (reach.argmax(axis=1) + 0.5) * CONTROL_DT / 1.5
    assert abs(at.mean() - 0.51) < 0.02
    assert at.min() > 0.44
    assert at.max() < 0.58
    at_contact = reach[:, round(1.5 / CONTROL_DT)] / reach.max(axis=1)
    assert 0.06 < at_contact.mean() < 0.13


@pytest.mark.parametrize(("share", "pace"), [("stop_share", 0.0), ("hesitation_share", 0.2)])
def test_forced_stop_and_hesitation_at_five_centimetres(share: str, pace: float) -> None:
    settings = {**PLAIN, share: 1.0, "pause_distance": (0.05, 0.05), "pause_s": (0.5, 0.5)}
    moved = _sample(**settings, hesitation_pace=(pace, pace), duration_s=(0.8, 0.8))
    distance, speed = _distance(moved), _speed(moved)
    fastest = speed.max(axis=1)
    for row in range(0, COUNT, 10):
        near = np.flatnonzero(distance[row] < (0.0502 if pace == 0.0 else 0.06))[0]
        during = speed[row, near + 2 : near + 18]  # 0.4 s
        if pace == 0.0:
            assert during.max() < 1e-9
            assert abs(distance[row, near] - 0.05) < 1e-3
        else:
            assert 0.0 < during.min() < 0.25 * fastest[row]
    plain = _sample(**{**PLAIN, "duration_s": (0.8, 0.8)})
    # a pause of 0.5 s and 0.2 s of braking
    delay = (moved.arrival_step.mean() - plain.arrival_step.mean()) * CONTROL_DT
    assert abs(delay - 0.7 * (1.0 - pace)) < 0.05


def test_overshoot_passes_the_grasp_and_comes_back() -> None:
    moved = _sample(**{**PLAIN, "overshoot_share": 1.0, "overshoot": (0.015, 0.015)}, duration_s=(0.6, 0.6))
    final_w, _ = some_grasps()
    offset = moved.pose_w[..., :3] - final_w[:, None, :3]
    back = offset[:, 0] / np.linalg.norm(offset[:, 0], axis=1, keepdims=True)
    along = (offset * back[:, None]).sum(axis=2)
    until = _between(np.zeros(COUNT, dtype=np.int64), moved.lift_step, along.shape[1])
    deepest = np.where(until, along, 0.0).min(axis=1)
    # hands that would come too low are raised
    is_free = open_hand_height(HAND, final_w) > 0.02
    assert is_free.sum() > 100
    # the way back begins a little before the way there has ended
    assert deepest[is_free].min() >= -0.015 - 1e-12
    assert deepest[is_free].max() < -0.0125
    assert np.abs(along[np.arange(COUNT), moved.lift_step]).max() < 1e-12


@pytest.mark.parametrize("settings", [{}, {"tremor": 0.01}, {"overshoot_share": 1.0}, {"change_of_mind_share": 0.85}])
def test_no_hand_goes_through_the_table(settings: dict[str, Any]) -> None:
    moved = _sample(**settings)
    final_w, _ = some_grasps()
    height = open_hand_height(HAND, moved.pose_w)
    assert (height.min(axis=1) >= lowest_height(HAND, final_w) - 1e-9).all()
    assert moved.pose_w[..., 2].min() > 0.0


def test_tremor_has_its_size_and_frequencies() -> None:
    final_w, tips_w = some_grasps()
    final_w[:, 2] += 0.2  # clear of the table
    tips_w[:, 2] += 0.2
    more: dict[str, Any] = {"period_s": CONTROL_DT, "patterns": generate_patterns(), "mix": False}
    settings = {**PLAIN, "dwell_s": (2.0, 2.0), "horizon_s": 6.0, "duration_s": (0.4, 0.5), "tremor": 0.002}
    rng = np.random.default_rng(0)
    moved = UserMovement(**settings).sample(HAND, final_w, tips_w, _other_grasps(), rng=rng, **more)
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


def test_wrists_that_pass_by_keep_their_gap_and_leave() -> None:
    moved = _sample(**STILL, pass_by_share=1.0, change_of_mind_share=0.0, pass_gap=(0.03, 0.05))
    distance = _distance(moved)
    assert distance.min() >= 0.03
    assert np.quantile(distance.min(axis=1), 0.9) < 0.06
    assert distance[np.arange(COUNT), moved.num_steps].min() >= 0.15
    # they come as those do that grasp
    start = distance[:, 0]
    assert start.min() >= 0.15 - 1e-12
    assert start.max() <= 0.35 + 1e-12


def test_changed_mind_first_heads_for_the_other_grasp() -> None:
    moved = _sample(**STILL, change_of_mind_share=0.5, pass_by_share=0.0, turn_at=(0.6, 0.6))
    rows = np.flatnonzero(moved.kind == CHANGE)
    assert len(rows) > 100
    other_w, final_w = _other_grasps()[rows], some_grasps()[0][rows]
    to_other = np.linalg.norm(moved.pose_w[rows, :, :3] - other_w[:, None, :3], axis=2)
    to_final = _distance(moved)[rows]
    start = to_other[:, 0]
    assert start.min() >= 0.15 - 1e-12
    arrival = moved.arrival_step[rows]
    to_other[np.arange(to_other.shape[1]) > arrival[:, None]] = np.inf
    # 60 % of the way are covered, and a little more while the strokes overlap
    nearest = to_other.min(axis=1) / start
    assert np.median(nearest) < 0.45
    heads = to_other.argmin(axis=1)
    assert (heads < arrival).mean() > 0.85
    # half-way to the turn the other grasp is the one that is approached straight
    early = np.minimum(heads // 2, arrival)
    place = moved.pose_w[rows, early, :3]
    way, line = place - moved.pose_w[rows, 0, :3], other_w[:, :3] - moved.pose_w[rows, 0, :3]
    cosine = (way * line).sum(axis=1) / np.linalg.norm(way, axis=1) / np.linalg.norm(line, axis=1)
    assert np.median(cosine) > 0.99
    assert to_final[np.arange(len(rows)), moved.lift_step[rows]].max() < 1e-12
    turn = rotation_between(moved.pose_w[rows, moved.lift_step[rows], 3:], final_w[:, 3:])
    assert np.linalg.norm(turn, axis=1).max() < 1e-7


def test_no_change_of_mind_without_another_grasp_in_reach() -> None:
    final_w, tips_w = some_grasps()
    movement = UserMovement(pass_by_share=0.0, change_of_mind_share=1.0)
    more: dict[str, Any] = {"period_s": CONTROL_DT, "patterns": generate_patterns(), "mix": False}
    far_w = final_w.copy()
    far_w[:, 0] += 0.5
    for other_w in (np.full_like(final_w, np.nan), far_w):
        moved = movement.sample(HAND, final_w, tips_w, other_w, rng=np.random.default_rng(0), **more)
        assert set(moved.kind) == {GRASP}
    assert not movement.is_near(final_w, far_w).any()
    assert movement.is_near(final_w, _other_grasps()).all()


def test_same_generator_same_movements_and_another_one_differs() -> None:
    first, second, third = (_sample(seed=seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first.pose_w, second.pose_w)
    np.testing.assert_array_equal(first.num_steps, second.num_steps)
    assert (first.pose_w[:, 0] != third.pose_w[:, 0]).any(axis=1).all()


def test_unit_quaternions_without_jumps() -> None:
    quat = _sample(change_of_mind_share=0.5).pose_w[..., 3:]
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
