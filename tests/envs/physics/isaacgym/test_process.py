"""The worker process: whatever is wrong with interpreter, package or worker ends in an error that says what to do."""

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from envs.physics.isaacgym import worker
from envs.physics.isaacgym.factory import IsaacGym
from envs.physics.isaacgym.process import PYTHON_VARIABLE, IsaacGymError, Patience, WorkerProcess
from tests.contracts.physics_start import HAND, hovering_start, put
from tests.isaac_gym import write_interpreter

INSTALL = "Python 3.8 .*Isaac Gym Preview 4.*GRASPGF_ISAACGYM_PYTHON"


def test_no_interpreter_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PYTHON_VARIABLE, raising=False)
    with pytest.raises(IsaacGymError, match=f"no Python interpreter is named for Isaac Gym: .*{INSTALL}"):
        IsaacGym().make(HAND, 1)


def test_the_environment_variable_names_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PYTHON_VARIABLE, "/nowhere/bin/python")
    with pytest.raises(IsaacGymError, match=f"/nowhere/bin/python, is no file that can be run; .*{INSTALL}"):
        IsaacGym().make(HAND, 1)


def test_a_file_that_cannot_be_run(tmp_path: Path) -> None:
    path = tmp_path / "python"
    path.write_text("no program")
    path.chmod(0o755)
    with pytest.raises(IsaacGymError, match=f"cannot be run: .*{INSTALL}"):
        WorkerProcess(str(path), Patience())


def test_a_program_that_is_no_python(tmp_path: Path) -> None:
    path = tmp_path / "python"
    path.write_text("#!/bin/sh\necho what is this\nexit 3\n")
    path.chmod(0o755)
    with pytest.raises(IsaacGymError, match=rf"ended with exit status 3 in 'start'; .*{INSTALL}.*\n.*\nwhat is this"):
        WorkerProcess(str(path), Patience())


def test_a_python_without_numpy(tmp_path: Path) -> None:
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\nexec '{sys.executable}' -S \"$@\"\n")  # no site-packages
    path.chmod(0o755)
    message = rf"(?s)ended with exit status 1 in 'start'; .*{INSTALL}.*ModuleNotFoundError: No module named 'numpy'"
    with pytest.raises(IsaacGymError, match=message):
        WorkerProcess(str(path), Patience())


def test_a_program_that_never_greets(tmp_path: Path) -> None:
    path = tmp_path / "python"
    path.write_text("#!/bin/sh\nexec sleep 60\n")
    path.chmod(0o755)
    message = f"did not answer 'start' within 0.2 s and was ended; .*raise patience.start of the physics; .*{INSTALL}"
    with pytest.raises(IsaacGymError, match=message):
        WorkerProcess(str(path), Patience(start=0.2))


def test_a_python_without_isaac_gym(tmp_path: Path) -> None:
    # this one is also too new
    message = (
        rf"Python 3\.\d+\.\d+\) cannot import Isaac Gym: ModuleNotFoundError.*Python 3.6 to 3.8 alone; .*{INSTALL}"
    )
    with pytest.raises(IsaacGymError, match=message):
        WorkerProcess(write_interpreter(tmp_path, isaacgym=False), Patience())


def test_a_python_that_isaac_gym_does_not_know(tmp_path: Path) -> None:
    with pytest.raises(IsaacGymError, match=f"RuntimeError: No gym module found for the active version.*{INSTALL}"):
        WorkerProcess(write_interpreter(tmp_path, "no_import"), Patience())


def test_an_older_isaac_gym(tmp_path: Path) -> None:
    with pytest.raises(IsaacGymError, match=f"lacks get_rigid_contacts: it is not Preview 4; .*{INSTALL}"):
        WorkerProcess(write_interpreter(tmp_path, "old"), Patience())


def test_files_of_two_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "PROTOCOL", worker.PROTOCOL + 1)
    with pytest.raises(IsaacGymError, match=r"speaks protocol 1, this process 2: .*install it anew"):
        WorkerProcess(write_interpreter(tmp_path), Patience())


def test_a_worker_that_dies_in_a_step(tmp_path: Path) -> None:
    physics = IsaacGym(python=write_interpreter(tmp_path, "crash")).make(HAND, 1)
    put(physics, hovering_start(1))
    with pytest.raises(IsaacGymError, match=r"worker was ended by SIGABRT in 'step'\n.*\nImporting module 'gym_38'"):
        physics.step()
    with pytest.raises(IsaacGymError, match="SIGABRT"):  # and not used again
        physics.step()


def test_a_worker_that_does_not_answer_is_ended(tmp_path: Path) -> None:
    physics = IsaacGym(python=write_interpreter(tmp_path, "hang"), patience=Patience(step=0.5)).make(HAND, 1)
    put(physics, hovering_start(1))
    began = time.monotonic()
    with pytest.raises(IsaacGymError, match=r"did not answer 'step' within 0.5 s and was ended; .*raise patience.step"):
        physics.step()
    assert time.monotonic() - began < 30.0  # the stand-in sleeps for a minute


def test_a_worker_that_reads_no_more_is_ended_in_time(tmp_path: Path) -> None:
    process = WorkerProcess(write_interpreter(tmp_path), Patience(build=0.5))
    os.kill(process._process.pid, signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(
        IsaacGymError, match=r"did not answer 'build' within 0.5 s and was ended; .*raise patience.build"
    ):
        process.call("build", long="x" * 1_000_000)  # a pipe holds 64 kB
    assert time.monotonic() - began < 30.0
    assert process._process.returncode == -signal.SIGKILL


def test_a_long_command_arrives_whole(tmp_path: Path) -> None:
    process = WorkerProcess(write_interpreter(tmp_path), Patience())
    process.call("clear", long="x" * 1_000_000)
    process.stop()


def test_a_killed_worker_that_does_not_end_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    process = WorkerProcess(write_interpreter(tmp_path), Patience())

    def hang(timeout: float) -> int:
        raise subprocess.TimeoutExpired("python", timeout)

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING, "envs.physics.isaacgym.process"):
        patch.setattr(process._process, "wait", hang)
        process.stop()
    assert f"process {process._process.pid}, was killed but has not ended within 10 s" in caplog.text
    process._process.wait()


def is_running(process: int) -> bool:
    """Whether there is such a process, and it has not ended; nobody need have asked how."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def test_a_worker_ends_with_its_parent_however_that_ends(tmp_path: Path) -> None:
    lines = (
        "import time",
        "from envs.physics.isaacgym.process import Patience, WorkerProcess",
        f"process = WorkerProcess({write_interpreter(tmp_path)!r}, Patience())",
        "print(process._process.pid, flush=True)",
        "time.sleep(60.0)",
    )
    with subprocess.Popen([sys.executable, "-c", "\n".join(lines)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker_number = int(parent.stdout.readline())
        assert is_running(worker_number)
        parent.kill()
    deadline = time.monotonic() + 30.0
    while is_running(worker_number) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_running(worker_number)


def test_an_error_inside_the_worker_is_told(tmp_path: Path) -> None:
    process = WorkerProcess(write_interpreter(tmp_path), Patience())
    with pytest.raises(IsaacGymError, match=r"(?s)worker failed in 'build': Traceback.*KeyError"):
        process.call("build", nothing=1)
    assert not process.is_usable


def test_arrays_are_seen_by_both_and_begin_with_zeros(tmp_path: Path) -> None:
    process = WorkerProcess(write_interpreter(tmp_path), Patience())
    first = process.share({"a": (np.float32, (3, 5)), "b": (np.bool_, (7,))})
    first["a"][:] = 2.0
    second = process.share({"b": (np.bool_, (2,)), "a": (np.float32, (100, 100))})
    assert not second["a"].any()
    assert second["a"].shape == (100, 100)
    process.stop()
    with pytest.raises(IsaacGymError, match="was stopped"):
        process.call("clear")


def test_waiting_for_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match=r"step=0.0\) waits for no time at all"):
        Patience(step=0.0)


def test_a_worker_whose_call_was_cut_off_is_not_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = WorkerProcess(write_interpreter(tmp_path), Patience())

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("envs.physics.isaacgym.process.select.select", interrupt)
        with pytest.raises(KeyboardInterrupt):
            process.call("clear")
    # the answer that is still to come would be taken for that to the next command
    assert not process.is_usable
    with pytest.raises(IsaacGymError, match="'clear' was cut off"):
        process.call("clear")


def test_an_interpreter_that_cannot_be_run_leaves_no_file_open(tmp_path: Path) -> None:
    path = tmp_path / "python"
    path.write_text("no program")
    path.chmod(0o755)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(IsaacGymError, match="cannot be run"):
        WorkerProcess(str(path), Patience())
    assert len(list(Path("/proc/self/fd").iterdir())) == before
