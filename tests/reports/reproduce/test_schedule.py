"""Which runs are made, in which order, how many at once and on which cores."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from reports.reproduce import schedule
from reports.reproduce.execute import RunFailedError, run_command
from reports.reproduce.runs import Run
from reports.reproduce.schedule import default_at_once, listing, run_all
from tests.learning import ROOT
from tests.reports.reproduce.plans import leave_output, made_up_plan, made_up_runs


def test_everything_is_made_once_and_in_order(tmp_path: Path) -> None:
    made: list[str] = []

    def execute(run: Run, folder: Path, lock: int, tick: Callable[[], None], cores: Sequence[int]) -> None:
        made.append(run.name)
        leave_output(run, folder, lock, tick, cores)

    runs = made_up_runs(tmp_path)
    assert run_all(runs, execute) == {}
    assert made == [run.name for run in runs.runs]
    assert run_all(made_up_runs(tmp_path), execute) == {}
    assert len(made) == 7  # nothing anew


def test_a_failure_holds_up_only_what_needs_it(tmp_path: Path) -> None:
    def execute(run: Run, folder: Path, lock: int, tick: Callable[[], None], cores: Sequence[int]) -> None:
        if run.name == "step/encoder":
            raise RunFailedError("out of memory")
        leave_output(run, folder, lock, tick, cores)

    runs = made_up_runs(tmp_path)
    failed = run_all(runs, execute)
    assert failed == {
        "step/encoder": "out of memory",
        "fit/ppo/seed_0": "fit/ppo/seed_0 was not begun: step/encoder failed",
        "test/ppo/seed_0/main_paper": "test/ppo/seed_0/main_paper was not begun: fit/ppo/seed_0 failed",
    }
    assert "3 of 7 runs to be made" in listing(runs)


def test_runs_at_once_have_cores_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "available_cores", lambda: [0, 1, 2, 3, 4])
    both, began = threading.Barrier(2), []

    def execute(run: Run, folder: Path, lock: int, tick: Callable[[], None], cores: Sequence[int]) -> None:
        began.append((run.name, list(cores)))
        if run.name in ("step/encoder", "fit/ours/seed_0"):
            both.wait(timeout=20)  # neither ends before the other has begun
        leave_output(run, folder, lock, tick, cores)

    assert run_all(made_up_runs(tmp_path), execute, at_once=2) == {}
    assert began[:2] in (
        [("step/encoder", [0, 1]), ("fit/ours/seed_0", [2, 3])],
        [("fit/ours/seed_0", [2, 3]), ("step/encoder", [0, 1])],
    )
    # those that are alone at last, too: numbers depend on the number of threads
    assert {len(cores) for _, cores in began} == {2}
    names = [name for name, _ in began]
    assert len(names) == len(set(names)) == 7
    assert names.index("fit/ppo/seed_0") > names.index("step/encoder")
    for name in names:
        if name.startswith("test/"):
            method, seed = name.split("/")[1:3]
            assert names.index(name) > names.index(f"fit/{method}/{seed}")


def test_of_several_at_once_the_longest_chain_begins_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "available_cores", lambda: [0, 1])
    both, began = threading.Barrier(2), []

    def execute(run: Run, folder: Path, lock: int, tick: Callable[[], None], cores: Sequence[int]) -> None:
        began.append(run.name)
        if len(began) <= 2:
            both.wait(timeout=20)
        leave_output(run, folder, lock, tick, cores)

    content = made_up_plan(tmp_path)
    content["methods"]["ppo"] |= {"needs": [], "options": [], "minutes": 1, "test_minutes": 30}
    runs = made_up_runs(tmp_path, methods=content["methods"], steps={})
    assert {run.name: run.minutes for run in runs.runs}["test/ppo/seed_0/main_paper"] == 30
    assert run_all(runs, execute, at_once=2) == {}
    assert set(began[:2]) == {"fit/ppo/seed_0", "fit/ours/seed_0"}  # 31 minutes, and 5 of either seed of ours
    assert began.index("test/ppo/seed_0/main_paper") < began.index("test/ours/seed_0/main_paper")


def test_a_run_alone_has_all_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "available_cores", lambda: [3, 5])
    seen = []

    def execute(run: Run, folder: Path, lock: int, tick: Callable[[], None], cores: Sequence[int]) -> None:
        seen.append(list(cores))
        leave_output(run, folder, lock, tick, cores)

    assert run_all(made_up_runs(tmp_path), execute) == {}
    assert seen == [[3, 5]] * 7


@pytest.mark.parametrize("at_once", [0, 3])
def test_more_at_once_than_cores_are_refused(at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "available_cores", lambda: [0, 1])
    with pytest.raises(ValueError, match=f"at_once is {at_once}; expected 1 to 2, the number of cores"):
        run_all(made_up_runs(tmp_path), leave_output, at_once=at_once)
    with pytest.raises(ValueError, match=f"at_once is {at_once}; expected 1 to 2"):  # by --dry_run
        listing(made_up_runs(tmp_path), at_once)


@pytest.mark.parametrize(("gigabytes", "expected"), [(3, 1), (13, 2), (100, 4)])
def test_by_default_as_many_as_cores_and_memory_allow(
    gigabytes: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "available_cores", lambda: [0, 1, 2, 3])
    monkeypatch.setattr(schedule, "available_memory", lambda: gigabytes * 10**9)
    assert default_at_once() == expected


def test_an_interrupt_ends_what_is_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = []

    def execute(run: Run, folder: Path, lock: int, tick: Callable[[], None], cores: Sequence[int]) -> None:
        try:
            for _ in range(2000):
                tick()
                time.sleep(0.01)
        finally:
            ended.append(run.name)

    monkeypatch.setattr(schedule._Schedule, "_tell", interrupt)
    runs = made_up_runs(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run_all(runs, execute)
    assert ended == ["step/encoder"]
    assert len(runs.missing()) == 7


def interrupt(_: object) -> None:
    """What the terminal does when somebody presses Ctrl-C."""
    raise KeyboardInterrupt


@pytest.mark.skipif(sys.platform != "linux", reason="cores are chosen on Linux alone")
def test_a_command_keeps_to_its_cores(tmp_path: Path) -> None:
    core = sorted(os.sched_getaffinity(0))[-1]
    (tmp_path / "tells.py").write_text("import os; print(os.sched_getaffinity(0), os.environ['OMP_NUM_THREADS'])")
    run = Run("fit/a", "tells", "", (), (), (), "out", "", 0, 1.0)
    with (tmp_path / "lock").open("w") as lock, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path))
        run_command(run, tmp_path, lock.fileno(), lambda: None, [core])
    assert f"{{{core}}} 1" in (tmp_path / "log.txt").read_text()


COUNTS = """
import sys, time
from pathlib import Path
out = Path(sys.argv[1])
made = out.parent / "made"
while (steps := made.read_text().count("x") if made.exists() else 0) < 12:
    with made.open("a") as stream: stream.write("x")
    time.sleep(0.1)
out.write_text("done")
"""
"""A command that goes on where it stood."""

DRIVES = """
import sys, logging
from pathlib import Path
from reports.reproduce.execute import Runs
from reports.reproduce.schedule import run_all
from reports.reproduce.runs import Run
root = Path(sys.argv[1])
runs = [Run(f"fit/{n}", "counts", "", (), (str(root / "fit" / n / "out"),), (), "out", "", 0, 1.0) for n in "ab"]
assert run_all(Runs(root, runs)) == {}
"""


def test_killed_at_any_moment_the_same_command_goes_on(tmp_path: Path) -> None:
    (tmp_path / "counts.py").write_text(COUNTS)
    root = tmp_path / "root"
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    command, made = [sys.executable, "-c", DRIVES, str(root)], root / "fit" / "a" / "made"
    for wanted in (2, 5):  # steps after which it is killed
        with subprocess.Popen(command, env=os.environ | {"PYTHONPATH": path}, stderr=subprocess.DEVNULL) as process:
            while not made.exists() or made.read_text().count("x") < wanted:
                assert process.poll() is None
                time.sleep(0.02)
            os.kill(process.pid, signal.SIGKILL)
        time.sleep(0.3)
        before = made.read_text()
        time.sleep(0.3)
        assert made.read_text() == before  # its child has ended, too
    subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, check=True, stderr=subprocess.DEVNULL)
    assert [(root / "fit" / name / "made").read_text() for name in "ab"] == ["x" * 12] * 2
