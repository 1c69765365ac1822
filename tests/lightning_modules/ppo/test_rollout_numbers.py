"""What a rollout says about the learning."""

from dataclasses import replace

import pytest
import torch

from lightning_modules.ppo.rollout_numbers import rollout_numbers
from tests.lightning_modules.ppo.test_samples import STEPS, WORLDS, made_up_rollout


def test_numbers_are_named_and_worked_out_over_an_episode() -> None:
    rollout = made_up_rollout()
    mean = torch.cat([torch.full((STEPS, WORLDS, 18), 0.7), torch.full((STEPS, WORLDS, 18), -0.2)], dim=2)
    rollout = replace(
        rollout,
        terms={"success": torch.ones(STEPS, WORLDS)},
        measures={
            "success": torch.tensor([1.0, 0.0, 1.0]),
            "posture_rad": torch.tensor([0.5, 9.0, 1.5]),
            "is_grasp": torch.tensor([1.0, 0.0, 1.0]),
        },
        hand_action=torch.zeros(STEPS, WORLDS, 18),
        memory={"mean": mean},
    )
    numbers = rollout_numbers(rollout, {"physics": 3.0, "update": 1.0})
    assert numbers == pytest.approx(
        {
            "train/reward/success": 4.0,  # the sum over an episode
            "train/episode/success": 1.0,  # of the two worlds with a grasp
            "train/episode/posture_rad": 1.0,
            "train/episode/disturbed": 1.0,  # in the third
            "train/time_share/physics": 0.75,
            "train/time_share/update": 0.25,
            "train/action/a_s": 0.7,
            "train/action/a_r_rms": 0.2,
            "train/agent_steps_per_s": 2.0,  # 8 agent steps in 4 seconds: one of three worlds is lost
        }
    )


def test_steps_that_did_not_happen_do_not_count() -> None:
    rollout = made_up_rollout()
    is_valid = torch.ones(STEPS, WORLDS, dtype=torch.bool)
    is_valid[-1, 0] = False
    mean = torch.full((STEPS, WORLDS, 36), 0.5)
    mean[-1, 0] = 0.0  # nothing is decided there
    memory, hand_action = {"mean": mean}, torch.zeros(STEPS, WORLDS, 18)
    rollout = replace(rollout, is_valid=is_valid, memory=memory, hand_action=hand_action)
    numbers = rollout_numbers(rollout, {"physics": 1.0})
    assert numbers["train/agent_steps_per_s"] == 11.0
    assert numbers["train/action/a_s"] == numbers["train/action/a_r_rms"] == 0.5


def test_a_policy_without_scale_and_residual_has_no_numbers_of_them() -> None:
    numbers = rollout_numbers(made_up_rollout(), {"physics": 1.0})
    assert not any(name.startswith("train/action/") for name in numbers)


def test_a_policy_that_remembers_no_means_has_no_numbers_of_them() -> None:
    rollout = made_up_rollout()
    measures = {"success": torch.ones(WORLDS), "is_grasp": torch.ones(WORLDS)}
    rollout = replace(rollout, measures=measures, memory={"action": torch.zeros(STEPS, WORLDS, 19)})
    numbers = rollout_numbers(rollout, {"update": 1.0})
    assert not any(name.startswith("train/action/") for name in numbers)
    assert numbers["train/episode/success"] == 1.0
