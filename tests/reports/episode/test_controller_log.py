"""The log of a controller, told and drawn."""

import logging
from pathlib import Path

import numpy as np
import pytest

from envs.hand.shadow import shadow_hand
from envs.objects.builder import make_object
from live.log import ControllerLog, Step
from reports.episode.controller_log import picture_steps, read_logged_run, told
from reports.replay import main

HAND = shadow_hand()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    log, thing = ControllerLog(), make_object("box", 0)
    log.hand, log.cloud = HAND.name, thing.cloud
    zeros, nowhere = np.zeros(HAND.num_joints), np.full(7, np.nan)
    for number in range(40):
        wrist = nowhere if number < 2 else np.array([-0.085, 0.0, 0.12, 0.5, 0.5, 0.5, 0.5])
        state = "idle" if number < 10 else "assist" if number < 30 else "holding"
        message = "the wrist is not seen: the grip is kept" if number < 4 else ""
        log.add(Step(100.0 + 0.025 * number, wrist, thing.rest_poses[0], HAND.open_pose, HAND.open_pose + 0.01 * number,
                     zeros, zeros, state, message, 0.002))  # fmt: skip
    return log.save(tmp_path_factory.mktemp("log") / "log.npz")


def test_it_says_what_happened(path: Path) -> None:
    text = told(read_logged_run(path))
    assert "40 control steps in 1.0 s: idle from 0.00 s, assist from 0.25 s, holding from 0.75 s." in text
    assert "Fingers frozen in 10.0 % of the steps: the wrist is not seen: the grip is kept." in text
    assert "A step took 2.0 ms" in text


def test_pictures_show_changes_of_state_and_no_step_without_a_wrist(path: Path) -> None:
    assert picture_steps(read_logged_run(path)) == [2, 10, 20, 30, 39]


def test_replay_draws_it(path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        main([str(path), "--folder", str(tmp_path)])
    assert (tmp_path / "replay_log.png").stat().st_size > 20_000
    assert "40 control steps" in caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [({"a_s": None}, "has no field a_s"), ({"hand": np.array("claw")}, "claw"),
     ({"joint_pos": np.zeros((40, 3))}, r"has joints \(40, 3\)")],
)  # fmt: skip
def test_what_is_no_log_is_refused(path: Path, tmp_path: Path, change: dict[str, object], message: str) -> None:
    with np.load(path) as content:
        arrays = {name: content[name] for name in content.files} | change
    np.savez(tmp_path / "other.npz", **{name: values for name, values in arrays.items() if values is not None})  # type: ignore[arg-type]
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        read_logged_run(tmp_path / "other.npz")


def test_a_missing_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([str(tmp_path / "none.npz")])
    assert "none.npz" in capsys.readouterr().err
