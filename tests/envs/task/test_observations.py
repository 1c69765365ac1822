"""The table of observation groups, and what may be seen by whom."""

import pytest
import torch

from envs.hand.shadow import shadow_hand
from envs.task.observations import (
    ASKED_GROUPS,
    OBSERVATION_GROUPS,
    POLICY_GROUPS,
    PRIVILEGED_GROUPS,
    Observation,
    check_groups,
    flat_size,
    group_shape,
)


def made_up(names: tuple[str, ...] = PRIVILEGED_GROUPS, count: int = 3) -> Observation:
    groups = {
        name: torch.full((count, *group_shape(name, shadow_hand())), float(index)) for index, name in enumerate(names)
    }
    return Observation(groups)


def test_a_policy_sees_what_the_paper_lets_it_see_and_its_own_command() -> None:
    assert set(POLICY_GROUPS) == {"joint_pos", "coupled_pos", "wrist_history", "wrist_past", "points_h", "command"}
    assert set(ASKED_GROUPS) == {*PRIVILEGED_GROUPS, "other_joints"}
    assert set(POLICY_GROUPS) | set(ASKED_GROUPS) == set(OBSERVATION_GROUPS)
    assert not set(POLICY_GROUPS) & set(ASKED_GROUPS)


def test_what_is_told_is_shown_on_request_and_not_hidden() -> None:
    check_groups(["other_joints"], for_policy=True)
    assert "other_joints" not in PRIVILEGED_GROUPS


def test_groups_stand_side_by_side_in_the_order_asked_for() -> None:
    observation = made_up(("remaining", "goal_wrist"))
    assert len(observation) == 3
    flat = observation.flat(("goal_wrist", "remaining"))
    torch.testing.assert_close(flat, torch.tensor([[1.0] * 6 + [0.0] * 2] * 3))
    assert flat_size(("goal_wrist", "remaining"), shadow_hand()) == 8


def test_the_size_of_every_group_is_that_of_the_table() -> None:
    observation = made_up(tuple(OBSERVATION_GROUPS))
    for name in OBSERVATION_GROUPS:
        assert observation.flat([name]).shape == (3, flat_size([name], shadow_hand())), name


def test_no_groups_have_no_columns() -> None:
    assert made_up().flat(()).shape == (3, 0)
    assert flat_size((), shadow_hand()) == 0


def test_a_group_that_was_not_observed_is_named() -> None:
    with pytest.raises(KeyError, match="the observation has no group 'contacts', only remaining; ask the environment"):
        made_up(("remaining",))["contacts"]


@pytest.mark.parametrize("for_policy", [True, False])
def test_an_unknown_group_is_named(for_policy: bool) -> None:
    with pytest.raises(ValueError, match=r"observation group 'goal_joint' is unknown; available: joint_pos.*contacts"):
        check_groups(["joint_pos", "goal_joint"], for_policy=for_policy)


@pytest.mark.parametrize("name", PRIVILEGED_GROUPS)
def test_hidden_state_is_refused_to_a_policy_alone(name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name!r} is privileged: .*; a policy may see joint_pos, .*to the critic"):
        check_groups([name], for_policy=True)
    check_groups([name], for_policy=False)
    check_groups(POLICY_GROUPS, for_policy=True)
