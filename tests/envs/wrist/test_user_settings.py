"""Settings of the user's movements: what is refused, by name, and that the command line can build them."""

from typing import Any

import pytest
from jsonargparse import ArgumentParser

from envs.wrist.movement import WristMovement
from envs.wrist.user_movement import UserMovement


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pass_by_share": 1.2}, r"pass_by_share is 1\.2, allowed one number within 0 to 1"),
        ({"dwell_s": (1.0, 90.0)}, r"dwell_s is \(1\.0, 90\.0\), allowed lowest and highest within 0 to 60"),
        (
            {"dwell_s": (1.0, 0.3)},
            r"dwell_s is \(1\.0, 0\.3\) \(reversed: the lower end comes first\), allowed lowest and highest",
        ),
        ({"tremor": float("nan")}, "tremor is nan, allowed one number"),
        ({"speed": 0.0}, r"speed is 0\.0, allowed one number within 0\.1 to 10"),
        ({"pass_by_share": 0.6, "change_of_mind_share": 0.6}, r"pass_by_share and change_of_mind_share add up to 1\.2"),
        ({"hesitation_share": 0.9, "stop_share": 0.2}, r"hesitation_share and stop_share add up to 1\.1"),
        ({"pass_gap": (0.02, 0.2)}, r"pass_gap reaches 0\.2 m and start_distance begins at 0\.15 m"),
        ({"horizon_s": 2.0}, r"horizon_s is 2, allowed from 3\.5: the longest pause"),
    ],
)
def test_settings_out_of_bounds_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        UserMovement(**settings)


def test_a_pair_where_one_number_is_expected_and_the_reverse_are_refused() -> None:
    with pytest.raises(ValueError, match=r"tremor is \(0\.0, 0\.001\), allowed one number"):
        UserMovement(tremor=(0.0, 0.001))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"dwell_s is 0\.5, allowed lowest and highest"):
        UserMovement(dwell_s=0.5)  # type: ignore[arg-type]


def test_is_built_by_class_path() -> None:
    parser = ArgumentParser()
    parser.add_argument("--movement", type=WristMovement)
    chosen = {"class_path": "envs.wrist.user_movement.UserMovement", "init_args": {"dwell_s": [0.2, 0.4], "speed": 2.0}}
    movement = parser.instantiate(parser.parse_object({"movement": chosen})).movement
    assert movement == UserMovement(dwell_s=(0.2, 0.4), speed=2.0)
