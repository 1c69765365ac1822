"""Training curves in one picture."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

from reports import curves as reports_curves
from reports.curves import (
    POLICY_PANELS,
    field_chart,
    field_numbers,
    main,
    mean_curve,
    policy_chart,
    policy_numbers,
)  # fmt: skip
from reports.run_logs import Curve, PolicyRun, read_logs
from tests.reports.boards import write_log


def curve(steps: list[float], values: list[float]) -> Curve:
    return Curve(np.array(steps, dtype=np.float64), np.array(values, dtype=np.float64))


def seed(offset: float) -> PolicyRun:
    """Everything that a run logs."""
    curves = {panel[0]: curve([100, 200, 300], [offset, offset + 0.1, offset + 0.2]) for panel in POLICY_PANELS}
    curves["train/ppo/kl"] = curve([200, 300], [0.1, 0.2])
    # the loss of the imitation, which ended at 100, stays in the log of its epoch
    return PolicyRun({**curves, "train/ppo/imitation_loss": curve([100, 200], [1.0, 0.5])}, 12.345)


def test_seeds_are_averaged_where_all_have_values() -> None:
    mean = mean_curve([curve([0, 100, 200], [0, 1, 2]), curve([50, 200, 300], [3, 6, 9])])
    assert mean is not None
    np.testing.assert_allclose(mean.at, [50, 100, 200])
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
    policy_chart({"a": seed(0.2), "b": seed(0.4)}).draw(tmp_path / "x.png", "two seeds")
    panels = [axis for axis in drawn[0].axes if axis.get_visible()]
    assert len(panels) == len(POLICY_PANELS) == 18
    for axis in panels:
        assert [line.get_label() for line in axis.lines] == ["a", "b", "mean", "end of imitation"]
    success = panels[0].lines
    np.testing.assert_allclose(success[2].get_ydata(), [30, 40, 50])  # percent
    np.testing.assert_allclose(success[2].get_xdata(), [0.1, 0.2, 0.3])  # thousand agent steps
    np.testing.assert_allclose(success[3].get_xdata(), [0.2, 0.2])  # the first divergence


@pytest.mark.parametrize(("splits", "columns"), [(("development",), 4), (("unseen_instances", "unseen_families"), 5)])
def test_panels_of_a_measure_stand_in_a_row_of_their_own(
    splits: tuple[str, ...], columns: int, drawn: list[Figure], tmp_path: Path
) -> None:
    curves = {
        tag: found
        for tag, found in seed(0.2).curves.items()
        if not tag.startswith("val/") or tag.rpartition("/")[2] in splits
    }
    policy_chart({"a": PolicyRun(curves, 1.0)}).draw(tmp_path / "curves.png")
    panels = [axis.get_title() for axis in drawn[0].axes if axis.get_visible()]
    assert len(panels) == 3 * columns
    assert [title.partition(",")[0] for title in panels[::columns]] == [
        "success", "posture error", "object moved before the lift",
    ]  # fmt: skip


def test_measures_that_were_logged_once_or_never_have_no_panel(drawn: list[Figure], tmp_path: Path) -> None:
    once = curve([200], [0.8])  # a single validation, at the end
    only = PolicyRun({"train/ppo/kl": curve([100, 200], [0.1, np.nan]), "val/success/unseen_families": once}, 1.0)
    policy_chart({"a": only}).draw(tmp_path / "x.png")
    assert [len(axis.lines) for axis in drawn[0].axes if axis.get_visible()] == [1]


def test_runs_that_measured_nothing_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"the logs have no curve of the scalars train/episode/success, "):
        policy_chart({"a": PolicyRun({}, 0.0)}).draw(tmp_path / "x.png")


def test_numbers_are_valid_json_and_short() -> None:
    run = PolicyRun({"train/ppo/kl": curve([100, 200], [0.123456789, np.nan]), "epoch": curve([100], [0])}, 12.345)
    kl = {"agent_steps": [100.0, 200.0], "value": [0.12346, None]}
    assert json.loads(json.dumps(policy_numbers({"a": run}))) == {
        "a": {"minutes": 12.3, "curves": {"train/ppo/kl": kl}}
    }


def test_the_command_draws_the_runs(tmp_path: Path) -> None:
    for name in ("s0", "s1"):
        write_log(tmp_path / name, {"train/agent_steps": {0: 100.0, 1: 200.0}, "train/ppo/kl": {0: 0.1, 1: 0.2}})
    out, numbers = tmp_path / "pictures" / "curves.png", tmp_path / "curves.json"
    main([str(tmp_path / "s0"), str(tmp_path / "s1"), "--output", str(out), "--json", str(numbers)])
    assert len(np.unique(np.asarray(Image.open(out)).reshape(-1, 4), axis=0)) > 10
    assert set(json.loads(numbers.read_text())) == {"s0", "s1"}


def test_kept_curves_stand_beside_a_new_run_and_stay_as_they_were(tmp_path: Path, drawn: list[Figure]) -> None:
    kept = tmp_path / "kept.json"
    kept.write_text(json.dumps(policy_numbers({"seed 0": seed(0.2)})))
    write_log(tmp_path / "s1", {"train/agent_steps": {0: 100.0, 1: 200.0}, "train/ppo/kl": {0: 0.3, 1: 0.4}})
    main([str(kept), str(tmp_path / "s1"), "--output", str(tmp_path / "x.png"), "--json", str(tmp_path / "both.json")])
    both = json.loads((tmp_path / "both.json").read_text())
    assert list(both) == ["seed 0", "s1"]
    assert both["seed 0"] == json.loads(kept.read_text())["seed 0"]
    assert [line.get_label() for line in drawn[0].axes[0].lines] == ["seed 0"]


def test_kept_curves_and_a_folder_of_one_name_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "kept.json").write_text(json.dumps(policy_numbers({"s1": seed(0.2)})))
    write_log(tmp_path / "s1", {"train/agent_steps": {0: 100.0}})
    with pytest.raises(SystemExit):
        main([str(tmp_path / "kept.json"), str(tmp_path / "s1"), "--output", str(tmp_path / "x.png")])
    assert "s1: names both of kept curves and of folders" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["[]", "{}x", '{"splits": {"train": {}}}', '{"val/dsm_loss/train": {"step": [0]}}'])
def test_other_files_are_no_kept_curves(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other.json").write_text(content)
    with pytest.raises(SystemExit):
        main([str(tmp_path / "other.json"), "--output", str(tmp_path / "x.png")])
    assert "other.json has no curves of residual policies" in capsys.readouterr().err


def test_runs_of_the_same_name_are_told_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shown: dict[str, Any] = {}
    monkeypatch.setattr(reports_curves.Chart, "draw", lambda chart, path, title: shown.update(chart.lines))
    for name in ("a", "b"):
        write_log(tmp_path / name / "run", {"train/agent_steps": {0: 100.0}})
    main([str(tmp_path / "a" / "run"), str(tmp_path / "b" / "run"), "--output", str(tmp_path / "x.png")])
    assert list(shown) == [str(tmp_path / "a" / "run"), str(tmp_path / "b" / "run")]


def test_a_run_that_is_named_twice_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "./run", "--output", "x.png"])
    assert "a run is named twice among run, run" in capsys.readouterr().err


@pytest.fixture
def field_run(tmp_path: Path) -> Path:
    """A training of the primitive, and a test after it."""
    scalars = {"val/dsm_loss/train": (9.0, 5.0), "val/field_success/train": (0.2, 0.6), "lr-Adam": (1e-3, 1e-3)}
    curves = {tag: {0: first, 2: second} for tag, (first, second) in scalars.items()}
    write_log(tmp_path / "run" / "version_0", curves)
    write_log(tmp_path / "run" / "version_1", {"test/field_success/train": {2: 0.6}}, began=9000.0)
    return tmp_path / "run"


def test_a_run_of_the_primitive_is_drawn_by_split_over_minutes(field_run: Path, drawn: list[Figure]) -> None:
    log = read_logs(field_run)[0]
    field_chart(log).draw(field_run / "x.png")
    loss, success = drawn[0].axes
    assert [line.get_label() for line in success.lines] == ["train"]
    np.testing.assert_allclose(success.lines[0].get_ydata(), [20.0, 60.0])  # percent
    np.testing.assert_allclose(loss.lines[0].get_xdata(), [0.0, 2.0])
    assert field_numbers(log)["val/dsm_loss/train"] == {"step": [0, 2], "minutes": [0.0, 2.0], "value": [9.0, 5.0]}


def test_the_command_draws_the_training_and_not_the_test_after_it(field_run: Path, tmp_path: Path) -> None:
    out, numbers = tmp_path / "pictures" / "curves.png", tmp_path / "curves.json"
    main([str(field_run), "--output", str(out), "--json", str(numbers)])
    picture = np.asarray(Image.open(out))
    assert picture.shape[1] > 1.5 * picture.shape[0]  # two panels side by side
    assert set(json.loads(numbers.read_text())) == {"val/dsm_loss/train", "val/field_success/train"}


def test_a_run_without_curves_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_log(tmp_path / "run", {"lr-Adam": {0: 1.0}})
    (tmp_path / "file").touch()
    for run, output, message in (
        ("run", "x.png", "the logs have no curve of the scalars val/dsm_loss/, val/field_success/"),
        ("none", "x.png", "give the default_root_dir of a run"),
        ("run", "file/x.png", "x.png cannot be written"),
    ):
        with pytest.raises(SystemExit):
            main([str(tmp_path / run), "--output", str(tmp_path / output)])
        assert message in capsys.readouterr().err
