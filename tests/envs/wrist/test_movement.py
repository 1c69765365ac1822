"""The paper's approach behind the seam of wrist movements: nothing of it changes."""

import numpy as np
import pytest

from envs.hand.shadow import shadow_hand
from envs.wrist.movement import AUTOMATIC, KINDS, PatternApproach
from envs.wrist.patterns import generate_patterns
from envs.wrist.trajectory import sample_trajectories
from tests.envs.wrist.grasp_poses import some_grasps


@pytest.mark.parametrize("mix", [False, True])
def test_pattern_approach_is_the_papers_trajectory_to_the_bit(mix: bool) -> None:
    final_w, tips_w = some_grasps(40)
    hand, patterns = shadow_hand(), generate_patterns()
    first, second = np.random.default_rng(5), np.random.default_rng(5)
    expected = sample_trajectories(hand, final_w, tips_w, patterns, num_steps=30, mix=mix, rng=first)
    nowhere = np.full((40, 7), np.nan)
    approach = PatternApproach(30)
    moved = approach.sample(hand, final_w, tips_w, nowhere, period_s=0.025, patterns=patterns, mix=mix, rng=second)
    np.testing.assert_array_equal(moved.pose_w, expected.pose_w)
    np.testing.assert_array_equal(moved.arrival_step, expected.arrival_step)
    assert first.random() == second.random()  # nothing else was drawn
    assert len(moved) == 40
    assert approach.max_steps(0.025) == 30
    for steps in (moved.num_steps, moved.retry_lift_step, moved.retry_steps):
        np.testing.assert_array_equal(steps, 30)
    np.testing.assert_array_equal(moved.lift_step, AUTOMATIC)
    assert {KINDS[kind] for kind in moved.kind} == {"grasp"}


def test_an_approach_without_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="num_steps is 0; a movement needs at least 1 control step"):
        PatternApproach(0)
