"""Movements from several sources in one draw."""

import numpy as np
import pytest

from envs.hand.shadow import shadow_hand
from envs.wrist.mixture import MixedMovements
from envs.wrist.movement import AUTOMATIC, PatternApproach, WristMovements
from envs.wrist.patterns import generate_patterns
from envs.wrist.user_movement import UserMovement
from tests.envs.wrist.grasp_poses import some_grasps


def drawn(movement: MixedMovements, count: int = 200) -> WristMovements:
    final_w, tips_w = some_grasps(count)
    nowhere = np.full_like(final_w, np.nan)
    return movement.sample(
        shadow_hand(), final_w, tips_w, nowhere, period_s=0.025, patterns=generate_patterns(), mix=True,
        rng=np.random.default_rng(0),
    )  # fmt: skip


def test_each_movement_is_whole_and_goes_to_its_own_grasp() -> None:
    found = drawn(MixedMovements([PatternApproach(), UserMovement(pass_by_share=0.0, tremor=0.0)], [0.3, 0.7]))
    final_w, _ = some_grasps(200)
    is_paper = found.lift_step == AUTOMATIC
    assert 0.2 < is_paper.mean() < 0.4
    assert (found.num_steps[is_paper] == 50).all()
    assert len(np.unique(found.num_steps[~is_paper])) > 20
    at_grasp = np.where(is_paper, found.num_steps, found.lift_step)
    np.testing.assert_allclose(found.pose_w[np.arange(200), at_grasp, :3], final_w[:, :3], atol=1e-9)
    assert np.ptp(found.pose_w[is_paper, 50:], axis=1).max() == 0.0  # the shorter ones rest at their end


def test_the_longest_source_says_how_long_a_movement_may_be() -> None:
    user = UserMovement()
    assert MixedMovements([PatternApproach(), user], [0.5, 0.5]).max_steps(0.025) == user.max_steps(0.025)


@pytest.mark.parametrize("shares", [[0.333333, 0.666666], [0.300001, 0.700002]])
def test_shares_that_were_rounded_are_shares(shares: list[float]) -> None:
    """Those that the constructor takes are drawn from."""
    sources, whole = [PatternApproach(), UserMovement()], sum(shares)
    exact = drawn(MixedMovements(sources, [share / whole for share in shares]))
    found = drawn(MixedMovements(sources, shares))
    np.testing.assert_array_equal(found.pose_w, exact.pose_w)


@pytest.mark.parametrize(
    ("sources", "shares", "message"),
    [
        ([], [], "0 sources of movements have 0 shares"),
        ([PatternApproach()], [0.5, 0.5], "1 sources of movements have 2 shares"),
        ([PatternApproach()], [0.5], r"shares are \[0.5\]; expected numbers of at least 0 that add up to 1"),
        ([PatternApproach()] * 2, [-0.5, 1.5], r"shares are \[-0.5, 1.5\]"),
    ],
)
def test_shares_have_to_fit(sources: list[PatternApproach], shares: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MixedMovements(sources, shares)
