"""The runs of a plan in their folders: what there is of each, and how one is made."""

import ctypes
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from envs.folder_lock import locked
from envs.workers import available_cores
from reports.reproduce.runs import Run
from reports.reproduce.stamps import (
    DONE,
    STAMP,
    Stamp,
    State,
    read_stamp,
    stamp_of,
    state_of,
    write_done,
    write_stamp,
)  # fmt: skip

_LOG = logging.getLogger("reproduce")

_LAST_LINES = 12
"""Of a run's log, told when it failed."""

_SHOWN = 3
"""Differences of a stamp that are told."""

_DIES_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of prctl(2)."""

_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class RunFailedError(RuntimeError):
    """A run ended with an error."""


@dataclass
class Runs:
    """Runs with their stamps, in a folder.

    Attributes:
        root: the folder.
        runs: in their order.
        accept_code: runs of other versions of the code count as the same.
        stamps: by the name of the run.
    """

    root: Path
    runs: Sequence[Run]
    accept_code: bool = False
    stamps: dict[str, Stamp] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Make the stamps; a FileNotFoundError names a file that is not there."""
        outputs = [str(self.root / run.name / run.output) for run in self.runs]
        for run in self.runs:
            self.stamps[run.name] = stamp_of(run, self.stamps, outputs)

    def folder(self, run: Run) -> Path:
        """Where a run goes."""
        return self.root / run.name

    def state(self, run: Run) -> State:
        """What there is of it; what others are made of may go once all of them are done, such as a checkpoint."""
        found = state_of(run, self.stamps[run.name], self.folder(run), with_code=not self.accept_code)
        if found is not State.SPENT:
            return found
        users = [each for each in self.runs if run.name in each.needs]
        is_served = run.subcommand != "test" and all(self.state(each) is State.DONE for each in users)
        return State.DONE if is_served else State.BEGUN

    def check(self) -> None:
        """Refuse runs that were made by something else.

        Raises:
            ValueError: names the first, what differs, and the remedies.
        """
        others = [run for run in self.runs if self.state(run) is State.OTHER]
        if not others:
            return
        folder = self.folder(others[0])
        more = f" (and {len(others) - 1} more runs)" if len(others) > 1 else ""
        raise ValueError(
            f"{folder} was made by something else{more}: {self.told_of(others[0])}. Name another --folder; or --again, "
            "which puts such runs aside and makes them anew"
            + ("; or --accept_code, where the code alone differs" if self._differs_in_code(others[0]) else "")
        )

    def told_of(self, run: Run) -> str:
        """What a run in its folder was made of otherwise, in words."""
        kept = read_stamp(self.folder(run))
        if kept is None:
            return f"it has no {STAMP}"
        found = self.stamps[run.name].differences(kept, with_code=not self.accept_code)
        return "; ".join(found[:_SHOWN]) + (f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")

    def _differs_in_code(self, run: Run) -> bool:
        kept = read_stamp(self.folder(run))
        return kept is not None and not self.stamps[run.name].differences(kept, with_code=False)

    def put_aside(self) -> None:
        """Rename the folders of runs that were made by something else.

        Raises:
            BlockingIOError: another process makes one of them.
        """
        for run in self.runs:
            if self.state(run) is State.OTHER:
                folder, number = self.folder(run), 1
                while (aside := folder.with_name(f"{folder.name}_before_{number}")).exists():
                    number += 1
                with locked(folder):
                    folder.rename(aside)
                _LOG.info("put aside: %s", aside)

    def missing(self) -> list[Run]:
        """Runs that are not done."""
        return [run for run in self.runs if self.state(run) is not State.DONE]


Executes = Callable[[Run, Path, int, Callable[[], None], Sequence[int]], None]
"""Runs a run in a folder; is handed the descriptor of its lock, what to call every now and then, and its cores."""


def run_command(run: Run, folder: Path, lock: int, tick: Callable[[], None], cores: Sequence[int]) -> None:
    """Run its command, its output into ``log.txt``; killed with this process, it keeps the lock until it has ended.

    Raises:
        RunFailedError: names the log and tells its last lines.
    """
    path = folder / "log.txt"
    command = [sys.executable, *run.command(folder)]
    with open(path, "a", encoding="utf-8") as log:
        log.write(f"$ {' '.join(command)}\n")
        log.flush()
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, pass_fds=(lock,), preexec_fn=partial(_begin, cores),
            env=os.environ | {"OMP_NUM_THREADS": str(len(cores))},
        )  # fmt: skip
        try:
            while process.poll() is None:
                tick()
                time.sleep(0.2)
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if process.returncode:
        last = path.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
        raise RunFailedError("\n".join([f"{run.name} ended with {process.returncode}; {path} ends with:", *last]))


def _begin(cores: Sequence[int]) -> None:
    """In the new process, before its command: it dies with its parent, and keeps to its cores."""
    if _LIBC is not None:
        _LIBC.prctl(_DIES_WITH_PARENT, signal.SIGKILL)
        os.sched_setaffinity(0, cores)


def run_one(
    runs: Runs,
    run: Run,
    execute: Executes = run_command,
    tick: Callable[[], None] = lambda: None,
    cores: Sequence[int] | None = None,
) -> None:
    """Make one run, or go on with it where it stood; nothing when it is done.

    Args:
        runs: what there is.
        run: to be made.
        execute: makes it.
        tick: called every now and then.
        cores: that it may use, all that this process may when None.

    Raises:
        BlockingIOError: another process makes it.
        RunFailedError: it failed, or something that it needs is not there.
    """
    lacking = [each.name for each in runs.runs if each.name in run.needs and runs.state(each) is not State.DONE]
    if lacking:
        raise RunFailedError(f"{run.name} needs {', '.join(lacking)} first")
    folder = runs.folder(run)
    with locked(folder) as lock:
        state = runs.state(run)
        if state is State.DONE:
            return
        if state is State.MISSING:
            write_stamp(folder, runs.stamps[run.name])
        (folder / DONE).unlink(missing_ok=True)  # made again, it is not done with its first checkpoint
        began = time.monotonic()
        execute(run, folder, lock.fileno(), tick, available_cores() if cores is None else cores)
        if not (folder / run.output).is_file():
            raise RunFailedError(f"{run.name} ended without an error, but without {folder / run.output}, too")
        write_done(folder, (time.monotonic() - began) / 60.0, went_on=state is not State.MISSING)


def code_versions(runs: Runs) -> int:
    """By how many versions of the code the finished runs were made."""
    kept = [read_stamp(runs.folder(run)) for run in runs.runs if runs.state(run) is State.DONE]
    return len({json.dumps(each["code"], sort_keys=True) for each in kept if each is not None})
