"""What the task's settings refuse together."""

import pytest

from envs.task.settings import TaskSettings
from envs.wrist.movement import PatternApproach
from envs.wrist.user_movement import UserMovement


def test_steps_of_an_episode_beside_a_movement_are_refused() -> None:
    """They were ignored: the movement says how long an episode lasts."""
    with pytest.raises(ValueError, match=r"episode_steps of the task is 40 and movement is set.*\(horizon_s of UserM"):
        TaskSettings(episode_steps=40, movement=UserMovement())
    assert TaskSettings(episode_steps=50, movement=UserMovement()).wrist == UserMovement()
    assert TaskSettings(episode_steps=40).wrist == PatternApproach(40)


def test_a_step_without_end_is_refused() -> None:
    with pytest.raises(ValueError, match="max_joint_step of the task is inf, expected a number above 0, and finite"):
        TaskSettings(max_joint_step=float("inf"))
