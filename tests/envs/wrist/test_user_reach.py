"""How a user's wrist comes: speeds, pauses, overshoots, the table, other grasps, and wrists that pass by."""

from typing import Any

import numpy as np
import pytest

from envs.conventions import CONTROL_DT
from envs.wrist.clearance import open_hand_height
from envs.wrist.patterns import generate_patterns
from envs.wrist.starts import lowest_height, rotation_between
from envs.wrist.user_movement import UserMovement
from tests.envs.wrist.grasp_poses import COUNT, some_grasps
from tests.envs.wrist.user_samples import (
    CHANGE,
    GRASP,
    HAND,
    PLAIN,
    STILL,
    between,
    distance_of,
    other_grasps,
    sample,
    speed_of,
)


def test_durations_and_starts_cover_their_ranges() -> None:
    moved = sample(**PLAIN, human_share=1.0)
    start = distance_of(moved)[:, 0]
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
    moved = sample(**STILL, speed=speed, horizon_s=12.0 if speed < 1.0 else 5.0)
    fastest = speed_of(moved).max(axis=1)
    assert fastest.max() <= 1.3 * speed * 1.01
    assert fastest.max() > 1.1 * speed  # and the limit is reached


def test_peak_of_the_speed_is_where_people_have_it() -> None:
    moved = sample(**PLAIN, human_share=1.0, duration_s=(1.5, 1.5))
    reach = speed_of(moved)[:, : int(moved.lift_step.min())]
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
    moved = sample(**settings, hesitation_pace=(pace, pace), duration_s=(0.8, 0.8))
    distance, speed = distance_of(moved), speed_of(moved)
    fastest = speed.max(axis=1)
    for row in range(0, COUNT, 10):
        near = np.flatnonzero(distance[row] < (0.0502 if pace == 0.0 else 0.06))[0]
        during = speed[row, near + 2 : near + 18]  # 0.4 s
        if pace == 0.0:
            assert during.max() < 1e-9
            assert abs(distance[row, near] - 0.05) < 1e-3
        else:
            assert 0.0 < during.min() < 0.25 * fastest[row]
    plain = sample(**{**PLAIN, "duration_s": (0.8, 0.8)})
    # a pause of 0.5 s and 0.2 s of braking
    delay = (moved.arrival_step.mean() - plain.arrival_step.mean()) * CONTROL_DT
    assert abs(delay - 0.7 * (1.0 - pace)) < 0.05


def test_overshoot_passes_the_grasp_and_comes_back() -> None:
    moved = sample(**{**PLAIN, "overshoot_share": 1.0, "overshoot": (0.015, 0.015)}, duration_s=(0.6, 0.6))
    final_w, _ = some_grasps()
    offset = moved.pose_w[..., :3] - final_w[:, None, :3]
    back = offset[:, 0] / np.linalg.norm(offset[:, 0], axis=1, keepdims=True)
    along = (offset * back[:, None]).sum(axis=2)
    until = between(np.zeros(COUNT, dtype=np.int64), moved.lift_step, along.shape[1])
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
    moved = sample(**settings)
    final_w, _ = some_grasps()
    height = open_hand_height(HAND, moved.pose_w)
    assert (height.min(axis=1) >= lowest_height(HAND, final_w) - 1e-9).all()
    assert moved.pose_w[..., 2].min() > 0.0


def test_wrists_that_pass_by_keep_their_gap_and_leave() -> None:
    moved = sample(**STILL, pass_by_share=1.0, change_of_mind_share=0.0, pass_gap=(0.03, 0.05))
    distance = distance_of(moved)
    assert distance.min() >= 0.03
    assert np.quantile(distance.min(axis=1), 0.9) < 0.06
    assert distance[np.arange(COUNT), moved.num_steps].min() >= 0.15
    # they come as those do that grasp
    start = distance[:, 0]
    assert start.min() >= 0.15 - 1e-12
    assert start.max() <= 0.35 + 1e-12


def test_changed_mind_first_heads_for_the_other_grasp() -> None:
    moved = sample(**STILL, change_of_mind_share=0.5, pass_by_share=0.0, turn_at=(0.6, 0.6))
    rows = np.flatnonzero(moved.kind == CHANGE)
    assert len(rows) > 100
    other_w, final_w = other_grasps()[rows], some_grasps()[0][rows]
    to_other = np.linalg.norm(moved.pose_w[rows, :, :3] - other_w[:, None, :3], axis=2)
    to_final = distance_of(moved)[rows]
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
    assert movement.is_near(final_w, other_grasps()).all()


def test_mind_does_not_change_on_a_way_through_the_table_or_the_grasped_place() -> None:
    final_w, tips_w = some_grasps()
    settings = {**STILL, "pass_by_share": 0.0, "change_of_mind_share": 1.0, "overshoot_share": 0.0}
    more: dict[str, Any] = {"period_s": CONTROL_DT, "patterns": generate_patterns(), "mix": False}
    low_w = other_grasps(raised=-0.2)
    movement = UserMovement(**settings, turn_at=(0.9, 0.9))
    assert movement.is_near(final_w, low_w).mean() > 0.3
    moved = movement.sample(HAND, final_w, tips_w, low_w, rng=np.random.default_rng(0), **more)
    # where even the start of the way, 10 cm before the other grasp at least, is under the table
    is_under = open_hand_height(HAND, low_w) < -0.2
    assert is_under.sum() > 50
    assert set(moved.kind[is_under]) == {GRASP}

    across_w = other_grasps(angle_deg=180.0, raised=0.0)
    movement = UserMovement(**settings, max_turn_deg=180.0, max_turn_m=1.0, turn_at=(0.8, 0.8))
    moved = movement.sample(HAND, final_w, tips_w, across_w, rng=np.random.default_rng(0), **more)
    rows = np.flatnonzero(moved.kind == CHANGE)
    assert 50 < len(rows) < 500
    until = between(np.zeros(len(rows), dtype=np.int64), moved.lift_step[rows], moved.pose_w.shape[1])
    from_tips = np.linalg.norm(moved.pose_w[rows, :, :3] - tips_w[rows, None], axis=2)
    kept = np.where(until, from_tips, np.inf).min(axis=1) / np.linalg.norm(final_w[rows, :3] - tips_w[rows], axis=1)
    assert kept.min() > 0.89  # 90 %, checked at 40 moments of the way
