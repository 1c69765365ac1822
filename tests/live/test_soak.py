"""Streaming in which everything goes wrong, for some seconds, and what looks at it finds what is wrong."""

import json
from pathlib import Path

import numpy as np
import pytest

from live.controller import JointTargets
from live.soak import SoakReport, _Judge, main, soak
from live.states import State
from tests.live.fakes import FACTS, OPEN, FakePolicy


@pytest.fixture(scope="module")
def report() -> SoakReport:
    with pytest.MonkeyPatch.context() as patch:  # senders may change after a fifth of a second
        patch.setattr("live.udp.SILENT_S", 0.2)
        patch.setattr("live.faults.SILENT_S", 0.2)
        return soak(FakePolicy(1.0), 6.0, reconnect_s=0.8)


def test_nothing_raises_and_targets_keep_limits_and_speed(report: SoakReport) -> None:
    assert report.exception == ""
    assert report.violations == []
    assert report.rounds > 20
    assert report.states["assist"] > 0
    assert 0.0 < report.largest_speed <= 2.0 + 1e-6
    assert report.reconnects >= 2


def test_all_faults_came_and_were_counted(report: SoakReport) -> None:
    assert {"good", "lost", "late", "nan", "jump", "clock"} <= report.messages.keys()
    assert report.refused["malformed"] > 0
    assert report.refused["clock"] > 0
    assert len(report.memory_mb) > 20
    assert report.is_fine


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (np.array([0.0, np.nan, 0.2]), "not finite"),
        (np.array([0.0, 2.1, 0.2]), "beyond the limits"),
        (np.array([0.0, 0.16, 0.2]), "moves at 2.4"),
    ],
)
def test_bad_targets_are_found(targets: np.ndarray, message: str) -> None:
    report = SoakReport()
    judge = _Judge(FACTS, 2.0, report)
    judge.look(JointTargets(0.0, OPEN, True, State.IDLE, False, ""), 0.0)
    judge.look(JointTargets(0.025, targets, True, State.IDLE, False, ""), 0.025)
    assert message in report.violations[0]


def test_the_command_writes_json_and_says_how_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live.soak.load_control_policy", lambda _: FakePolicy(0.5))
    with pytest.raises(SystemExit) as ended:
        main(["--duration", "0.3", "--output", str(tmp_path / "soak.json")])
    content = json.loads((tmp_path / "soak.json").read_text())
    assert ended.value.code == (0 if content["is_fine"] else 1)
    assert content["rounds"] > 0


def test_a_report_that_cannot_be_written_is_told_before_the_hour(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SystemExit):
        main(["--output", str(tmp_path / "file" / "soak.json")])
    assert "soak.json cannot be written" in " ".join(capsys.readouterr().err.split())


def test_a_soak_that_nothing_reached_is_not_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live.soak.FaultyUser.step", lambda *_: None)
    report = soak(FakePolicy(1.0), 0.3)
    assert report.rounds == 0
    assert not report.is_fine
    assert report.violations == ["0 rounds, in none of which the hand assisted: nothing was tried"]
