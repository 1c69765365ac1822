"""Sweeps of benchmarks: what is measured is kept, and what takes too much is ended and told."""

import importlib
import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from tests.learning import ROOT


@pytest.fixture
def sweep(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("_sweep")


def measured(sweep: Any, script: str, *, seconds: float = 60.0, gigabytes: float = 50.0) -> dict[str, Any]:
    row: dict[str, Any] = sweep.measured([sys.executable, "-c", script], sweep.Limits(seconds, gigabytes))
    return row


def test_the_last_line_is_what_was_measured(sweep: Any) -> None:
    assert measured(sweep, "print('hello'); print('{\"rate\": 3}')") == {"rate": 3, "highest_gb": None}


def test_memory_is_that_of_all_processes_together(sweep: Any) -> None:
    held = "import time; held = bytearray(2 * 10**8); time.sleep(4); print('{}')"
    script = (
        "import subprocess, sys; held = bytearray(10**8)\n"
        f"subprocess.run([sys.executable, '-c', {held!r}]); print('{{}}')"
    )
    assert 0.3 <= measured(sweep, script)["highest_gb"] < 0.4  # two interpreters have some ten megabytes each


def with_child(told: Path, then: str) -> str:
    """A script whose child sleeps and holds its pipes open; once the child's number stands in a file, it does more."""
    return (
        "import os, signal, subprocess, sys, time; from pathlib import Path\n"
        "started = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"told = Path({str(told) + '_'!r}); told.write_text(str(started.pid)); told.rename({str(told)!r})\n"
        f"{then}"
    )


def assert_ends(number: int) -> None:
    ends = time.monotonic() + 60.0
    while psutil.pid_exists(number) and psutil.Process(number).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_what_is_not_done_in_time_is_ended_with_all_its_processes(
    sweep: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = tmp_path / "child"
    # the time is over when both processes are there
    monkeypatch.setattr(sweep, "time", SimpleNamespace(monotonic=lambda: 2.0 * child.exists()))
    assert measured(sweep, with_child(child, "time.sleep(600)"), seconds=1.0)["failed"] == "time"
    assert_ends(int(child.read_text()))


def test_an_interruption_ends_all_processes(sweep: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = tmp_path / "child"

    def interrupted() -> float:
        if child.exists():
            raise KeyboardInterrupt
        return 0.0

    monkeypatch.setattr(sweep, "time", SimpleNamespace(monotonic=interrupted))
    with pytest.raises(KeyboardInterrupt):
        measured(sweep, with_child(child, "time.sleep(600)"))
    assert_ends(int(child.read_text()))


@pytest.mark.parametrize(
    ("then", "failed"),
    [("os.kill(os.getpid(), signal.SIGKILL)", "killed"), ("sys.exit('no grasps')", "error"), ("print('{}')", None)],
)
def test_what_is_left_behind_is_ended_and_hides_nothing(
    sweep: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str, failed: str | None
) -> None:
    child = tmp_path / "child"
    looks = iter(range(30))  # the time is over after so many: long after the first process has ended
    monkeypatch.setattr(sweep, "time", SimpleNamespace(monotonic=lambda: 1.0 * next(looks)))
    assert measured(sweep, with_child(child, then), seconds=20.0).get("failed") == failed
    assert_ends(int(child.read_text()))


def test_a_daemon_of_what_came_to_its_end_is_ended(sweep: Any, tmp_path: Path) -> None:
    script = (
        "import subprocess, sys; from subprocess import DEVNULL\n"
        "sleeps = [sys.executable, '-c', 'import time; time.sleep(600)']\n"
        "print(f'{{\"child\": {subprocess.Popen(sleeps, stdout=DEVNULL, stderr=DEVNULL).pid}}}')"
    )
    assert_ends(measured(sweep, script)["child"])


def test_what_takes_too_much_memory_is_ended(sweep: Any) -> None:
    row = measured(sweep, "import time; held = bytearray(3 * 10**8); time.sleep(600)", gigabytes=0.2)
    assert row["failed"] == "memory"
    assert row["highest_gb"] > 0.2


@pytest.mark.parametrize(
    ("script", "failed", "error"),
    [
        ("raise MemoryError", "memory", "MemoryError"),
        ("raise ValueError('no grasps')", "error", "no grasps"),
        ("import sys; sys.exit(3)", "error", "ended with status 3, without a word"),
        ("import os; os.kill(os.getpid(), 9)", "killed", "signal 9"),
        ("", "error", "no JSON object: ''"),
        ("print('done')", "error", "no JSON object: 'done'"),
        ("print(3)", "error", "no JSON object: '3'"),
        ("import sys; sys.stdout.buffer.write(b'\\xff')", "error", "no JSON object"),
    ],
)
def test_what_fails_says_how(sweep: Any, script: str, failed: str, error: str) -> None:
    row = measured(sweep, script)
    assert row["failed"] == failed
    assert error in row["error"]


def test_rows_are_kept_and_not_asked_for_again(sweep: Any, tmp_path: Path) -> None:
    path = tmp_path / "sweep.json"
    sweep.KeptRows(path, {"config": ["a"]}).add({"worlds": 4}, {"rate": 1.0})
    again = sweep.KeptRows(path, {"config": ["a"]})
    assert again.has({"worlds": 4})
    assert not again.has({"worlds": 8})
    again.add({"worlds": 8}, {"failed": "time"})
    again.forget_failed([{"worlds": 4}])
    assert json.loads(path.read_text())["choices"] == again.rows
    again.forget_failed([{"worlds": 4}, {"worlds": 8}])
    assert again.rows == [{"worlds": 4, "rate": 1.0}]


def test_rows_of_another_configuration_are_refused(sweep: Any, tmp_path: Path) -> None:
    path = tmp_path / "sweep.json"
    sweep.KeptRows(path, {"config": ["a"]}).add({"worlds": 4}, {"rate": 1.0})
    with pytest.raises(
        ValueError, match=r"sweep\.json was measured with config \['a'\], now it is \['b'\]; give anoth"
    ):
        sweep.KeptRows(path, {"config": ["b"]})


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b'{"choices": [', r"sweep\.json is damaged or no JSON \(.*line 1.*\); give another --output"),
        (b"\xff\xfe", r"sweep\.json is damaged or no JSON \(.*decode.*\); give another --output"),
        (b"[1]", r"sweep\.json holds no list of measured choices; give another --output"),
        (b'{"choices": {"worlds": 4}}', r"sweep\.json holds no list of measured choices"),
        (b'{"choices": [4]}', r"sweep\.json holds no list of measured choices"),
        (b'{"choices": []}', r"sweep\.json was measured with config None, now it is \['a'\]"),
    ],
)
def test_files_of_something_else_are_refused(sweep: Any, tmp_path: Path, content: bytes, error: str) -> None:
    path = tmp_path / "sweep.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=error):
        sweep.KeptRows(path, {"config": ["a"]})
    assert path.read_bytes() == content
