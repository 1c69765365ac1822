"""A range whose ends are the wrong way round is called reversed, wherever one is given."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datamodules.grasps.approach_views import ApproachViews
from envs.hand.own_hand import read_hand
from envs.ranges import reversed_note
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
