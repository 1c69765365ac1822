"""Numbers that no grasp has are told, those at their bounds are not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datamodules.formats.beyond_measure import MAX_ANGLE, MAX_DISTANCE, MIN_SCALE, beyond_measure
from datamodules.formats.foreign import ForeignGrasp

GRASP = ForeignGrasp(
    joints={"FFJ3": 0.1, "THJ5": -0.2},
    wrist_pose_m=np.array([0.0, 0.1, -0.2, 1.0, 0.0, 0.0, 0.0]),
    mesh=Path("mesh.obj"),
    scale=0.08,
    code="bottle",
    family="bottle",
    plane_m=None,
    origin="a file",
)


def palm(z: float) -> np.ndarray:
    return np.array([0.0, 0.0, z, 1.0, 0.0, 0.0, 0.0])


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"scale": MIN_SCALE},
        {"wrist_pose_m": palm(-MAX_DISTANCE)},
        {"joints": {"FFJ3": -MAX_ANGLE}},
        {"joints": {}},
        {"pregrasp": {"FFJ3": MAX_ANGLE}, "squeeze": {}},
    ],
)
def test_what_can_be_computed_with_is_left_alone(change: dict[str, Any]) -> None:
    assert beyond_measure(replace(GRASP, **change)) == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scale": 0.9 * MIN_SCALE}, "the object's true scale is 9e-06, allowed from 1e-05"),
        ({"scale": np.nan}, "the object's true scale is nan"),
        (
            {"wrist_pose_m": palm(-1.01 * MAX_DISTANCE)},
            "the palm is 10.1 m from the object, allowed 10; are these m",
        ),
        ({"wrist_pose_m": palm(np.nan)}, "the palm is nan m from the object"),
        ({"joints": {"FFJ3": 0.1, "THJ5": -45.0}}, "joint THJ5 is at -45, allowed up to 6.28 rad; are these degrees?"),
        ({"pregrasp": {"FFJ3": 6.3}}, "joint FFJ3 is at 6.3, allowed"),
        ({"squeeze": {"FFJ3": -6.3}}, "joint FFJ3 is at -6.3, allowed"),
    ],
)
def test_what_is_beyond_is_told(change: dict[str, Any], words: str) -> None:
    cause = beyond_measure(replace(GRASP, **change))
    assert words in cause
    assert "eave this entry out" in cause
