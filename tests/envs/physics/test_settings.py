"""Physical constants as a value."""

import pytest

from envs.conventions import CONTROL_DT
from envs.physics.settings import PhysicsSettings


def test_the_control_period_is_that_of_the_task_unless_told_otherwise() -> None:
    assert PhysicsSettings().control_dt == CONTROL_DT
    # 4 x 2.5 ms
    assert PhysicsSettings(timestep=0.0025, steps_per_control=4).control_dt == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"timestep": 0.0}, r"timestep is 0\.0 s and steps_per_control 5; a control step takes at least one"),
        ({"timestep": -0.005}, r"timestep is -0\.005 s"),
        ({"steps_per_control": 0}, r"timestep is 0\.005 s and steps_per_control 0; .*such as 5 of 0\.005 s"),
    ],
)
def test_a_control_step_of_no_length_is_refused(given: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PhysicsSettings(**given)  # type: ignore[arg-type]


def test_the_released_codes_physics_are_four_steps_of_a_hundred_and_twentieth_with_friction_3() -> None:
    released = PhysicsSettings.released()
    assert (released.timestep * 120.0, released.steps_per_control, released.friction) == (1.0, 4, 3.0)
    assert released.control_dt == pytest.approx(1.0 / 30.0)
