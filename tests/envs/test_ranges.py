"""A range whose ends are the wrong way round is called reversed; a number out of its interval is named."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datamodules.grasps.approach_views import ApproachViews
from envs.hand.own_hand import read_hand
from envs.ranges import AT_LEAST_1, FINITE, NOT_NEGATIVE, POSITIVE, SHARE, Interval, check_numbers, reversed_note
from envs.wrist.pattern_ranges import PatternRanges
from envs.wrist.user_movement import UserMovement
from envs.wrist.user_settings import _PAIRS
from lightning_modules.composition import ExtentAndResidual
from lightning_modules.diffusion.sde import VESDE, VPSDE
from lightning_modules.ppo.kl_schedule import AdaptiveLearningRate
from tests.envs.hand.claw import HAND, write_claw

NAMED = r"\(reversed: the lower end comes first\)"


@pytest.mark.parametrize(
    ("settings", "given", "told"),
    [
        *((UserMovement, {name: getattr(UserMovement, name)[::-1]}, f"^{name} is ") for name in _PAIRS),
        (PatternRanges, {"skew": (1.6, 1.0)}, r"^skew is \(1\.6, 1\.0\) "),
        (ApproachViews, {"start_distance": (0.2, 0.15)}, r"^start_distance is \(0\.2, 0\.15\) "),
        (ExtentAndResidual, {"band": (0.4, 0.1)}, r"^band is \(0\.4, 0\.1\) "),
        (AdaptiveLearningRate, {"low": 0.1, "high": 0.01}, r"low 0\.1 and high 0\.01 "),
        (VPSDE, {"beta_min": 2.0, "beta_max": 1.0}, r"^beta_min 2\.0, beta_max 1\.0 "),
        (VESDE, {"sigma_min": 2.0, "sigma_max": 1.0}, r"^sigma_min 2\.0, sigma_max 1\.0 "),
    ],
)
def test_a_reversed_range_is_called_that(settings: Callable[..., Any], given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=f"{told}.*{NAMED}|{told}{NAMED}"):
        settings(**given)


def test_reversed_limits_in_a_hand_file_are_called_that(tmp_path: Path) -> None:
    write_claw(tmp_path)
    claw = tmp_path / "claw.yaml"
    claw.write_text(HAND + "limits: {q1: [2.0, 0.3]}\n")
    with pytest.raises(ValueError, match=rf"limits: q1 has \[2, 0\.3\] {NAMED}, expected a lower and a higher limit"):
        read_hand(claw)


def test_a_range_in_order_is_not() -> None:
    assert reversed_note(0.1, 0.3) == reversed_note(0.2, 0.2) == reversed_note(float("nan"), 1.0) == ""


@pytest.mark.parametrize(
    ("interval", "inside", "outside", "told"),
    [
        (FINITE, (-1e300, 0.0), (math.inf, -math.inf), "a finite number"),
        (POSITIVE, (1e-300, 3), (0.0, -1.0, math.inf), "a finite number above 0"),
        (NOT_NEGATIVE, (0, 0.0, 5.0), (-1e-300, math.inf), "a finite number of at least 0"),
        (SHARE, (0.0, 0.5, 1), (-0.1, 1.1, math.inf), r"a number in \[0, 1\]"),
        (AT_LEAST_1, (1, 10**9), (0, -1), "at least 1"),
        (Interval(0.0, has_low=False), (0.1, math.inf), (0.0, -1.0), "a number above 0"),
        (Interval(0.0, 1.0, has_high=False), (0.0, 0.9), (1.0, -0.1), r"a number in \[0, 1\)"),
        (Interval(0.0, 1.0, has_low=False), (0.1, 1.0), (0.0, 1.1), r"a number in \(0, 1\]"),
    ],
)
def test_a_number_out_of_its_interval_is_named(
    interval: Interval, inside: tuple[float, ...], outside: tuple[float, ...], told: str
) -> None:
    for value in inside:
        check_numbers({"size": value, "other": -1.0}, {"size": interval})
    for value in (*outside, math.nan):
        with pytest.raises(ValueError, match=f"^size is {value}; {told} is needed$"):
            check_numbers({"size": value}, {"size": interval})


def test_settings_that_are_not_given_are_no_numbers() -> None:
    check_numbers({"size": None}, {"size": POSITIVE, "other": POSITIVE})
