"""Reward terms against hand calculations, and how they add up."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from envs.task.outcomes import CAUSES, EpisodeOutcome
from envs.task.rewards import (
    PRESETS,
    TERMS,
    RewardSettings,
    StepFacts,
    displacement,
    final_terms,
    fingertip,
    following,
    following_signs,
    goal,
    height,
    height_clipped,
    reward_terms,
)


def rows(*values: dict[int, float]) -> Tensor:
    """Vectors (E, 18) that are zero but for the given joints."""
    joints = torch.zeros(len(values), 18)
    for row, entries in enumerate(values):
        for joint, value in entries.items():
            joints[row, joint] = value
    return joints


def facts(**changes: Tensor | None) -> StepFacts:
    """Two worlds: the first moves 0.05 rad along the primitive, the second against it."""
    start = StepFacts(
        joint_pos_before=torch.zeros(2, 18),
        joint_pos=rows({4: 0.05}, {4: -0.05}),
        a_p=rows({4: 0.7}, {4: 0.7}),
        fingertip_distance=torch.full((2, 5), 0.1),
        goal_joint_pos=rows({4: 0.05}, {4: 0.05}),
        object_shift=torch.tensor([0.004, 0.0]),
    )
    return replace(start, **changes)


def outcome(rise: float, is_success: bool = False) -> EpisodeOutcome:
    """One world whose object stood 10 cm high."""
    one = np.ones(1)
    return EpisodeOutcome(
        is_success=np.array([is_success]),
        is_grasp=np.array([True]),
        second_try=np.array([0]),
        held_steps=np.array([0]),
        rise=rise * one,
        slip=0.0 * one,
        height=0.1 * one,
        is_diverged=np.array([False]),
        joint_pos=np.zeros((1, 18)),
        posture_rad=one,
        translation_m=one,
        rotation_cos=one,
        cause=np.array([CAUSES.index("slipped_in_lift")]),
    )


def total(terms: Mapping[str, Tensor]) -> Tensor:
    """The reward (E,)."""
    return torch.stack(list(terms.values())).sum(dim=0)


# --- terms


def test_following_projects_the_joint_change_on_the_primitive() -> None:
    # a_p = (3, 4, 0, ...), length 5: <(0.6, 0.8), (0.05, -0.05)> = 0.03 - 0.04
    found = following(rows({0: 3.0, 1: 4.0}), rows({0: 0.05, 1: -0.05}))
    torch.testing.assert_close(found, torch.tensor([-0.01]))


def test_following_depends_on_the_primitives_direction_alone() -> None:
    change = torch.randn(6, 18, generator=torch.Generator().manual_seed(0))
    a_p = torch.randn(6, 18, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(following(a_p, change), following(20.0 * a_p, change))
    # the most that a change can get is its own length
    torch.testing.assert_close(following(change, change), change.norm(dim=1))


def test_following_nothing_is_worth_nothing() -> None:
    assert following(torch.zeros(1, 18), torch.ones(1, 18)).tolist() == [0.0]


def test_signs_count_shares_of_full_speed() -> None:
    # every joint at full speed in the primitive's direction: 18 * 0.05 / (0.05 * 18) = 1
    signs = torch.tensor([[1.0, -1.0] * 9])
    torch.testing.assert_close(following_signs(0.01 * signs, 0.05 * signs), torch.ones(1))
    torch.testing.assert_close(following_signs(0.01 * signs, -0.05 * signs), -torch.ones(1))
    # one joint of 18 at half speed
    torch.testing.assert_close(following_signs(signs, rows({0: 0.025})), torch.tensor([0.5 / 18.0]))


def test_fingertips_pay_their_mean_distance() -> None:
    # mean of 0, 0.05, 0.1, 0.15, 0.2 m is 0.1 m; over 12.5
    torch.testing.assert_close(fingertip(torch.tensor([[0.0, 0.05, 0.1, 0.15, 0.2]])), torch.tensor([-0.008]))


def test_pushing_costs_its_way_and_no_more_than_two_centimetres_a_step() -> None:
    found = displacement(torch.tensor([0.0, 0.004, 0.5]))
    torch.testing.assert_close(found, torch.tensor([0.0, -0.004, -0.02]))
    terms = reward_terms(RewardSettings({"displacement": 3.0}), facts(), torch.tensor([0, 1]))
    torch.testing.assert_close(terms["displacement"], torch.tensor([-0.012, 0.0]))


def test_the_goal_pays_the_distance_of_joints() -> None:
    # |(3, 4)| = 5 rad; 5 / 5.8852 / 50
    found = goal(rows({0: 3.0, 7: 0.0}), rows({7: 4.0}))
    torch.testing.assert_close(found, torch.tensor([-5.0 / 294.26]))


def test_height_is_the_rise_and_clipped_between_zero_and_one_metre_above_the_table() -> None:
    rise, start = torch.tensor([-0.02, 0.3, 0.97, 0.5]), torch.tensor([0.1, 0.1, 0.1, 1.2])
    assert height(rise, start).tolist() == rise.tolist()
    torch.testing.assert_close(height_clipped(rise, start), torch.tensor([0.0, 0.3, 0.9, 0.0]))


# --- sums


def test_following_is_due_in_every_fifth_step_and_in_the_last() -> None:
    settings = RewardSettings.preset("paper")
    due = [
        step for step in range(50) if reward_terms(settings, facts(), torch.tensor(step))["following"].abs().sum() > 0
    ]
    assert due == list(range(4, 50, 5))
    # 0.09 * 0.05 rad, forwards and backwards
    torch.testing.assert_close(
        reward_terms(settings, facts(), torch.tensor(4))["following"], torch.tensor([0.0045, -0.0045])
    )
    often = replace(settings, follow_every=1)
    assert all(reward_terms(often, facts(), torch.tensor(step))["following"].abs().sum() > 0 for step in range(5))


def test_worlds_may_be_in_different_steps() -> None:
    found = reward_terms(RewardSettings.preset("paper"), facts(), torch.tensor([4, 5]))["following"]
    torch.testing.assert_close(found, torch.tensor([0.0045, 0.0]))


def test_dense_terms_count_in_every_step() -> None:
    terms = reward_terms(RewardSettings.preset("ppo_goal"), facts(), torch.tensor(0))
    assert set(terms) == {"fingertip", "goal"}
    torch.testing.assert_close(terms["fingertip"], torch.full((2,), -0.1 / 12.5))
    torch.testing.assert_close(terms["goal"], torch.tensor([0.0, -0.1 / 294.26]))


def test_weights_scale_terms_and_absent_terms_are_not_computed() -> None:
    terms = reward_terms(RewardSettings({"fingertip": 3.0, "success": 1.0}), facts(a_p=None), torch.tensor(4))
    assert set(terms) == {"fingertip"}
    torch.testing.assert_close(terms["fingertip"], torch.full((2,), -3.0 * 0.1 / 12.5))


def test_a_failure_keeps_what_following_and_height_paid() -> None:
    # 0.0045 + 0.5 * 0.3
    last = {"following": torch.tensor([0.0045])}
    terms = final_terms(RewardSettings.preset("paper"), outcome(rise=0.3), last)
    assert set(terms) == {"following", "height", "success"}
    torch.testing.assert_close(total(terms), torch.tensor([0.1545]))


@pytest.mark.parametrize("preset", ["default", "paper", "released"])
def test_success_pays_its_weight_in_place_of_everything_else(preset: str) -> None:
    # eq. 7 with d = 1: (1 - 1) (r_sim + r_h) + 1 * lambda_s
    last = {"following": torch.tensor([0.0045])}
    terms = final_terms(RewardSettings.preset(preset), outcome(rise=0.9, is_success=True), last)
    assert total(terms).tolist() == [1.0]
    assert terms["success"].tolist() == [1.0]


def test_the_height_forms_differ_where_an_object_sinks() -> None:
    sunk = outcome(rise=-0.1)
    assert total(final_terms(RewardSettings.preset("paper"), sunk, {})).item() == pytest.approx(-0.05)
    assert total(final_terms(RewardSettings.preset("default"), sunk, {})).item() == 0.0


def test_without_a_success_term_nothing_is_replaced() -> None:
    settings = RewardSettings({"height": 0.5, "following": 0.09})
    terms = final_terms(settings, outcome(rise=0.9, is_success=True), {"following": torch.tensor([0.0045])})
    assert set(terms) == {"following", "height"}
    assert total(terms).item() == pytest.approx(0.4545)


def test_rewards_stay_in_single_precision() -> None:
    settings = RewardSettings.preset("default")
    for step in (0, 4):
        assert total(reward_terms(settings, facts(), torch.tensor(step))).dtype == torch.float32
    last = reward_terms(
        settings, StepFacts(torch.zeros(1, 18), torch.zeros(1, 18), torch.ones(1, 18)), torch.tensor(49)
    )
    assert total(final_terms(settings, outcome(0.3), last)).dtype == torch.float32


# --- bad input


def test_presets_name_terms_that_exist() -> None:
    for name, weights in PRESETS.items():
        assert RewardSettings.preset(name).weights == weights
        assert set(weights) <= set(TERMS)
    assert RewardSettings().weights == PRESETS["default"]


def test_a_preset_cannot_be_changed_through_its_settings() -> None:
    weights = RewardSettings.preset("paper").weights
    assert weights is not PRESETS["paper"]


def test_unknown_terms_and_presets_list_what_there_is() -> None:
    with pytest.raises(ValueError, match=r"reward term 'speed' is unknown; available: following, following_signs, .*"):
        RewardSettings({"following": 1.0, "speed": 1.0})
    with pytest.raises(ValueError, match=r"reward preset 'papper' is unknown; available: default, paper, released"):
        RewardSettings.preset("papper")


@pytest.mark.parametrize("weight", [float("nan"), float("inf")])
def test_a_weight_that_is_not_finite_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match=f"the weight of reward term height is {weight}; a finite number is needed"):
        RewardSettings({"following": 1.0, "height": weight})


def test_a_pause_below_one_step_is_refused() -> None:
    with pytest.raises(ValueError, match=r"follow_every is 0, expected at least 1"):
        RewardSettings(follow_every=0)


@pytest.mark.parametrize(
    ("term", "missing"), [("following", "a_p"), ("fingertip", "fingertip_distance"), ("goal", "goal_joint_pos")]
)
def test_a_term_without_its_input_is_named(term: str, missing: str) -> None:
    with pytest.raises(ValueError, match=rf"reward term '{term}' needs {missing}, which was not given"):
        reward_terms(RewardSettings({term: 1.0}), facts(**{missing: None}), torch.tensor(4))


def test_a_reward_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the reward has no terms; give one of following, .* a weight"):
        RewardSettings({})
