"""Training seeds in one picture."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

from reports import policy_curves
from reports.policy_curves import PANELS, curves_as_json, draw_runs, main, mean_curve
from reports.run_curves import RunCurve, RunCurves
from tests.reports.boards import write_log


def curve(steps: list[float], values: list[float]) -> RunCurve:
    return RunCurve(np.array(steps, dtype=np.float64), np.array(values, dtype=np.float64))


def seed(offset: float) -> RunCurves:
    """Everything that a run logs."""
    curves = {panel[0]: curve([100, 200, 300], [offset, offset + 0.1, offset + 0.2]) for panel in PANELS}
    curves["train/ppo/kl"] = curve([200, 300], [0.1, 0.2])
    # the loss of the imitation, which ended at 100, stays in the log of its epoch
    return RunCurves({**curves, "train/ppo/imitation_loss": curve([100, 200], [1.0, 0.5])}, 12.345)


def test_seeds_are_averaged_where_all_have_values() -> None:
    mean = mean_curve([curve([0, 100, 200], [0, 1, 2]), curve([50, 200, 300], [3, 6, 9])])
    assert mean is not None
    np.testing.assert_allclose(mean.agent_steps, [50, 100, 200])
    # second curve at 100: 3 + 3 * 50 / 150 = 4
    np.testing.assert_allclose(mean.value, [(0.5 + 3) / 2, (1 + 4) / 2, (2 + 6) / 2])


def test_one_seed_has_no_mean() -> None:
    assert mean_curve([curve([0, 100], [0, 1])]) is None
    assert mean_curve([curve([0, 100], [0, 1]), curve([], [])]) is None
    assert mean_curve([curve([0, 100], [0, 1]), curve([200, 300], [0, 1])]) is None


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Figures that were closed."""
    figures: list[Figure] = []
    monkeypatch.setattr(plt, "close", figures.append)
    return figures


def test_every_measure_has_a_panel_with_a_line_a_seed_and_their_mean(drawn: list[Figure], tmp_path: Path) -> None:
    draw_runs({"a": seed(0.2), "b": seed(0.4)}, tmp_path / "x.png", "two seeds")
    panels = [axis for axis in drawn[0].axes if axis.get_visible()]
    assert len(panels) == len(PANELS) == 15
    for axis in panels:
        assert [line.get_label() for line in axis.lines] == ["a", "b", "mean", "end of imitation"]
    success = panels[0].lines
    np.testing.assert_allclose(success[2].get_ydata(), [30, 40, 50])  # percent
    np.testing.assert_allclose(success[2].get_xdata(), [0.1, 0.2, 0.3])  # thousand agent steps
    np.testing.assert_allclose(success[3].get_xdata(), [0.2, 0.2])  # the first divergence


def test_measures_that_were_logged_once_or_never_have_no_panel(drawn: list[Figure], tmp_path: Path) -> None:
    once = curve([200], [0.8])  # a single validation, at the end
    only = RunCurves({"train/ppo/kl": curve([100, 200], [0.1, np.nan]), "val/success/unseen_families": once}, 1.0)
    draw_runs({"a": only}, tmp_path / "x.png")
    assert [len(axis.lines) for axis in drawn[0].axes if axis.get_visible()] == [1]


def test_runs_that_measured_nothing_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"the runs have no curve of the scalars train/episode/success, "):
        draw_runs({"a": RunCurves({}, 0.0)}, tmp_path / "x.png")


def test_numbers_are_valid_json_and_short() -> None:
    run = RunCurves({"train/ppo/kl": curve([100, 200], [0.123456789, np.nan]), "epoch": curve([100], [0])}, 12.345)
    kl = {"agent_steps": [100.0, 200.0], "value": [0.12346, None]}
    assert json.loads(curves_as_json({"a": run})) == {"a": {"minutes": 12.3, "curves": {"train/ppo/kl": kl}}}


def test_the_command_draws_the_runs(tmp_path: Path) -> None:
    for name in ("s0", "s1"):
        write_log(tmp_path / name, {"train/agent_steps": {0: 100.0, 1: 200.0}, "train/ppo/kl": {0: 0.1, 1: 0.2}})
    out, numbers = tmp_path / "pictures" / "curves.png", tmp_path / "curves.json"
    main([str(tmp_path / "s0"), str(tmp_path / "s1"), "--output", str(out), "--json", str(numbers)])
    assert len(np.unique(np.asarray(Image.open(out)).reshape(-1, 4), axis=0)) > 10
    assert set(json.loads(numbers.read_text())) == {"s0", "s1"}


def test_runs_of_the_same_name_are_told_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shown: dict[str, Any] = {}
    monkeypatch.setattr(policy_curves, "draw_runs", lambda runs, path, title: shown.update(runs))
    for name in ("a", "b"):
        write_log(tmp_path / name / "run", {"train/agent_steps": {0: 100.0}})
    main([str(tmp_path / "a" / "run"), str(tmp_path / "b" / "run"), "--output", str(tmp_path / "x.png")])
    assert list(shown) == [str(tmp_path / "a" / "run"), str(tmp_path / "b" / "run")]


def test_a_run_that_is_named_twice_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "./run", "--output", "x.png"])
    assert "a run is named twice among run, run" in capsys.readouterr().err
