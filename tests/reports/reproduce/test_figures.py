"""Training curves of several seeds."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from reports.reproduce.figures import SCALARS, curves_figure, gains
from reports.run_logs import Curve, PolicyRun

SUCCESS = next(iter(SCALARS))


def training(at: list[float], value: list[float], minutes: float = 10.0) -> PolicyRun:
    return PolicyRun({SUCCESS: Curve(np.array(at), np.array(value))}, minutes)


def drawn(figure: Figure) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Lines and corners of bands of the panel of success, thousand agent steps and per cent."""
    axis = figure.axes[0]
    lines = [np.asarray(line.get_xydata()) for line in axis.lines]
    bands = [np.asarray(path.vertices) for band in axis.collections for path in band.get_paths()]
    plt.close(figure)
    return lines, bands


def test_seeds_of_unequal_lengths_are_averaged_where_all_have_values() -> None:
    long = training([0, 1000, 2000, 3000], [0.0, 0.2, 0.4, 0.6])
    short = training([1000, 2000], [0.4, 0.4])
    figure = curves_figure({"ours": [long, short]}, {"ours": "Ours"})
    [line], [band] = drawn(figure)
    assert [[text.get_text() for text in legend.get_texts()] for legend in figure.legends] == [["Ours (2)"]]
    assert figure.axes[0].get_legend() is None  # it would lie over the curves
    # at 1 and 2 thousand: means of 20 and 40, of 40 and 40
    np.testing.assert_allclose(line, [[1.0, 30.0], [2.0, 40.0]])
    assert band[:, 0].min() == 1.0
    assert band[:, 0].max() == 2.0
    assert band[:, 1].min() == pytest.approx(20.0)
    assert band[:, 1].max() == pytest.approx(40.0)


def test_seeds_that_have_values_nowhere_together_are_drawn_one_by_one() -> None:
    begin, end = training([0, 1000], [0.0, 0.2]), training([2000, 3000], [0.4, 0.6])
    lines, bands = drawn(curves_figure({"ours": [begin, end]}, {"ours": "Ours"}))
    assert [line[:, 0].tolist() for line in lines] == [[0.0, 1.0], [2.0, 3.0]]
    assert bands == []


def test_a_rise_has_an_interval_over_training_seeds() -> None:
    # first and last two values: rises of 0.4 and 0.6 with other noise in each
    runs = {"ours": [training([1, 2, 3, 4], [0.0, 0.2, 0.4, 0.6]), training([1, 2, 3, 5], [0.1, 0.1, 0.9, 0.5])]}
    text, numbers = gains(runs, {"ours": "Ours"})
    # 0.5 +- t(0.975, 1) sd / sqrt(2) = 12.706 * 0.14142 / 1.41421 = 1.2706
    assert numbers["ours"]["rise"] == pytest.approx(
        {"mean": 0.5, "low": 0.5 - 1.2706, "high": 0.5 + 1.2706, "n": 2}, abs=1e-4
    )
    assert "| Ours | 10.0 | 60.0 | 50.0 [-77.1, 177.1] |" in text
    assert numbers["ours"]["agent_steps"] == 5.0


def test_a_rise_of_one_seed_has_no_interval() -> None:
    # a second training that logged nothing finite is none
    runs = {"ours": [training([1, 2, 3, 4], [0.0, 0.2, 0.4, 0.6]), training([1, 2], [np.nan, np.nan])]}
    text, numbers = gains(runs, {"ours": "Ours"})
    assert numbers["ours"]["rise"] == pytest.approx({"mean": 0.4, "n": 1})
    assert "| Ours | 10.0 | 50.0 | 40.0 |" in text
    assert text.rstrip().endswith("| 1 |")
