"""A level changes what it names, and nothing else."""

from dataclasses import replace
from typing import Any

import pytest

from callbacks.assist.stress_axes import Setting, StressAxis, StressLevel, level_settings
from envs.task.perception import PerceptionNoise
from envs.task.settings import TaskSettings
from envs.wrist.user_movement import UserMovement

NOMINAL = Setting(TaskSettings(movement=UserMovement(retry_share=0.0)), None)


def test_a_level_changes_the_movement_the_noise_and_the_task() -> None:
    level = StressLevel(2, movement={"speed": 2.0}, noise={"wrist_lost": 0.1}, task={"object_shift_m": 0.02})
    setting = level.setting(NOMINAL)
    assert setting.task == TaskSettings(object_shift_m=0.02, movement=UserMovement(retry_share=0.0, speed=2.0))
    assert setting.noise == PerceptionNoise(wrist_lost=0.1)
    noisy = replace(NOMINAL, noise=PerceptionNoise(point_m=0.001))
    assert level.setting(noisy).noise == PerceptionNoise(point_m=0.001, wrist_lost=0.1)
    assert StressLevel("as it is").setting(NOMINAL) == NOMINAL


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"movement": {"sped": 2}}, "stress level 2, movement: 'sped' is no field of UserMovement; it has horizon_s"),
        ({"noise": {"points": 2}}, "'points' is no field of PerceptionNoise; it has wrist_position_m"),
        ({"task": {"shift": 2}}, "'shift' is no field of TaskSettings; it has episode_steps"),
        ({"movement": {"speed": 200}}, "speed is 200, allowed one number within 0.1 to 10"),
        ({"task": {"episode_steps": 40}}, "task episode_steps: episode_steps of the task is 40 and movement is set"),
    ],
)
def test_settings_that_do_not_exist_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StressLevel(2, **changes).setting(NOMINAL)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"movement": {"sped": 2}}, "stress level 9, movement: 'sped' is no field of UserMovement"),
        ({"movement": {"speed": 200}}, "stress level 9, movement speed: speed is 200, allowed one number within 0.1"),
        ({"noise": {"wrist_lost": 2.0}}, "stress level 9, noise wrist_lost: perception noise wrist_lost is 2.0"),
        ({"noise": {"point_m": "far"}}, "stress level 9, noise point_m: must be real number, not str"),
    ],
)
def test_an_error_names_axis_level_and_key(changes: dict[str, Any], message: str) -> None:
    axes = {"quick": StressAxis([StressLevel(2)]), "slow": StressAxis([StressLevel(3), StressLevel(9, **changes)])}
    place = r"stress axis slow \(axes\.slow\.levels\[1\] of StressReport in the configuration\): "
    with pytest.raises(ValueError, match=place + message):
        level_settings(axes, NOMINAL)


def test_every_level_has_its_setting() -> None:
    axes = {"speed": StressAxis([StressLevel(1), StressLevel(2, movement={"speed": 2.0})])}
    settings = level_settings(axes, NOMINAL)
    assert settings == {"speed": [NOMINAL, StressLevel(2, movement={"speed": 2.0}).setting(NOMINAL)]}


def test_a_task_without_a_movement_has_none_to_change() -> None:
    with pytest.raises(ValueError, match=r"no field of NoneType; it has none: give the task a movement, as configs/"):
        StressLevel(2, movement={"speed": 2}).setting(Setting(TaskSettings(), None))


@pytest.mark.parametrize(
    "options",
    [
        {"levels": []},
        {"levels": [StressLevel(1), StressLevel(1)]},
        {"levels": [StressLevel(1)], "nominal": 1},
        {"levels": [StressLevel(1), StressLevel("one camera")]},
    ],
)
def test_senseless_values_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="give at least one level, each value once, numbers or names"):
        StressAxis(**options)


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="has kind 'fly'; allowed are grasp, change_of_mind, pass_by, or null"):
        StressAxis([StressLevel(1)], kind="fly")


def test_what_counts_follows_from_the_kind() -> None:
    levels = [StressLevel(1)]
    assert StressAxis(levels).measure == StressAxis(levels, kind="change_of_mind").measure == "success"
    assert StressAxis(levels, kind="pass_by").measure == "disturbed"
