"""One panel an axis."""

import numpy as np
import pytest

from callbacks.assist.stress_axes import StressAxis, StressLevel
from callbacks.assist.stress_picture import draw_stress
from callbacks.assist.stress_report import stress_json
from tests.callbacks.assist.stress_examples import PERIOD_S, made_up_level, shares

pytestmark = pytest.mark.usefixtures("fast_objects")


def test_numbers_are_curves_with_the_nominal_one_in_its_place_and_names_are_points() -> None:
    axes = {
        "wrist_speed": StressAxis([StressLevel(0.5), StressLevel(2)], unit="times", nominal=1),
        "camera": StressAxis([StressLevel("one")], nominal="all around"),
    }
    levels = {"wrist_speed": [made_up_level(shares(4, 1)), made_up_level(shares(5, 1))]}
    levels["camera"] = [made_up_level(shares(1, 5))]
    figure = draw_stress(stress_json(axes, made_up_level(shares(3, 4)), levels, PERIOD_S))
    speed, camera = (axis for axis in figure.axes if axis.axison)
    assert speed.get_title() == "wrist speed: ahead"
    assert speed.get_xlabel() == "times"
    ours = next(line for line in speed.lines if line.get_label() == "ours")
    np.testing.assert_allclose(np.asarray(ours.get_xydata()), [[0.5, 80.0], [1.0, 60.0], [2.0, 100.0]])
    assert [label.get_text() for label in camera.get_xticklabels()] == ["all around", "one"]
    assert len(camera.containers) == 2  # bars of both policies
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["ours", "primitive triggered"]
