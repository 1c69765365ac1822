"""Trials on the bench: carried by fingers that know the grasp, dropped without; kept, gone on with, and told."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from datamodules.grasps.grasp_file import load_grasp_set
from envs.conventions import CONTROL_DT
from envs.objects.library import ObjectLibrary
from live.carry import CarrySettings
from live.log import load_log
from live.ports import Reading
from live.rehearsal import __main__ as command
from live.rehearsal.disturbances import Disturbances
from live.rehearsal.links import DirectLink, UdpLink
from live.rehearsal.plan import Trial, TrialPlan
from live.rehearsal.report import filmstrips, results_table, summary
from live.rehearsal.runner import TrialResult, TrialRun
from live.rehearsal.store import TrialStore
from tests.learning import ROOT
from tests.live.fakes import ToldControl

QUICK = CarrySettings(box_w=(0.3, 0.0), height=0.15, speed=0.5, rest_s=0.2, open_s=0.8)
GRASPS = ROOT / "data" / "grasps.npz"


@pytest.fixture(scope="module")
def trial() -> Trial:
    return TrialPlan(load_grasp_set(GRASPS), ObjectLibrary(), "development", trials=1, families=("bottle",)).trials()[0]


def goal(trial: Trial) -> np.ndarray:
    """Joints of the stored grasp that the trial's pose was taken from (J,), rad."""
    plan = TrialPlan(load_grasp_set(GRASPS), ObjectLibrary(), "development", trials=1, families=("bottle",))
    return np.asarray(plan._poses[0].joint_pos[trial.pose - 1])


@pytest.fixture(scope="module")
def carried(trial: Trial, tmp_path_factory: pytest.TempPathFactory) -> tuple[TrialResult, Path]:
    link = DirectLink(ToldControl(trial.hand, goal(trial)))
    log = tmp_path_factory.mktemp("log") / "log.npz"
    result = TrialRun(trial, link, Disturbances.none(), QUICK).run()
    link.close(log)
    return result, log


def test_fingers_that_know_the_grasp_carry_the_object_to_the_box(carried: tuple[TrialResult, Path]) -> None:
    result, log = carried
    assert result.is_success, result.cause
    assert result.is_released
    states = load_log(log)["state"].tolist()
    order = list(dict.fromkeys(states))
    assert order[order.index("assist") :][:3] == ["assist", "holding", "release"]
    # at the opening, over the box
    assert np.linalg.norm(result.object_pose_w[-1, :2] - QUICK.box_w) < 0.15
    assert result.object_pose_w[-1, 2] > result.object_pose_w[0, 2] + 0.1


def test_fingers_that_stay_open_leave_the_object_behind(trial: Trial) -> None:
    link = DirectLink(ToldControl(trial.hand, goal(trial), near=-1.0))
    result = TrialRun(trial, link, Disturbances(), QUICK).run()
    link.close(None)
    assert not result.is_success
    assert result.cause in {"never_touched", "let_go", "pushed_over", "pushed_away", "hit_table"}
    assert 0.7 <= result.friction <= 1.3
    assert result.num_lost > 0


def test_results_are_kept_and_those_of_other_settings_refused(
    carried: tuple[TrialResult, Path], tmp_path: Path
) -> None:
    store = TrialStore(tmp_path, {"seed": 0, "policy": "a"})
    assert store.load("first") is None
    store.save("first", carried[0])
    again = TrialStore(tmp_path, {"seed": 0, "policy": "a"}).load("first")
    assert again is not None
    assert (again.cause, again.frames) == (carried[0].cause, carried[0].frames)
    np.testing.assert_array_equal(again.joint_pos, carried[0].joint_pos)
    with pytest.raises(ValueError, match="holds trials of policy 'a', asked for is 'b'"):
        TrialStore(tmp_path, {"seed": 0, "policy": "b"})


def test_the_table_counts_what_was_carried(trial: Trial, carried: tuple[TrialResult, Path]) -> None:
    failed = replace(carried[0], is_success=False, cause="dropped_on_the_way")
    other = replace(trial, pose=2)
    found = summary([(trial, carried[0]), (replace(trial, number=2), failed), (other, failed)])
    assert found["by_object"][trial.grasp_object.name] == {"1": [1, 2], "2": [0, 1]}
    assert found["success"]["mean"] == pytest.approx(1 / 3)
    text = results_table(found, "On a test.")
    assert "| pose 1 | 1/2 |" in text
    assert "| both | 1/3 |" in text
    assert "dropped on the way 2, success 1" in text


def test_only_failures_are_drawn(trial: Trial, carried: tuple[TrialResult, Path]) -> None:
    assert filmstrips([(trial, carried[0])], 4) is None
    failed = replace(carried[0], is_success=False, cause="dropped_on_the_way")
    sheet = filmstrips([(trial, carried[0]), (trial, failed)], 4, size=48)
    assert sheet is not None
    assert sheet.shape[1] > 5 * 48


def test_the_command_goes_on_where_it_stood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, trial: Trial,
    carried: tuple[TrialResult, Path],
) -> None:  # fmt: skip
    runs: list[str] = []

    def run(self: command.Rehearsal, each: Trial) -> TrialResult:
        runs.append(each.name)
        if len(runs) == 2:
            raise KeyboardInterrupt
        return replace(carried[0], is_success=False, cause="let_go") if each.pose == 2 else carried[0]

    monkeypatch.setattr(command, "load_control_policy", lambda _: ToldControl(trial.hand, trial.hand.open_pose))
    monkeypatch.setattr(command.Rehearsal, "_run", run)
    document = tmp_path / "page.md"
    document.write_text("<!-- begin rehearsal -->\n<!-- end rehearsal -->\n")
    (tmp_path / "policy.ckpt").write_bytes(b"weights")
    given = ["--policy", str(tmp_path / "policy.ckpt"), "--objects", "development", "--families", "bottle", "--trials",
             "1", "--fast", "--grasps", str(GRASPS), "--output", str(tmp_path / "out"), "--document", str(document),
             "--strips", "0"]  # fmt: skip
    with pytest.raises(KeyboardInterrupt):
        command.main(given)
    with caplog.at_level(logging.INFO):
        command.main(given)
    assert len(runs) == 3  # the first one was not done again
    content = json.loads((tmp_path / "out" / "results.json").read_text())
    assert content["trials"] == 2
    assert content["success"]["mean"] == 0.5
    assert "| both | 1/2 |" in document.read_text()


def test_a_second_process_answers_over_udp(exported_policy: Path, trial: Trial, tmp_path: Path) -> None:
    link = UdpLink(exported_policy, tmp_path / "log.npz", CONTROL_DT)
    answers = []
    for step in range(60):
        now = step * CONTROL_DT
        wrist = Reading(now, wrist_pose_w=trial.user_pose_w[0])
        answers.append(link.exchange(now, [wrist, Reading(now, joint_pos=trial.hand.open_pose)]))
    link.close(None)
    told = [answer for answer in answers if answer is not None]
    assert len(told) > 20
    assert told[-1].is_ready
    np.testing.assert_allclose(told[-1].joint_targets, trial.hand.open_pose, atol=0.1)
    assert len(load_log(tmp_path / "log.npz")["time_s"]) > 20


def test_a_controller_whose_rehearsal_was_killed_does_not_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []

    def note(command: list[str], **others: object) -> None:
        started.append(command)
        raise OSError("noted")

    monkeypatch.setattr("live.rehearsal.links.subprocess.Popen", note)
    with pytest.raises(OSError, match="noted"):
        UdpLink(tmp_path, tmp_path / "log.npz", 0.025)
    after = started[0].index("--seconds") + 1
    assert 60.0 < float(started[0][after]) < 3600.0  # longer than any trial


def test_a_controller_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RuntimeError, match=r"encoder\.onnx does not exist|onnxruntime"):
        UdpLink(tmp_path / "empty", tmp_path / "log.npz", CONTROL_DT)
