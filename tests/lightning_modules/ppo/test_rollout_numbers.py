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
        measures={"posture_rad": torch.tensor([0.5, 1.0, 1.5])},
        hand_action=torch.zeros(STEPS, WORLDS, 18),
        memory={"mean": mean},
    )
    numbers = rollout_numbers(rollout, {"physics": 3.0, "update": 1.0})
    assert numbers == pytest.approx(
        {
            "train/reward/success": 4.0,  # the sum over an episode
            "train/episode/posture_rad": 1.0,
            "train/time_share/physics": 0.75,
            "train/time_share/update": 0.25,
            "train/action/a_s": 0.7,
            "train/action/a_r_rms": 0.2,
            "train/agent_steps_per_s": 3.0,  # 12 agent steps in 4 seconds
        }
    )


def test_a_policy_without_scale_and_residual_has_no_numbers_of_them() -> None:
    numbers = rollout_numbers(made_up_rollout(), {"physics": 1.0})
    assert not any(name.startswith("train/action/") for name in numbers)
