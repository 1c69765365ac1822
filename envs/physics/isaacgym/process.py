"""A worker process with another Python, and calls to it that end: by an answer, or by an error that says what to do."""

import contextlib
import json
import logging
import mmap
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.physics.isaacgym import worker as worker_file
from envs.physics.unavailable import PhysicsUnavailableError

_LOG = logging.getLogger(__name__)

PYTHON_VARIABLE = "GRASPGF_ISAACGYM_PYTHON"
"""Environment variable: the Python interpreter that has Isaac Gym."""

INSTALL = (
    "make an environment with Python 3.8 (conda create -n isaacgym python=3.8), unpack Isaac Gym Preview 4 from "
    "https://developer.nvidia.com/isaac-gym, run there `pip install -e isaacgym/python`, and give that environment's "
    f"bin/python as {PYTHON_VARIABLE} or as `python` of envs.physics.isaacgym.factory.IsaacGym (docs/backends.md)"
)

_PYTHONS = ((3, 6), (3, 7), (3, 8))
"""Versions that Isaac Gym Preview 4 has binaries for; the worker itself asks for 3.7."""

_LAST_LINES = 15

_KILL_S = 10.0
"""Seconds in which a killed process ends; one that waits within a driver does not."""


class IsaacGymError(PhysicsUnavailableError):
    """The worker cannot be started, has died, did not answer in time, or failed; says what to do about it."""


@dataclass(frozen=True)
class Patience:
    """How long to wait for the worker, seconds.

    Attributes:
        start: until Isaac Gym is imported.
        build: until a simulation of all worlds stands.
        step: until a control step is done.

    Raises:
        ValueError: one that is not positive.
    """

    start: float = 120.0
    build: float = 600.0
    step: float = 60.0

    def __post_init__(self) -> None:
        if not min(self.start, self.build, self.step) > 0.0:
            raise ValueError(f"{self} waits for no time at all; give positive seconds")


class WorkerProcess:
    """`worker.py` running under another interpreter; used by one backend at a time.

    Attributes:
        version: of Isaac Gym, as its package says.

    Args:
        python: the interpreter; None takes that of the environment variable.
        patience: how long to wait.

    Raises:
        IsaacGymError: there is no such interpreter, or no Isaac Gym in it that can be used.
    """

    def __init__(self, python: str | None, patience: Patience) -> None:
        self._python = _interpreter(python)
        self._patience = patience
        self._trouble: str | None = None
        self._rest = b""
        self._memory = os.memfd_create("isaacgym")
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in stop
        commands, self._commands = os.pipe()
        self._answers, answers = os.pipe()
        given = (commands, answers, self._memory)
        try:
            self._process = subprocess.Popen(
                [self._python, "-u", worker_file.__file__, *map(str, given)],
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                pass_fds=given,
                env=_environment(self._python),
            )
        except OSError as error:
            self._close_files()
            raise IsaacGymError(f"the interpreter {self._python} cannot be run: {error}; {INSTALL}") from error
        finally:
            os.close(commands)
            os.close(answers)
        os.set_blocking(self._commands, False)  # a worker that reads no more must not hold this process
        with self._whole("start"):
            self.version = self._check(self._exchange("start", b"", patience.start))

    def _check(self, greeting: Mapping[str, Any]) -> str:
        """The version of Isaac Gym, if it is one that can be used."""
        python, trouble = tuple(greeting.get("python", ())), ""
        if greeting.get("protocol") != worker_file.PROTOCOL:
            trouble = (
                f"the worker speaks protocol {greeting.get('protocol')}, this process {worker_file.PROTOCOL}: files of "
                "two versions of this project are mixed; install it anew"
            )
        elif "failed" in greeting:
            found = (
                f"{self._python} (Python {'.'.join(map(str, python))}) cannot import Isaac Gym: {greeting['failed']}"
            )
            wrong = "" if python[:2] in _PYTHONS else "; Isaac Gym runs on Python 3.6 to 3.8 alone"
            trouble = f"{found}{wrong}; {INSTALL}{self._last_words()}"
        elif greeting["missing"]:
            trouble = (
                f"isaacgym {greeting['isaacgym']} of {self._python} lacks {', '.join(greeting['missing'])}: it is not "
                f"Preview 4; {INSTALL}"
            )
        if trouble:
            self._fail(trouble)
        return str(greeting["isaacgym"])

    @property
    def is_usable(self) -> bool:
        """It runs and has not failed."""
        return self._trouble is None and self._process.poll() is None

    def share(self, arrays: Mapping[str, tuple[type, tuple[int, ...]]]) -> dict[str, NDArray[Any]]:
        """Arrays of these types and shapes, all zero, that the worker sees, too; those shared before are given up."""
        layout, size = [], 0
        for name, (kind, shape) in arrays.items():
            layout.append((name, np.dtype(kind).str, shape, size))
            size += -(-int(np.prod(shape)) * np.dtype(kind).itemsize // 64) * 64  # each begins at a multiple of 64
        if size > os.fstat(self._memory).st_size:
            os.ftruncate(self._memory, size)
        memory = mmap.mmap(self._memory, size)
        memory.write(bytes(size))
        self.call("open", arrays=layout, size=size)
        return {name: np.ndarray(shape, kind, memory, offset) for name, kind, shape, offset in layout}

    def call(self, command: str, **arguments: Any) -> None:
        """Have the worker do something and wait until it is done.

        Raises:
            IsaacGymError: it failed, has died, or took too long; it is not used again.
        """
        if self._trouble is not None:
            raise IsaacGymError(self._trouble)
        wait = {"build": self._patience.build, "step": self._patience.step}.get(command, self._patience.start)
        line = json.dumps({"command": command, **arguments}).encode() + b"\n"
        with self._whole(command):
            answer = self._exchange(command, line, wait)
        if "failed" in answer:
            self._fail(f"Isaac Gym's worker failed in {command!r}: {answer['failed'].strip()}{self._last_words()}")

    @contextlib.contextmanager
    def _whole(self, command: str) -> Iterator[None]:
        """Ends the worker when something, as Ctrl+C, comes between a command and its answer, which would be taken for
        that to the next command."""
        try:
            yield
        except BaseException:
            self._trouble = (
                self._trouble or f"Isaac Gym's worker was ended: its {command!r} was cut off; make worlds anew"
            )
            self.stop()
            raise

    def _exchange(self, command: str, line: bytes, wait: float) -> dict[str, Any]:
        """The answer to a command, whose line (none for the greeting) is written as the worker takes it."""
        end, how = time.monotonic() + wait, f"; {INSTALL}" if command == "start" else ""
        while line or b"\n" not in self._rest:
            left = max(0.0, end - time.monotonic())
            readable, writable, _ = select.select([self._answers], [self._commands] if line else [], [], left)
            if not readable and not (writable and left):
                self._fail(
                    f"Isaac Gym's worker did not answer {command!r} within {wait:g} s and was ended; if it only needs "
                    f"longer, raise patience.{command if command in ('build', 'step') else 'start'} of the "
                    f"physics{how}{self._last_words()}"
                )
            if writable:
                line = self._written(line)
            if readable:
                read = os.read(self._answers, 1 << 16)
                if not read:
                    self._fail(f"Isaac Gym's worker {self._end()} in {command!r}{how}{self._last_words()}")
                self._rest += read
        answer_line, _, self._rest = self._rest.partition(b"\n")
        answer: dict[str, Any] = json.loads(answer_line)
        return answer

    def _written(self, line: bytes) -> bytes:
        """What is left of a line once the pipe has taken what it can."""
        try:
            return line[os.write(self._commands, line) :]
        except BlockingIOError:
            return line
        except BrokenPipeError:  # the missing answer tells more
            return b""

    def _end(self) -> str:
        try:
            code = self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            return "closed its pipe"
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit status {code}"

    def _last_words(self) -> str:
        """The last lines that the worker or Isaac Gym printed."""
        size = os.fstat(self._log.fileno()).st_size
        lines = os.pread(self._log.fileno(), 1 << 14, max(0, size - (1 << 14))).decode(errors="replace").splitlines()
        return "\nlast lines of the worker:\n" + "\n".join(lines[-_LAST_LINES:]) if lines else "; it printed nothing"

    def _fail(self, trouble: str) -> None:
        self._trouble = trouble
        self.stop()
        raise IsaacGymError(trouble)

    def stop(self) -> None:
        """End the process and give its memory back; nothing can be called any more."""
        self._trouble = self._trouble or "Isaac Gym's worker was stopped"
        if self._memory < 0:
            return
        self._process.kill()
        try:
            self._process.wait(_KILL_S)
        except subprocess.TimeoutExpired:
            _LOG.warning(
                "Isaac Gym's worker, process %d, was killed but has not ended within %g s: it hangs in a driver, and "
                "may hold its memory until that lets it go", self._process.pid, _KILL_S,
            )  # fmt: skip
        self._close_files()

    def _close_files(self) -> None:
        for file in (self._commands, self._answers, self._memory):
            os.close(file)
        self._memory = -1
        self._log.close()


def _interpreter(python: str | None) -> str:
    if not hasattr(os, "memfd_create"):
        raise IsaacGymError(f"Isaac Gym runs on Linux alone, not on {sys.platform}; choose another physics backend")
    given = python or os.environ.get(PYTHON_VARIABLE, "").strip()
    if not given:
        raise IsaacGymError(f"no Python interpreter is named for Isaac Gym: {INSTALL}")
    path = Path(given).expanduser()
    if not path.is_file() or not os.access(path, os.X_OK):
        raise IsaacGymError(f"the interpreter for Isaac Gym, {given}, is no file that can be run; {INSTALL}")
    return str(path.absolute())


def _environment(python: str) -> dict[str, str]:
    """The environment without what points into this Python's packages, and with that Python's shared library."""
    found = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    libraries = Path(python).parent.parent / "lib"
    if any(libraries.glob("libpython3*.so*")):  # of conda; Isaac Gym looks for it along this path only
        found["LD_LIBRARY_PATH"] = os.pathsep.join([str(libraries), *filter(None, [found.get("LD_LIBRARY_PATH")])])
    return found
